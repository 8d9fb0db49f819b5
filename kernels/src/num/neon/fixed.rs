//! The functions of [`crate::num::fixed`] on four lanes, bit for bit.
//!
//! SQDMULH gives `floor(a b / 2^31)`, exact unless both are -2^31. Half of it is
//! [`crate::num::fixed::mulhi`], as `floor(floor(x / 2) / 2^n) = floor(x / 2^(n + 1))`.

use bytemuck::{Pod, must_cast};

use super::Lanes;
use super::intrinsics::{
    int16x8_t, int32x4_t, uint32x4_t, uint64x2_t, vabsq_s32, vaddq_f32, vaddq_s32, vaddq_u32,
    vandq_u32, vbicq_s32, vbslq_s32, vcgeq_s32, vcltzq_s32, vcombine_s16, vcombine_u32,
    vcvtq_f32_s32, vcvtq_s32_f32, vdivq_f32, vdup_n_s8, vdupq_n_f32, vdupq_n_s16, vdupq_n_s32,
    vdupq_n_u32, vget_low_u32, vmax_s8, vmaxq_s16, vmaxq_s32, vminq_s32, vminq_u32, vmlsq_s32,
    vmull_high_u32, vmull_u32, vmulq_n_s32, vnegq_s32, vqdmulhq_s32, vqmovn_s16, vqmovn_s32,
    vreinterpretq_s32_u32, vreinterpretq_u32_s32, vrshlq_s32, vrshrq_n_u32, vshlq_n_s32, vshlq_u32,
    vshrn_high_n_u64, vshrn_n_u64, vshrq_n_s32, vshrq_n_u32, vsubq_s32,
};
use crate::num::fixed::{EXP_DEGREE, EXP2, LN, LN_DEGREE, LOG2_E_Q30};

/// Loads eight activations.
#[inline(always)]
pub(crate) fn load_i16(lanes: impl Lanes, from: &[i16], at: usize) -> int16x8_t {
    must_cast(lanes.load::<i16, 8>(from, at))
}

/// Loads four integers.
#[inline(always)]
pub(crate) fn load_i32(lanes: impl Lanes, from: &[i32], at: usize) -> int32x4_t {
    must_cast(lanes.load::<i32, 4>(from, at))
}

/// Loads eight integers.
#[inline(always)]
pub(crate) fn load_2_i32(lanes: impl Lanes, from: &[i32], at: usize) -> [int32x4_t; 2] {
    must_cast(lanes.load::<i32, 8>(from, at))
}

/// Returns the vector that [`requantise`] takes for a shift.
#[inline(always)]
pub(crate) fn requantise_shift(shift: u8) -> i32 {
    -1 - i32::from(shift)
}

/// Returns [`crate::num::fixed::requantise`]; `shift` as [`requantise_shift`] gives it.
///
/// With `q = 2 m + r` from SQDMULH, `(m + 2^(s-1)) >> s = (q + 2^s) >> (s + 1)`: one rounding
/// shift by `s + 1`, which SRSHL computes without overflow.
#[inline(always)]
pub(crate) fn requantise(acc: int32x4_t, multiplier: int32x4_t, shift: int32x4_t) -> int32x4_t {
    vrshlq_s32(vqdmulhq_s32(acc, multiplier), shift)
}

/// Clamps to `[-32767, 32767]`.
#[inline(always)]
pub(crate) fn saturate_i16([low, high]: [int32x4_t; 2]) -> int16x8_t {
    let narrow = vcombine_s16(vqmovn_s32(low), vqmovn_s32(high));
    vmaxq_s16(narrow, vdupq_n_s16(-32767))
}

/// What eight results are stored as.
pub(crate) trait Saturate: Pod {
    /// Clamps eight results.
    fn saturate_8(values: [int32x4_t; 2]) -> [Self; 8];
}

impl Saturate for i32 {
    /// Results of 32 bits are not clamped.
    #[inline(always)]
    fn saturate_8(values: [int32x4_t; 2]) -> [Self; 8] {
        must_cast(values)
    }
}

impl Saturate for i16 {
    #[inline(always)]
    fn saturate_8(values: [int32x4_t; 2]) -> [Self; 8] {
        must_cast(saturate_i16(values))
    }
}

impl Saturate for i8 {
    /// Clamping to 16 bits first changes nothing.
    #[inline(always)]
    fn saturate_8(values: [int32x4_t; 2]) -> [Self; 8] {
        let narrow = vqmovn_s16(saturate_i16(values));
        must_cast(vmax_s8(narrow, vdup_n_s8(-127)))
    }
}

/// Returns [`crate::num::fixed::exp2_neg`] for `n` of at most 127.
///
/// The specification's cut at 2^31 never cuts: for `n = 0` all values lie in `[2^30, 2^31 - 189]`.
#[inline(always)]
pub(crate) fn exp2_neg(n: uint32x4_t, f: uint32x4_t) -> uint32x4_t {
    // The specification's x is twice this: `mulhi(sum, 2 y) = floor(sum y / 2^31)`.
    let y = vsubq_s32(vreinterpretq_s32_u32(f), vdupq_n_s32(1 << 30));
    let mut sum = vdupq_n_s32(EXP2[EXP_DEGREE]);
    for k in (0..EXP_DEGREE).rev() {
        sum = vaddq_s32(vdupq_n_s32(EXP2[k]), vqdmulhq_s32(sum, y));
    }
    // USHL by 32 and more gives 0.
    let down = vnegq_s32(vreinterpretq_s32_u32(n));
    vshlq_u32(vreinterpretq_u32_s32(sum), down)
}

/// Returns `2^-(t / 2^42)` for the exponents of two pairs of lanes.
#[inline(always)]
fn exp2_neg_q42(low: uint64x2_t, high: uint64x2_t) -> uint32x4_t {
    let words = vshrn_high_n_u64::<32>(vshrn_n_u64::<32>(low), high);
    let n = vminq_u32(vshrq_n_u32::<10>(words), vdupq_n_u32(32));
    let f = vcombine_u32(vshrn_n_u64::<11>(low), vshrn_n_u64::<11>(high));
    exp2_neg(n, vandq_u32(f, vdupq_n_u32(0x7fff_ffff)))
}

/// Returns [`crate::num::fixed::decay`].
#[inline(always)]
pub(crate) fn decay(dt: int32x4_t, rate: uint32x4_t) -> uint32x4_t {
    let dt = vreinterpretq_u32_s32(dt);
    let low = vmull_u32(vget_low_u32(dt), vget_low_u32(rate));
    exp2_neg_q42(low, vmull_high_u32(dt, rate))
}

/// What [`logistic`] needs of the fraction bits.
#[derive(Clone, Copy)]
pub(crate) struct Fraction {
    to_whole: int32x4_t,
    to_fraction: int32x4_t,
}

impl Fraction {
    #[inline(always)]
    pub(crate) fn new(fraction: u8) -> Self {
        let point = i32::from(fraction) + 14;
        Self {
            to_whole: vdupq_n_s32(-point),
            to_fraction: vdupq_n_s32(31 - point),
        }
    }
}

/// Returns [`crate::num::fixed::logistic`] for 16-bit `x`.
#[inline(always)]
pub(crate) fn logistic(x: int32x4_t, fraction: Fraction) -> int32x4_t {
    let product = vmulq_n_s32(vabsq_s32(x), 23_637);
    let product = vreinterpretq_u32_s32(product);
    let n = vminq_u32(vshlq_u32(product, fraction.to_whole), vdupq_n_u32(32));
    let f = vshlq_u32(product, fraction.to_fraction);
    let t = exp2_neg(n, vandq_u32(f, vdupq_n_u32(0x7fff_ffff)));
    let denominator = vaddq_u32(vrshrq_n_u32::<16>(t), vdupq_n_u32(1 << 15));
    let positive = reciprocal(vreinterpretq_s32_u32(denominator));
    let flipped = vsubq_s32(vdupq_n_s32(32768), positive);
    vbslq_s32(vcltzq_s32(x), flipped, positive)
}

/// Returns `(2^30 + d / 2) / d`, both quotients rounded down, for `d` in `[2^15, 2^16]`.
///
/// `2^30 / d + 1/2 - 2^-8` in `f32` is less than 2^-8 off (two roundings of at most 2^-10 and
/// 2^-9), so that its whole part is the quotient or one less; the remainder tells which.
#[inline(always)]
fn reciprocal(d: int32x4_t) -> int32x4_t {
    let estimate = vdivq_f32(vdupq_n_f32(1_073_741_824.0), vcvtq_f32_s32(d));
    let estimate = vaddq_f32(estimate, vdupq_n_f32(0.5 - 1.0 / 256.0));
    let quotient = vcvtq_s32_f32(estimate);
    let numerator = vaddq_s32(vdupq_n_s32(1 << 30), vshrq_n_s32::<1>(d));
    let remainder = vmlsq_s32(numerator, quotient, d);
    // All bits of a lane set are -1.
    let more = vreinterpretq_s32_u32(vcgeq_s32(remainder, d));
    vsubq_s32(quotient, more)
}

/// Returns `ln(1 + x)` in Q0.30 for twice `x` in Q0.30, below 2^31, whose last bit counts not.
#[inline(always)]
fn ln_1p(double: uint32x4_t) -> int32x4_t {
    let x31 = vreinterpretq_s32_u32(vandq_u32(double, vdupq_n_u32(!1)));
    let mut sum = vdupq_n_s32(LN[LN_DEGREE]);
    for k in (0..LN_DEGREE).rev() {
        // Twice `mulhi` is SQDMULH without its last bit.
        let term = vbicq_s32(vqdmulhq_s32(sum, x31), vdupq_n_s32(1));
        sum = vaddq_s32(vdupq_n_s32(LN[k]), term);
    }
    vqdmulhq_s32(sum, x31)
}

/// Returns [`crate::num::fixed::soft_plus`].
#[inline(always)]
pub(crate) fn soft_plus(x: int32x4_t) -> int32x4_t {
    let x = vmaxq_s32(x, vdupq_n_s32(-(16 << 12)));
    let x = vminq_s32(x, vdupq_n_s32(64 << 12));
    let magnitude = vreinterpretq_u32_s32(vabsq_s32(x));
    let log2_e = vdupq_n_u32(LOG2_E_Q30 as u32);
    let low = vmull_u32(vget_low_u32(magnitude), vget_low_u32(log2_e));
    let e = exp2_neg_q42(low, vmull_high_u32(magnitude, log2_e));
    let positive = vshlq_n_s32::<12>(vmaxq_s32(x, vdupq_n_s32(0)));
    vaddq_s32(positive, vshrq_n_s32::<6>(ln_1p(e)))
}
