//! Matrix product in fixed point with NEON's dot products (SDOT): four products a lane.
//!
//! Weights are packed in panels of eight outputs, four inputs at a time. A 16-bit input is
//! `256 h + l + 128` with 8-bit `h` and `l`: two passes over the same weights, and 128 times each
//! output's sum of weights in its bias. Sums may wrap on the way; the result does not.
#![expect(unsafe_code, reason = "the compiler has no stable function for SDOT")]

use core::arch::asm;

use bytemuck::{Pod, cast_slice, cast_slice_mut, must_cast};

use super::neon::PANEL;
use super::neon_fixed::{Head, add_bias, head, store, weight};
use super::{Kernel, Matrix, Run, Taps, reference};
use crate::arith::{Fixed, FixedInput};
use crate::num::neon::fixed::Saturate;
use crate::num::neon::intrinsics::{int8x16_t, int32x4_t, vdupq_n_s32};
use crate::num::neon::{All, First};

/// Inputs whose products go to one lane.
const DEPTH: usize = 4;
/// Pixels of a tile, at most.
const PIXELS: usize = 8;
/// Inputs of a vector.
const VECTOR: usize = 16;

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    kernel()
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    kernel()
}

fn kernel<I: FixedInput + Input>() -> Option<Kernel<Fixed<I>>> {
    #[cfg(feature = "std")]
    let is_supported = std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    let is_supported = cfg!(target_feature = "dotprod");
    is_supported.then_some(Kernel {
        // Each pixel's inputs as two planes of bytes.
        scratch_words: |inputs| PIXELS * 2 * inputs.next_multiple_of(VECTOR) / size_of::<u64>(),
        packed_words: |shape, _| shape.0.div_ceil(PANEL) * panel_words(shape.1),
        pack,
        inputs: |matrix, taps, scratch, out| {
            entry(matrix, taps, scratch, out, reference().inputs);
        },
        acts: |matrix, taps, scratch, out| {
            entry(matrix, taps, scratch, out, reference().acts);
        },
        wide: |matrix, taps, scratch, out| {
            entry(matrix, taps, scratch, out, reference().wide);
        },
    })
}

/// Words of a panel.
fn panel_words(inputs: usize) -> usize {
    (size_of::<Head>() + inputs.div_ceil(DEPTH) * size_of::<Weights>()) / size_of::<u64>()
}

/// Weights of eight outputs and four inputs.
type Weights = [[i8; VECTOR]; 2];

fn pack<I: FixedInput>(matrix: &Matrix<'_, Fixed<I>>, input_bytes: usize, packed: &mut [u64]) {
    // The 128 that the low bytes of 16-bit inputs are short of.
    let missing = if input_bytes == 2 { 128 } else { 0 };
    let offset = |o: usize| {
        let weights = (0..matrix.inputs).map(|k| i32::from(weight(matrix, o, k)));
        weights.sum::<i32>().wrapping_mul(missing)
    };
    let panels = packed.chunks_exact_mut(panel_words(matrix.inputs));
    for (first, panel) in (0..matrix.outputs).step_by(PANEL).zip(panels) {
        let (to, weights) = panel.split_at_mut(size_of::<Head>() / size_of::<u64>());
        cast_slice_mut(to).copy_from_slice(&[head(matrix, first, offset)]);
        for (i, to) in cast_slice_mut::<u64, i8>(weights).iter_mut().enumerate() {
            let (o, k) = (i / DEPTH % PANEL, i / (DEPTH * PANEL) * DEPTH + i % DEPTH);
            *to = weight(matrix, first + o, k);
        }
    }
}

/// Inputs of 8 or 16 bits.
trait Input: Pod + Default {
    /// Planes of bytes.
    const PLANES: usize;

    /// Splits an input in bytes, the upper one first.
    fn split(self) -> [i8; 2];

    /// Returns the inputs themselves where a tile can read them in place.
    fn in_place<'t>(taps: &'t Taps<'_, Self>, inputs: usize) -> Option<Taps<'t, i8>>;
}

impl Input for i8 {
    const PLANES: usize = 1;

    #[inline(always)]
    fn split(self) -> [i8; 2] {
        [self, 0]
    }

    /// Pieces must begin where weights of four inputs do, and end there or at the last input.
    #[inline(always)]
    fn in_place<'t>(taps: &'t Taps<'_, Self>, inputs: usize) -> Option<Taps<'t, i8>> {
        let fits = taps.pieces().iter().all(|piece| {
            let end = piece.k + piece.len;
            piece.k % DEPTH == 0 && (end % DEPTH == 0 || end == inputs)
        });
        fits.then_some(*taps)
    }
}

impl Input for i16 {
    const PLANES: usize = 2;

    #[inline(always)]
    fn split(self) -> [i8; 2] {
        [(self >> 8) as i8, (self as u8 ^ 0x80) as i8]
    }

    #[inline(always)]
    fn in_place<'t>(_: &'t Taps<'_, Self>, _: usize) -> Option<Taps<'t, i8>> {
        None
    }
}

fn entry<I: FixedInput, X: Input, O: Saturate>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    scratch: &mut [u64],
    out: &mut [O],
    specification: Run<Fixed<I>, X, O>,
) {
    let panels = matrix.outputs.div_ceil(PANEL);
    let stride = matrix.inputs.next_multiple_of(VECTOR);
    let is_ready = matrix.packed.len() >= panels * panel_words(matrix.inputs)
        && scratch.len() * size_of::<u64>() >= PIXELS * X::PLANES * stride;
    if !is_ready {
        // Nobody packed it.
        return specification(matrix, taps, scratch, out);
    }
    // SAFETY: `kernel` gives this entry only to a machine that has the instruction.
    unsafe { run(matrix, taps, scratch, out) }
}

/// Multiplies the inputs of a run of pixels with a packed matrix.
#[target_feature(enable = "dotprod")]
fn run<I: FixedInput, X: Input, O: Saturate>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    scratch: &mut [u64],
    out: &mut [O],
) {
    let pixels = taps.pixels().min(out.len() / matrix.outputs);
    let planes = cast_slice_mut(scratch);
    let mut first = 0;
    while first + 8 <= pixels {
        tile::<I, X, O, 8>(matrix, &taps.range(first, 8), planes, first, out);
        first += 8;
    }
    if (pixels - first) & 4 != 0 {
        tile::<I, X, O, 4>(matrix, &taps.range(first, 4), planes, first, out);
        first += 4;
    }
    if (pixels - first) & 2 != 0 {
        tile::<I, X, O, 2>(matrix, &taps.range(first, 2), planes, first, out);
        first += 2;
    }
    if (pixels - first) & 1 != 0 {
        tile::<I, X, O, 1>(matrix, &taps.range(first, 1), planes, first, out);
    }
}

/// Copies the inputs of a tile to planes of bytes, a row a pixel.
fn gather<X: Input>(taps: &Taps<'_, X>, inputs: usize, high: &mut [i8], low: &mut [i8]) {
    let stride = inputs.next_multiple_of(VECTOR);
    let held: usize = taps.pieces().iter().map(|piece| piece.len).sum();
    if held < inputs {
        let [h, l] = X::default().split();
        high.fill(h);
        low.fill(l);
    }
    for i in 0..taps.pixels() {
        for piece in taps.pieces() {
            let x = piece.x.get(i * taps.stride()..).unwrap_or_default();
            let x = x.get(..piece.len).unwrap_or_default();
            let at = i * stride + piece.k;
            let high = high.get_mut(at..).unwrap_or_default();
            for (high, x) in high.iter_mut().zip(x) {
                [*high, _] = x.split();
            }
            let low = low.get_mut(at..).unwrap_or_default();
            for (low, x) in low.iter_mut().zip(x) {
                [_, *low] = x.split();
            }
        }
    }
}

/// Computes all outputs of `M` pixels.
#[target_feature(enable = "dotprod")]
fn tile<I: FixedInput, X: Input, O: Saturate, const M: usize>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    planes: &mut [i8],
    first: usize,
    out: &mut [O],
) {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let stride = inputs.next_multiple_of(VECTOR);
    let in_place = X::in_place(taps, inputs);
    let (high, low) = planes.split_at_mut(PIXELS * stride);
    if in_place.is_none() {
        gather(taps, inputs, high, low);
    }
    let high = in_place.unwrap_or(Taps::rows(M, stride, inputs, high));
    let low = Taps::rows(M, stride, inputs, low);
    let panels = matrix.packed.chunks_exact(panel_words(inputs));
    for (o, panel) in (0..outputs).step_by(PANEL).zip(panels) {
        let (head, weights) = panel.split_at(size_of::<Head>() / size_of::<u64>());
        let [head] = cast_slice::<u64, Head>(head) else {
            return;
        };
        let weights = cast_slice::<u64, Weights>(weights);
        let mut sums = [[vdupq_n_s32(0); 2]; M];
        dot(&mut sums, weights, &high);
        for sums in &mut sums {
            *sums = add_bias(head, *sums, 8);
        }
        if X::PLANES == 2 {
            dot(&mut sums, weights, &low);
        }
        for (i, sums) in sums.into_iter().enumerate() {
            let at = (first + i) * outputs + o;
            match outputs - o {
                PANEL.. => store(head, sums, All, out, at),
                left => store(head, sums, First(left), out, at),
            }
        }
    }
}

/// Adds the products of the inputs of `M` pixels with a panel.
#[inline]
#[target_feature(enable = "dotprod")]
fn dot<const M: usize>(sums: &mut [[int32x4_t; 2]; M], weights: &[Weights], taps: &Taps<'_, i8>) {
    for piece in taps.pieces() {
        let weights = weights.get(piece.k / DEPTH..).unwrap_or_default();
        let Some(weights) = weights.get(..piece.len.div_ceil(DEPTH)) else {
            return;
        };
        let rows: [&[i8]; M] = core::array::from_fn(|i| {
            let row = piece.x.get(i * taps.stride()..);
            row.and_then(|row| row.get(..piece.len)).unwrap_or_default()
        });
        let (vectors, rest) = weights.as_chunks::<{ VECTOR / DEPTH }>();
        // One look at the lengths spares one at each input.
        let whole = rows.map(|row| row.as_chunks::<VECTOR>().0);
        if whole.iter().any(|x| x.len() != vectors.len()) {
            // Up to three inputs more than vectors fill a vector of weights.
            return dot_rest(sums, weights, rows);
        }
        for (i, weights) in vectors.iter().enumerate() {
            dot_vectors(sums, weights, whole.map(|x| must_cast(x[i])));
        }
        dot_rest(sums, rest, rows.map(|row| row.as_chunks::<VECTOR>().1));
    }
}

/// Adds the products of 16 inputs of each pixel.
#[inline]
#[target_feature(enable = "dotprod")]
fn dot_vectors<const M: usize>(
    sums: &mut [[int32x4_t; 2]; M],
    weights: &[Weights; VECTOR / DEPTH],
    x: [int8x16_t; M],
) {
    macro_rules! inputs {
        ($($lane:literal)*) => {$(
            let row: [int8x16_t; 2] = must_cast(weights[$lane]);
            for (sums, x) in sums.iter_mut().zip(x) {
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = sdot::<$lane>(*sum, row, x);
                }
            }
        )*};
    }
    inputs!(0 1 2 3);
}

/// Adds the products of fewer inputs than a vector has, four at a time, the last filled up.
#[inline]
#[target_feature(enable = "dotprod")]
fn dot_rest<const M: usize>(sums: &mut [[int32x4_t; 2]; M], weights: &[Weights], rows: [&[i8]; M]) {
    for (i, weights) in weights.iter().enumerate() {
        let weights: [int8x16_t; 2] = must_cast(*weights);
        for (sums, row) in sums.iter_mut().zip(rows) {
            let row = row.get(i * DEPTH..).unwrap_or_default();
            let mut x = [0; DEPTH];
            match row.first_chunk() {
                Some(four) => x = *four,
                None => x.iter_mut().zip(row).for_each(|(x, &last)| *x = last),
            }
            let x = must_cast(vdupq_n_s32(must_cast(x)));
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = sdot::<0>(*sum, weights, x);
            }
        }
    }
}

/// Adds to each lane the products of its four weights with the four inputs of lane `LANE`.
#[inline]
#[target_feature(enable = "dotprod")]
fn sdot<const LANE: usize>(sum: int32x4_t, weights: int8x16_t, x: int8x16_t) -> int32x4_t {
    let mut out = sum;
    // SAFETY: the function's callers run on a machine that has the instruction, which reads and
    // writes these registers and nothing else.
    unsafe {
        asm!(
            "sdot {out:v}.4s, {weights:v}.16b, {x:v}.4b[{lane}]",
            out = inout(vreg) out,
            weights = in(vreg) weights,
            x = in(vreg) x,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    out
}
