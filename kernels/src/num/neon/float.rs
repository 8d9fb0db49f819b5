//! The functions of [`crate::num::float`] on four lanes: the same operations in the same order.

use bytemuck::must_cast;

use super::Lanes;
use super::intrinsics::{
    float32x4_t, int32x4_t, vabsq_f32, vaddq_f32, vaddq_s32, vbslq_f32, vcgtq_f32, vcltzq_f32,
    vdivq_f32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vmaxq_f32, vmulq_f32, vnegq_f32,
    vreinterpretq_f32_s32, vreinterpretq_s32_f32, vshlq_n_s32, vshrq_n_s32, vsubq_f32, vsubq_s32,
};
use crate::num::float::{
    EXP_MIN, EXP_SERIES, LN_1P_HIGH, LN_1P_SERIES, LN_2_HI, LN_2_LO, ROUND_F32,
};

/// Loads a vector.
#[inline(always)]
pub(crate) fn load(lanes: impl Lanes, from: &[f32], at: usize) -> float32x4_t {
    must_cast(lanes.load::<f32, 4>(from, at))
}

/// Stores a vector.
#[inline(always)]
pub(crate) fn store(lanes: impl Lanes, to: &mut [f32], at: usize, values: float32x4_t) {
    lanes.store(to, at, must_cast::<float32x4_t, [f32; 4]>(values));
}

/// Returns `e^x` for `x` of at most 88: no kernel asks for more than `e^0`.
#[inline(always)]
pub(crate) fn exponential(x: float32x4_t) -> float32x4_t {
    let floor = vmaxq_f32(x, vdupq_n_f32(EXP_MIN));
    let round = vdupq_n_f32(ROUND_F32);
    let shifted = vfmaq_f32(round, floor, vdupq_n_f32(core::f32::consts::LOG2_E));
    let n = vsubq_f32(shifted, round);
    let r = vfmaq_f32(floor, n, vdupq_n_f32(-LN_2_HI));
    let r = vfmaq_f32(r, n, vdupq_n_f32(-LN_2_LO));
    let mut sum = vdupq_n_f32(EXP_SERIES[7] as f32);
    for k in (0..7).rev() {
        sum = vfmaq_f32(vdupq_n_f32(EXP_SERIES[k] as f32), sum, r);
    }
    let n = vsubq_s32(
        vreinterpretq_s32_f32(shifted),
        vdupq_n_s32(ROUND_F32.to_bits() as i32),
    );
    let half = vshrq_n_s32::<1>(n);
    let product = vmulq_f32(sum, power_of_two(half));
    vmulq_f32(product, power_of_two(vsubq_s32(n, half)))
}

/// Returns `2^n` for `n` in [-126, 127].
#[inline(always)]
fn power_of_two(n: int32x4_t) -> float32x4_t {
    vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))))
}

/// Returns `ln(1 + u)` for `u` in [0, 1].
#[inline(always)]
fn ln_1p(u: float32x4_t) -> float32x4_t {
    let one = vdupq_n_f32(1.0);
    let high = vcgtq_f32(u, vdupq_n_f32(LN_1P_HIGH));
    let f = vmulq_f32(vsubq_f32(u, one), vdupq_n_f32(0.5));
    let f = vbslq_f32(high, f, u);
    let offset = vbslq_f32(high, vdupq_n_f32(core::f32::consts::LN_2), vdupq_n_f32(0.0));
    let s = vdivq_f32(f, vaddq_f32(f, vdupq_n_f32(2.0)));
    let z = vmulq_f32(s, s);
    let [first, rest @ ..] = LN_1P_SERIES;
    let mut sum = vdupq_n_f32(first);
    for c in rest {
        sum = vfmaq_f32(vdupq_n_f32(c), sum, z);
    }
    let double = vaddq_f32(s, s);
    vaddq_f32(vfmaq_f32(double, vmulq_f32(sum, z), double), offset)
}

/// Returns `ln(1 + e^x)`.
#[inline(always)]
pub(crate) fn soft_plus(x: float32x4_t) -> float32x4_t {
    let positive = vmaxq_f32(x, vdupq_n_f32(0.0));
    vaddq_f32(positive, ln_1p(exponential(vnegq_f32(vabsq_f32(x)))))
}

/// Returns `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) fn logistic(x: float32x4_t) -> float32x4_t {
    let one = vdupq_n_f32(1.0);
    let t = exponential(vnegq_f32(vabsq_f32(x)));
    let numerator = vbslq_f32(vcltzq_f32(x), t, one);
    vdivq_f32(numerator, vaddq_f32(one, t))
}
