//! Sum of two tensors with NEON.

use bytemuck::must_cast;

use super::{FixedParams, Run};
use crate::arith::{Fixed, Float};
use crate::num::neon::fixed::{load_i16, saturate_i16};
use crate::num::neon::float::{load, store};
use crate::num::neon::intrinsics::{
    int16x8_t, int32x4_t, vaddq_f32, vaddq_s32, vdupq_n_s32, vget_low_s16, vqdmulhq_s32,
    vrshlq_s32, vshll_high_n_s16, vshll_n_s16,
};
use crate::num::neon::{Lanes, for_blocks};

/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(float)
}

/// Returns the entry point; no sum depends on the inputs' bits.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(fixed)
}

fn float((): &(), a: &mut [f32], b: &[f32]) {
    for_blocks!(4, a.len().min(b.len()), |at, lanes| {
        let sum = vaddq_f32(load(lanes, a, at), load(lanes, b, at));
        store(lanes, a, at, sum);
    });
}

fn fixed(params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let shift = vdupq_n_s32(-i32::from(params.shift));
    let factors = (vdupq_n_s32(params.a), vdupq_n_s32(params.b));
    for_blocks!(8, a.len().min(b.len()), |at, lanes| {
        let first = terms(load_i16(lanes, a, at), factors.0);
        let second = terms(load_i16(lanes, b, at), factors.1);
        let sum = [0, 1].map(|i| vrshlq_s32(vaddq_s32(first[i], second[i]), shift));
        lanes.store::<i16, 8>(a, at, must_cast(saturate_i16(sum)));
    });
}

/// Returns `mulhi(x 2^16, factor)`, which is `floor(x 2^15 factor / 2^31)`.
#[inline(always)]
fn terms(x: int16x8_t, factor: int32x4_t) -> [int32x4_t; 2] {
    let low = vshll_n_s16::<15>(vget_low_s16(x));
    let high = vshll_high_n_s16::<15>(x);
    [vqdmulhq_s32(low, factor), vqdmulhq_s32(high, factor)]
}
