//! The matrix product in fixed point with AVX2 and AVX-512.
//!
//! Packed weights are panels of up to [`Products::PANEL`] vectors of outputs: bias, multipliers and
//! shifts, then for each group of inputs (those that share a 32-bit lane: four of 8 bits, or two of
//! 16) the weights of all outputs of the panel. Sums wrap and are exact where the result fits 32
//! bits.

#![expect(unsafe_code, reason = "reads weights and inputs in the innermost loop")]

use super::fixed_inputs::{Input, gather, group};
use super::{Kernel, Matrix, Taps, reference};
use crate::arith::{Fixed, FixedInput};
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, Products, Scale, StoreInput, entries};
use crate::num::simd::part_mut;

/// Vectors before the weights of a panel: bias, multiplier and shift.
const HEADER: usize = 3;

/// Returns the lanes of a panel of `vectors` vectors for so many groups of inputs.
fn panel_len<S: Products>(vectors: usize, groups: usize) -> usize {
    vectors * S::LANES * (HEADER + groups)
}

/// Returns the first output and the number of vectors of each panel, as even as can be.
#[inline(always)]
fn panels<S: Products>(outputs: usize) -> impl Iterator<Item = (usize, usize)> {
    let vectors = outputs.div_ceil(S::LANES);
    let panel = vectors.div_ceil(vectors.div_ceil(S::PANEL).max(1)).max(1);
    let first = (0..vectors).step_by(panel);
    first.map(move |first| (first * S::LANES, panel.min(vectors - first)))
}

fn packed_words<S: Products>((outputs, inputs): (usize, usize), input_bytes: usize) -> usize {
    let groups = inputs.div_ceil(group::<S>(input_bytes));
    panel_len::<S>(outputs.div_ceil(S::LANES), groups) / 2
}

fn pack<S: Products, I: FixedInput>(
    matrix: &Matrix<'_, Fixed<I>>,
    input_bytes: usize,
    packed: &mut [u64],
) {
    let packed: &mut [i32] = bytemuck::must_cast_slice_mut(packed);
    let group = group::<S>(input_bytes);
    let groups = matrix.inputs.div_ceil(group);
    let mut at = 0;
    for (first, vectors) in panels::<S>(matrix.outputs) {
        let len = panel_len::<S>(vectors, groups);
        let panel = part_mut(packed, at, len);
        at += len;
        let lanes = vectors * S::LANES;
        panel.fill(0);
        for lane in 0..lanes {
            pack_output(
                matrix,
                first + lane,
                group,
                panel.iter_mut().skip(lane).step_by(lanes),
            );
        }
    }
}

/// Packs one output: what stands in its lane of each vector.
fn pack_output<'p, I: FixedInput>(
    matrix: &Matrix<'_, Fixed<I>>,
    o: usize,
    group: usize,
    mut lane: impl Iterator<Item = &'p mut i32>,
) {
    let scale = matrix.scale;
    let (Some(&multiplier), Some(&shift)) = (scale.multiplier.get(o), scale.shift.get(o)) else {
        return;
    };
    let row = matrix.weights.get(o * matrix.inputs..);
    let row = row
        .and_then(|row| row.get(..matrix.inputs))
        .unwrap_or_default();
    let mut bias = matrix.bias.get(o).copied().unwrap_or_default();
    if group == 4 {
        // Inputs are stored plus 128; the sum is shifted up 8.
        let sum: i32 = row.iter().map(|&w| i32::from(w)).sum();
        bias = bias.wrapping_sub(sum << 15);
    }
    for value in [bias, multiplier, shift.into()] {
        if let Some(to) = lane.next() {
            *to = value;
        }
    }
    let bits = 32 / group;
    for (to, weights) in lane.zip(row.chunks(group)) {
        let mask = u32::MAX >> (32 - bits);
        let values = weights.iter().enumerate();
        let word = values.fold(0, |word, (i, &w)| {
            word | (i32::from(w) as u32 & mask) << (i * bits)
        });
        *to = word as i32;
    }
}

/// Results as they are stored.
trait Output: Sized {
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V);
}

impl Output for i16 {
    #[inline(always)]
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V) {
        StoreInput::store(s, to, v);
    }
}

impl Output for i32 {
    #[inline(always)]
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V) {
        s.store(to, v);
    }
}

/// Words of scratch: the inputs of as many pixels as are taken at a time, at most two a lane.
fn scratch_words<S: Products>(inputs: usize) -> usize {
    (S::PIXELS * inputs.div_ceil(2)).div_ceil(2)
}

/// As `super::reference::run`; tells whether the matrix is packed and the scratch long enough.
#[inline(always)]
fn run<S: Products, I: Input, X: Input, O: Output>(
    s: S,
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    scratch: &mut [u64],
    out: &mut [O],
) -> bool {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let packed: &[i32] = bytemuck::must_cast_slice(matrix.packed);
    let rows: &mut [i32] = bytemuck::must_cast_slice_mut(scratch);
    let groups = inputs.div_ceil(group::<S>(size_of::<X>()));
    let len = panel_len::<S>(outputs.div_ceil(S::LANES), groups);
    let (Some(packed), Some(rows)) = (packed.get(..len), rows.get_mut(..S::PIXELS * groups)) else {
        return false;
    };
    let mut first_pixel = 0;
    for out in out.chunks_mut((S::PIXELS * outputs).max(1)) {
        let pixels = (taps.pixels() - first_pixel).min(out.len() / outputs.max(1));
        for p in 0..pixels {
            gather::<S, X>(taps, first_pixel + p, part_mut(rows, p * groups, groups));
        }
        let mut packed = packed;
        for (o, vectors) in panels::<S>(outputs) {
            let (panel, rest) = packed
                .split_at_checked(panel_len::<S>(vectors, groups))
                .unwrap_or_default();
            packed = rest;
            let tile = Tile {
                panel,
                rows: &*rows,
                groups,
                outputs,
                o,
                pixels,
            };
            match vectors {
                1 => tile.run::<S, X, O, 1>(s, out),
                2 => tile.run::<S, X, O, 2>(s, out),
                _ => tile.run::<S, X, O, 3>(s, out),
            }
        }
        first_pixel += pixels;
    }
    true
}

/// A panel of outputs of some pixels.
struct Tile<'a> {
    panel: &'a [i32],
    /// `[S::PIXELS, groups]`.
    rows: &'a [i32],
    groups: usize,
    /// Of the matrix.
    outputs: usize,
    /// The first output of the panel.
    o: usize,
    /// Pixels to be written.
    pixels: usize,
}

impl Tile<'_> {
    #[inline(always)]
    fn run<S: Products, X: Input, O: Output, const V: usize>(&self, s: S, out: &mut [O]) {
        match S::PIXELS {
            8 => self.sums_of::<S, X, O, V, 8>(s, out),
            _ => self.sums_of::<S, X, O, V, 4>(s, out),
        }
    }

    /// Takes `P` pixels and writes those that there are.
    #[inline(always)]
    fn sums_of<S: Products, X: Input, O: Output, const V: usize, const P: usize>(
        &self,
        s: S,
        out: &mut [O],
    ) {
        let lanes = V * S::LANES;
        let Some((header, weights)) = self.panel.split_at_checked(HEADER * lanes) else {
            return;
        };
        let groups = self.groups.min(weights.len() / lanes);
        if self.rows.len() < P * self.groups {
            return;
        }
        let mut sums = [[s.splat(0); V]; P];
        for g in 0..groups {
            let mut w = [s.splat(0); V];
            for (v, w) in w.iter_mut().enumerate() {
                let from = weights.as_ptr().wrapping_add(g * lanes + v * S::LANES);
                // SAFETY: `groups` times V vectors of weights.
                *w = unsafe { s.read(from) };
            }
            for (p, sums) in sums.iter_mut().enumerate() {
                // SAFETY: P rows of `self.groups` lanes, and `groups` is not more.
                let x = s.splat(*unsafe { self.rows.get_unchecked(p * self.groups + g) });
                for (sum, &w) in sums.iter_mut().zip(&w) {
                    *sum = X::dot(s, *sum, x, w);
                }
            }
        }
        for v in 0..V {
            let field =
                |i: usize| s.load(header.get(i * lanes + v * S::LANES..).unwrap_or_default());
            let (bias, scale) = (field(0), Scale::new(s, field(1), field(2)));
            let o = self.o + v * S::LANES;
            let len = S::LANES.min(self.outputs.saturating_sub(o));
            for (p, sums) in sums.iter().enumerate().take(self.pixels) {
                let acc = s.add(X::to_unit(s, sums[v]), bias);
                let out = part_mut(out, p * self.outputs + o, len);
                O::store(s, out, scale.requantise(s, acc));
            }
        }
    }
}

#[inline(always)]
fn inputs<S: Products, I: Input>(
    s: S,
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, I>,
    scratch: &mut [u64],
    out: &mut [i16],
) {
    if !run(s, matrix, taps, scratch, out) {
        (reference::<Fixed<I>>().inputs)(matrix, taps, scratch, out);
    }
}

#[inline(always)]
fn acts<S: Products, I: Input>(
    s: S,
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, i16>,
    scratch: &mut [u64],
    out: &mut [i16],
) {
    if !run(s, matrix, taps, scratch, out) {
        (reference::<Fixed<I>>().acts)(matrix, taps, scratch, out);
    }
}

#[inline(always)]
fn wide<S: Products, I: Input>(
    s: S,
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, i16>,
    scratch: &mut [u64],
    out: &mut [i32],
) {
    if !run(s, matrix, taps, scratch, out) {
        (reference::<Fixed<I>>().wide)(matrix, taps, scratch, out);
    }
}

entries!(
    inputs_avx2_i16, inputs_avx512_i16(
        matrix: &Matrix<'_, Fixed<i16>>,
        taps: &Taps<'_, i16>,
        scratch: &mut [u64],
        out: &mut [i16],
    ) = inputs
);
entries!(
    acts_avx2_i16, acts_avx512_i16(
        matrix: &Matrix<'_, Fixed<i16>>,
        taps: &Taps<'_, i16>,
        scratch: &mut [u64],
        out: &mut [i16],
    ) = acts
);
entries!(
    wide_avx2_i16, wide_avx512_i16(
        matrix: &Matrix<'_, Fixed<i16>>,
        taps: &Taps<'_, i16>,
        scratch: &mut [u64],
        out: &mut [i32],
    ) = wide
);
entries!(
    inputs_avx2_i8, inputs_avx512_i8(
        matrix: &Matrix<'_, Fixed<i8>>,
        taps: &Taps<'_, i8>,
        scratch: &mut [u64],
        out: &mut [i16],
    ) = inputs
);
entries!(
    acts_avx2_i8, acts_avx512_i8(
        matrix: &Matrix<'_, Fixed<i8>>,
        taps: &Taps<'_, i16>,
        scratch: &mut [u64],
        out: &mut [i16],
    ) = acts
);
entries!(
    wide_avx2_i8, wide_avx512_i8(
        matrix: &Matrix<'_, Fixed<i8>>,
        taps: &Taps<'_, i16>,
        scratch: &mut [u64],
        out: &mut [i32],
    ) = wide
);

/// Returns the entry points for `i16` where this machine has AVX2.
pub(super) fn avx2_i16() -> Option<Kernel<Fixed<i16>>> {
    Avx2::is_there().then_some(Kernel {
        scratch_words: scratch_words::<Avx2>,
        packed_words: packed_words::<Avx2>,
        pack: pack::<Avx2, i16>,
        inputs: inputs_avx2_i16,
        acts: acts_avx2_i16,
        wide: wide_avx2_i16,
    })
}

/// Returns the entry points for `i8` where this machine has AVX2.
pub(super) fn avx2_i8() -> Option<Kernel<Fixed<i8>>> {
    Avx2::is_there().then_some(Kernel {
        scratch_words: scratch_words::<Avx2>,
        packed_words: packed_words::<Avx2>,
        pack: pack::<Avx2, i8>,
        inputs: inputs_avx2_i8,
        acts: acts_avx2_i8,
        wide: wide_avx2_i8,
    })
}

/// Returns the entry points for `i16` where this machine has AVX-512.
pub(super) fn avx512_i16() -> Option<Kernel<Fixed<i16>>> {
    Avx512::is_there().then_some(Kernel {
        scratch_words: scratch_words::<Avx512>,
        packed_words: packed_words::<Avx512>,
        pack: pack::<Avx512, i16>,
        inputs: inputs_avx512_i16,
        acts: acts_avx512_i16,
        wide: wide_avx512_i16,
    })
}

/// Returns the entry points for `i8` where this machine has AVX-512.
pub(super) fn avx512_i8() -> Option<Kernel<Fixed<i8>>> {
    Avx512::is_there().then_some(Kernel {
        scratch_words: scratch_words::<Avx512>,
        packed_words: packed_words::<Avx512>,
        pack: pack::<Avx512, i8>,
        inputs: inputs_avx512_i8,
        acts: acts_avx512_i8,
        wide: wide_avx512_i8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arith::FixedScale;
    use crate::linear::Run;
    use std::vec;
    use std::vec::Vec;

    const OUTPUTS: usize = 35;
    const PIXELS: usize = 9;

    type Get<I, X> = fn(&Kernel<Fixed<I>>) -> Run<Fixed<I>, X, i16>;

    /// Compares a kernel with the specification on sums as large as 32 bits hold.
    fn extremes<I: FixedInput, X: Copy>(
        kernel: &Kernel<Fixed<I>>,
        run: Get<I, X>,
        inputs: usize,
        x: [X; 2],
    ) {
        let signs = |i: usize, o: usize| (i * (o + 1) / 7 + o) % 2;
        let weight = |i: usize| [127, -127][signs(i % inputs, i / inputs)];
        let weights: Vec<i8> = (0..OUTPUTS * inputs).map(weight).collect();
        // Pixels 0 to 8 have the signs of outputs 0 to 8: sums as large as can be.
        let x: Vec<X> = (0..PIXELS * inputs)
            .map(|i| x[signs(i % inputs, i / inputs)])
            .collect();
        let mut matrix = Matrix::<Fixed<I>> {
            outputs: OUTPUTS,
            inputs,
            weights: &weights,
            bias: &[60_000_000; OUTPUTS],
            scale: FixedScale {
                multiplier: &[i32::MAX; OUTPUTS],
                shift: &[15; OUTPUTS],
            },
            packed: &[],
        };
        let taps = Taps::rows(PIXELS, inputs, inputs, &x);
        let (mut expected, mut out) = ([0; OUTPUTS * PIXELS], [0; OUTPUTS * PIXELS]);
        run(&reference())(&matrix, &taps, &mut [], &mut expected);
        let mut packed = vec![0; (kernel.packed_words)((OUTPUTS, inputs), size_of::<X>())];
        (kernel.pack)(&matrix, size_of::<X>(), &mut packed);
        matrix.packed = &packed;
        let mut scratch = vec![0; (kernel.scratch_words)(inputs)];
        run(kernel)(&matrix, &taps, &mut scratch, &mut out);
        assert_eq!(out, expected);
    }

    #[test]
    fn sums_are_exact_at_the_ends_of_their_range() {
        for inputs in [1, 63, 499, 500] {
            for kernel in [avx2_i16(), avx512_i16()].into_iter().flatten() {
                extremes(&kernel, |kernel| kernel.inputs, inputs, [32767, -32767]);
            }
            for kernel in [avx2_i8(), avx512_i8()].into_iter().flatten() {
                extremes::<i8, i8>(&kernel, |kernel| kernel.inputs, inputs, [127, -127]);
                extremes::<i8, i16>(&kernel, |kernel| kernel.acts, inputs, [32767, -32767]);
            }
        }
    }
}
