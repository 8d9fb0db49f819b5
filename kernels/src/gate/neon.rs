//! Gate with NEON.

use bytemuck::must_cast;

use super::{FixedParams, Run};
use crate::arith::{Fixed, Float};
use crate::num::neon::fixed::{Fraction, Saturate, logistic, requantise, requantise_shift};
use crate::num::neon::intrinsics::{
    int16x8_t, int32x4_t, vdupq_n_s32, vget_low_s16, vmovl_high_s16, vmovl_s16, vmulq_f32,
    vmulq_s32, vrshrq_n_s32,
};
use crate::num::neon::{float, map2};
use crate::rows::Rows;

/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(run_float)
}

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run_fixed::<i16>)
}

/// Returns the entry point.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    Some(run_fixed::<i8>)
}

fn run_float((): &(), y: &[f32], z: Rows<'_, f32>, out: &mut [f32]) {
    let pixels = out.chunks_exact_mut(z.len()).zip(y.chunks_exact(z.len()));
    for (i, (out, y)) in pixels.enumerate() {
        map2(y, z.row(i), out, |y: [f32; 4], z| {
            let z = must_cast(z);
            must_cast(vmulq_f32(vmulq_f32(must_cast(y), z), float::logistic(z)))
        });
    }
}

fn run_fixed<I: Saturate>(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [I]) {
    let fraction = Fraction::new(params.fraction);
    let multiplier = vdupq_n_s32(params.multiplier);
    let shift = vdupq_n_s32(requantise_shift(params.shift));
    let gated = |y: int32x4_t, z: int32x4_t| {
        let silu = vrshrq_n_s32::<15>(vmulq_s32(z, logistic(z, fraction)));
        requantise(vmulq_s32(y, silu), multiplier, shift)
    };
    let pixels = out.chunks_exact_mut(z.len()).zip(y.chunks_exact(z.len()));
    for (i, (out, y)) in pixels.enumerate() {
        map2(y, z.row(i), out, |y: [i16; 8], z: [i16; 8]| {
            let (y, z): (int16x8_t, int16x8_t) = (must_cast(y), must_cast(z));
            let low = gated(vmovl_s16(vget_low_s16(y)), vmovl_s16(vget_low_s16(z)));
            I::saturate_8([low, gated(vmovl_high_s16(y), vmovl_high_s16(z))])
        });
    }
}
