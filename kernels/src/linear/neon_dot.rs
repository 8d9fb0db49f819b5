//! Matrix product in fixed point with NEON's dot products (SDOT): four products a lane.
//!
//! Weights are packed in panels of eight outputs, four inputs at a time. A 16-bit input is
//! `256 h + l + 128` with 8-bit `h` and `l`: two passes over the same weights, and 128 times each
//! output's sum of weights in its bias. Sums may wrap on the way; the result does not.
#![expect(unsafe_code, reason = "SDOT has no stable function")]

use core::arch::asm;

use bytemuck::{cast_slice, cast_slice_mut, must_cast};

use super::neon::PANEL;
use super::neon_fixed::{Head, add_bias, head, outputs, weight};
use super::{Kernel, Matrix, Run, Taps, neon_fixed, reference};
use crate::arith::{Fixed, FixedInput};
use crate::num::neon::fixed::Saturate;
use crate::num::neon::intrinsics::{
    int8x16_t, int32x4_t, vdupq_n_s8, vdupq_n_s32, veorq_s8, vuzp1q_s8, vuzp2q_s8,
};
use crate::num::neon::{ColumnMut, Parts, for_blocks, map};

/// Inputs whose products go to one lane.
const DEPTH: usize = 4;
/// Pixels of a tile, at most.
const PIXELS: usize = 8;
/// Inputs of a vector.
const VECTOR: usize = 16;
/// Groups of [`DEPTH`] inputs in a vector.
const QUARTERS: usize = VECTOR / DEPTH;

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
        packed_words: |shape, input_bytes| match is_short(shape.1, input_bytes) {
            true => neon_fixed::words(shape),
            false => shape.0.div_ceil(PANEL) * panel_words(shape.1),
        },
        pack: |matrix, input_bytes, packed| match is_short(matrix.inputs, input_bytes) {
            true => neon_fixed::pack(matrix, input_bytes, packed),
            false => pack(matrix, input_bytes, packed),
        },
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

/// Tells whether a product is one for [`neon_fixed`]: with fewer 16-bit inputs than a vector has,
/// two passes and the split cost more instructions than they spare.
fn is_short(inputs: usize, input_bytes: usize) -> bool {
    input_bytes == 2 && inputs < VECTOR
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
trait Input: neon_fixed::Input {
    /// Planes of bytes.
    const PLANES: usize;

    /// Splits inputs in bytes, the upper ones first.
    fn split(x: [Self; VECTOR]) -> [[i8; VECTOR]; 2];

    /// Returns the inputs themselves where a tile can read them in place.
    fn in_place<'t>(taps: &'t Taps<'_, Self>, inputs: usize) -> Option<Taps<'t, i8>>;
}

impl Input for i8 {
    const PLANES: usize = 1;

    #[inline(always)]
    fn split(x: [Self; VECTOR]) -> [[i8; VECTOR]; 2] {
        [x, [0; VECTOR]]
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
    fn split(x: [Self; VECTOR]) -> [[i8; VECTOR]; 2] {
        let [first, second]: [int8x16_t; 2] = must_cast(x);
        let low = veorq_s8(vuzp1q_s8(first, second), vdupq_n_s8(i8::MIN));
        [must_cast(vuzp2q_s8(first, second)), must_cast(low)]
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
    if is_short(matrix.inputs, size_of::<X>()) {
        return neon_fixed::multiply(matrix, taps, scratch, out, specification);
    }
    let panels = matrix.outputs.div_ceil(PANEL);
    let stride = matrix.inputs.next_multiple_of(VECTOR);
    let is_ready = matrix.packed.len() >= panels * panel_words(matrix.inputs)
        && scratch.len() * size_of::<u64>() >= PIXELS * X::PLANES * stride;
    if !is_ready {
        // Nobody packed it.
        return specification(matrix, taps, scratch, out);
    }
    // SAFETY: `kernel` gives this entry only to a machine that has the instruction.
    let dot = unsafe { Dot::assume() };
    let pixels = taps.pixels().min(out.len() / matrix.outputs);
    let planes = cast_slice_mut(scratch);
    let mut first = 0;
    while first + 8 <= pixels {
        tile::<_, _, _, 8>(dot, matrix, taps, planes, first, out);
        first += 8;
    }
    if (pixels - first) & 4 != 0 {
        tile::<_, _, _, 4>(dot, matrix, taps, planes, first, out);
        first += 4;
    }
    if (pixels - first) & 2 != 0 {
        tile::<_, _, _, 2>(dot, matrix, taps, planes, first, out);
        first += 2;
    }
    if (pixels - first) & 1 != 0 {
        tile::<_, _, _, 1>(dot, matrix, taps, planes, first, out);
    }
}

/// Computes all outputs of `M` pixels.
fn tile<I: FixedInput, X: Input, O: Saturate, const M: usize>(
    dot: Dot,
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    planes: &mut [i8],
    first: usize,
    out: &mut [O],
) {
    let (n, inputs) = (matrix.outputs, matrix.inputs);
    let stride = inputs.next_multiple_of(VECTOR);
    let taps = taps.range(first, M);
    let in_place = X::in_place(&taps, inputs);
    let (high, low) = planes.split_at_mut(M * stride);
    if in_place.is_none() {
        gather(&taps, inputs, high, low);
    }
    let high = pieces::<M>(&in_place.unwrap_or(Taps::rows(M, stride, inputs, high)));
    let low = pieces::<M>(&Taps::rows(M, stride, inputs, low));
    let out = out.get_mut(first * n..).unwrap_or_default();
    let mut panels = matrix.packed.chunks_exact(panel_words(inputs));
    for_blocks!(PANEL, n, |o, lanes| {
        let panel = panels.next().and_then(split);
        let to = ColumnMut::<_, _, PANEL>::new(out, n, M, (o, lanes));
        let (Some((head, weights)), Some(mut to)) = (panel, to) else {
            return;
        };
        let mut sums = [[vdupq_n_s32(0); 2]; M];
        for (k, inputs) in &high {
            add_piece(
                dot,
                &mut sums,
                weights.get(*k..).unwrap_or_default(),
                inputs,
            );
        }
        for sums in &mut sums {
            *sums = add_bias(head, *sums, 8);
        }
        if X::PLANES == 2 {
            for (k, inputs) in &low {
                add_piece(
                    dot,
                    &mut sums,
                    weights.get(*k..).unwrap_or_default(),
                    inputs,
                );
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            to.store(i, outputs(head, sums));
        }
    });
}

/// Splits the words of a panel.
fn split(words: &[u64]) -> Option<(&Head, &[Weights])> {
    let (head, weights) = words.split_at_checked(size_of::<Head>() / size_of::<u64>())?;
    Some((cast_slice(head).first()?, cast_slice(weights)))
}

/// A piece of the inputs of a tile, and where its weights begin.
type Inputs<'x> = (usize, Parts<'x, i8>);

/// Returns the pieces of the inputs of a tile.
#[inline(always)]
fn pieces<'x, const M: usize>(taps: &Taps<'x, i8>) -> [Inputs<'x>; 3] {
    core::array::from_fn(|i| {
        let piece = taps.pieces().get(i);
        let parts =
            piece.and_then(|p| Some((p.k / DEPTH, Parts::new(p.x, taps.stride(), M, p.len)?)));
        parts.unwrap_or((0, Parts::EMPTY))
    })
}

/// Copies the inputs of a tile to planes of bytes, a row a pixel.
fn gather<X: Input>(taps: &Taps<'_, X>, inputs: usize, high: &mut [i8], low: &mut [i8]) {
    let stride = inputs.next_multiple_of(VECTOR);
    let held: usize = taps.pieces().iter().map(|piece| piece.len).sum();
    if held < inputs {
        let [h, l] = X::split([X::zeroed(); VECTOR]);
        high.as_chunks_mut().0.fill(h);
        low.as_chunks_mut().0.fill(l);
    }
    for i in 0..taps.pixels() {
        for piece in taps.pieces() {
            let x = piece.x.get(i * taps.stride()..).unwrap_or_default();
            let x = x.get(..piece.len).unwrap_or_default();
            let at = i * stride + piece.k;
            let high = high.get_mut(at..).unwrap_or_default();
            map(x, high, |x| X::split(x)[0]);
            if X::PLANES == 2 {
                let low = low.get_mut(at..).unwrap_or_default();
                map(x, low, |x| X::split(x)[1]);
            }
        }
    }
}

/// Adds the products of a piece of each pixel's inputs: whole vectors of 16, then fours, then the
/// last of fewer than four, filled up with zeros.
#[inline(always)]
fn add_piece<const M: usize>(
    dot: Dot,
    sums: &mut [[int32x4_t; 2]; M],
    weights: &[Weights],
    inputs: &Parts<'_, i8>,
) {
    let (vectors, rest) = weights.split_at((inputs.len() / VECTOR * QUARTERS).min(weights.len()));
    inputs.zip(0, vectors.as_chunks().0, |weights, x: [_; M]| {
        let mut vectors: [int8x16_t; M] = [must_cast([0i8; VECTOR]); M];
        for (vector, x) in vectors.iter_mut().zip(x) {
            *vector = must_cast::<[i8; VECTOR], _>(x);
        }
        add_vectors(dot, sums, weights, vectors);
    });
    let (fours, rest) = rest.split_at((inputs.len() % VECTOR / DEPTH).min(rest.len()));
    inputs.zip(
        inputs.len() / VECTOR * VECTOR,
        fours,
        |weights, x: [_; M]| {
            for (sums, x) in sums.iter_mut().zip(x) {
                add_four(dot, sums, weights, x);
            }
        },
    );
    if let (Some(weights), true) = (rest.first(), inputs.len() % DEPTH != 0) {
        for (i, sums) in sums.iter_mut().enumerate() {
            let last = inputs.len() / DEPTH * DEPTH;
            add_four(dot, sums, weights, inputs.load_last(i, last));
        }
    }
}

/// Adds the products of 16 inputs of each pixel.
#[inline(always)]
fn add_vectors<const M: usize>(
    dot: Dot,
    sums: &mut [[int32x4_t; 2]; M],
    weights: &[Weights; QUARTERS],
    x: [int8x16_t; M],
) {
    macro_rules! inputs {
        ($($lane:literal)*) => {$(
            let row: [int8x16_t; 2] = must_cast(weights[$lane]);
            for (sums, x) in sums.iter_mut().zip(x) {
                for (sum, row) in sums.iter_mut().zip(row) {
                    *sum = dot.add::<$lane>(*sum, row, x);
                }
            }
        )*};
    }
    inputs!(0 1 2 3);
}

/// Adds the products of four inputs of a pixel.
#[inline(always)]
fn add_four(dot: Dot, sums: &mut [int32x4_t; 2], weights: &Weights, x: [i8; DEPTH]) {
    let weights: [int8x16_t; 2] = must_cast(*weights);
    let x = must_cast(vdupq_n_s32(must_cast(x)));
    for (sum, weights) in sums.iter_mut().zip(weights) {
        *sum = dot.add::<0>(*sum, weights, x);
    }
}

/// A machine that has SDOT.
#[derive(Clone, Copy)]
struct Dot(());

impl Dot {
    /// Trusts the caller.
    ///
    /// # Safety
    /// This machine has the instruction.
    #[inline(always)]
    unsafe fn assume() -> Self {
        Self(())
    }

    /// Adds to each lane the products of its four weights with the four inputs of lane `LANE`.
    #[inline(always)]
    fn add<const LANE: usize>(
        self,
        mut sum: int32x4_t,
        weights: int8x16_t,
        x: int8x16_t,
    ) -> int32x4_t {
        // SAFETY: whoever made `self` knows that the machine has the instruction, which reads and
        // writes these registers and nothing else.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sum:v}.4s, {weights:v}.16b, {x:v}.4b[{lane}]",
                sum = inout(vreg) sum,
                weights = in(vreg) weights,
                x = in(vreg) x,
                lane = const LANE,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        sum
    }
}
