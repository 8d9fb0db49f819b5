//! Matrix product in fixed point with NEON's 16-bit products, and what its variants share.

use core::marker::PhantomData;

use bytemuck::{Pod, must_cast};

use super::neon::{PANEL, Product, pack_panels, packed_words, run};
use super::{Kernel, Matrix, Run, Taps, reference};
use crate::arith::{Fixed, FixedInput};
use crate::num::neon::fixed::{Saturate, requantise, requantise_shift};
use crate::num::neon::intrinsics::{
    int16x4_t, int16x8_t, int32x4_t, vaddq_s32, vdup_n_u32, vdupq_n_s32, vget_low_s16,
    vmlal_high_lane_s16, vmlal_lane_s16, vmovl_s8, vshlq_s32,
};
/// Returns the entry points.
pub(super) fn kernel<I: FixedInput + Input>() -> Kernel<Fixed<I>> {
    Kernel {
        scratch_words: |_| 0,
        packed_words: |shape, _| words(shape),
        pack,
        inputs: |matrix, taps, scratch, out| {
            multiply(matrix, taps, scratch, out, reference().inputs);
        },
        acts: |matrix, taps, scratch, out| {
            multiply(matrix, taps, scratch, out, reference().acts);
        },
        wide: |matrix, taps, scratch, out| {
            multiply(matrix, taps, scratch, out, reference().wide);
        },
    }
}

/// Multiplies the inputs of a run of pixels with a matrix that [`pack`] has packed.
pub(super) fn multiply<I: FixedInput, X: Input, O: Saturate>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    scratch: &mut [u64],
    out: &mut [O],
    specification: Run<Fixed<I>, X, O>,
) {
    run::<_, Integers<X, O>>(matrix, taps, scratch, out, specification);
}

/// Returns the words of a packed matrix.
pub(super) fn words(shape: (usize, usize)) -> usize {
    packed_words::<Integers<i16, i16>>(shape)
}

/// Packs a matrix.
pub(super) fn pack<I: FixedInput>(
    matrix: &Matrix<'_, Fixed<I>>,
    _input_bytes: usize,
    packed: &mut [u64],
) {
    let shape = (matrix.outputs, matrix.inputs);
    let head = |first| head(matrix, first, |_| 0);
    let weight = |o, k| weight(matrix, o, k).into();
    pack_panels::<Integers<i16, i16>>(shape, packed, head, weight);
}

/// Returns a weight, or 0 outside the matrix.
pub(super) fn weight<I: FixedInput>(matrix: &Matrix<'_, Fixed<I>>, o: usize, k: usize) -> i8 {
    let row = matrix.weights.get(o * matrix.inputs..).unwrap_or_default();
    let row = row.get(..matrix.inputs).unwrap_or_default();
    row.get(k).copied().unwrap_or_default()
}

/// What the outputs of a panel have beside their weights: bias, multiplier, and shift as
/// [`requantise_shift`] gives it.
pub(super) type Head = [[i32; PANEL]; 3];

/// Takes the outputs from `first` on; `offset` is added to an output's bias.
pub(super) fn head<I: FixedInput>(
    matrix: &Matrix<'_, Fixed<I>>,
    first: usize,
    offset: impl Fn(usize) -> i32,
) -> Head {
    let at = |values: &[i32], i| values.get(first + i).copied().unwrap_or_default();
    let shift = |i: usize| {
        matrix
            .scale
            .shift
            .get(first + i)
            .copied()
            .unwrap_or_default()
    };
    [
        core::array::from_fn(|i| at(matrix.bias, i).wrapping_add(offset(first + i))),
        core::array::from_fn(|i| at(matrix.scale.multiplier, i)),
        core::array::from_fn(|i| requantise_shift(shift(i))),
    ]
}

/// Adds the bias to sums shifted up.
#[inline(always)]
pub(super) fn add_bias([bias, ..]: &Head, sums: [int32x4_t; 2], up: i32) -> [int32x4_t; 2] {
    let (bias, up): ([int32x4_t; 2], _) = (must_cast(*bias), vdupq_n_s32(up));
    [0, 1].map(|i| vaddq_s32(bias[i], vshlq_s32(sums[i], up)))
}

/// Requantises the outputs of a pixel.
#[inline(always)]
pub(super) fn outputs<O: Saturate>(
    [_, multiplier, shift]: &Head,
    sums: [int32x4_t; 2],
) -> [O; PANEL] {
    let multiplier: [int32x4_t; 2] = must_cast(*multiplier);
    let shift: [int32x4_t; 2] = must_cast(*shift);
    O::saturate_8([0, 1].map(|i| requantise(sums[i], multiplier[i], shift[i])))
}

/// Inputs of 16 or 8 bits.
pub(super) trait Input: Pod {
    /// Bits that a sum is shifted up to the accumulator's unit.
    const UP: i32;

    /// Returns four inputs.
    fn load(x: [Self; 4]) -> int16x4_t;
}

impl Input for i16 {
    const UP: i32 = 0;

    #[inline(always)]
    fn load(x: [Self; 4]) -> int16x4_t {
        must_cast(x)
    }
}

impl Input for i8 {
    const UP: i32 = 8;

    #[inline(always)]
    fn load(x: [Self; 4]) -> int16x4_t {
        vget_low_s16(vmovl_s8(must_cast(vdup_n_u32(must_cast(x)))))
    }
}

/// Inputs `X` to outputs `O`; sums are exact in any order.
struct Integers<X, O>(PhantomData<(X, O)>);

impl<X: Input, O: Saturate> Product for Integers<X, O> {
    type X = X;
    type W = i16;
    type O = O;
    type Inputs = int16x4_t;
    type Sums = int32x4_t;
    type Head = Head;

    #[inline(always)]
    fn start(_: &Head) -> [int32x4_t; 2] {
        [vdupq_n_s32(0); 2]
    }

    #[inline(always)]
    fn load(x: &[X; 4]) -> int16x4_t {
        X::load(*x)
    }

    #[inline(always)]
    fn add<const M: usize>(
        sums: &mut [[int32x4_t; 2]; M],
        weights: &[[i16; PANEL]; 4],
        x: [int16x4_t; M],
    ) {
        macro_rules! inputs {
            ($($lane:literal)*) => {$(
                let row: int16x8_t = must_cast(weights[$lane]);
                for (sums, &x) in sums.iter_mut().zip(&x) {
                    sums[0] = vmlal_lane_s16::<$lane>(sums[0], vget_low_s16(row), x);
                    sums[1] = vmlal_high_lane_s16::<$lane>(sums[1], row, x);
                }
            )*};
        }
        inputs!(0 1 2 3);
    }

    #[inline(always)]
    fn add_one(sums: &mut [int32x4_t; 2], weights: &[i16; PANEL], x: X) {
        let weights: int16x8_t = must_cast(*weights);
        let x = X::load([x, X::zeroed(), X::zeroed(), X::zeroed()]);
        sums[0] = vmlal_lane_s16::<0>(sums[0], vget_low_s16(weights), x);
        sums[1] = vmlal_high_lane_s16::<0>(sums[1], weights, x);
    }

    #[inline(always)]
    fn outputs(head: &Head, sums: [int32x4_t; 2]) -> [O; PANEL] {
        outputs(head, add_bias(head, sums, X::UP))
    }
}
