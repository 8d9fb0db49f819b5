//! Floating point: one set of functions for `f32`, the product, and `f64`, its oracle.

use bytemuck::Pod;
use num_traits::Float;

use super::series;
use crate::tap::Value;
use crate::variant::Variants;
use crate::{arith, conv1d, gate, linear, norm, scan, step, sum};

/// A float that the reference kernels run on.
///
/// `f32` is specified to the bit on every target. `f64` shares the kernels' structure and takes
/// the transcendental functions from `libm`; it serves error figures only.
pub trait Real: Float + Value + Pod + Default + Send + Sync + core::fmt::Debug + 'static {
    /// The variants of the operators.
    const VARIANTS: Variants<arith::Float<Self>>;

    /// Converts a stored parameter; exact.
    fn of(x: f32) -> Self;

    /// Converts an integer, rounding to nearest even.
    fn of_int(x: i32) -> Self;

    /// Returns `self * a + b`, rounded once.
    fn fma(self, a: Self, b: Self) -> Self;

    /// Returns the square root, rounded once.
    fn root(self) -> Self {
        self.sqrt()
    }

    /// Returns `e^self`.
    fn exponential(self) -> Self;

    /// Returns `ln(1 + e^self)`.
    fn soft_plus(self) -> Self;

    /// Returns `1 / (1 + e^-self)`.
    fn logistic(self) -> Self;

    /// Returns `self * factor`, of magnitude below 2^21, rounded once to the nearest integer, ties
    /// to even.
    fn round_product(self, factor: i16) -> i32;
}

/// Returns `a * b + c`, rounded once.
///
/// The instruction where the target is known to have it, `libm` elsewhere: the same bits.
#[inline(always)]
fn fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(feature = "std")]
    return a.mul_add(b, c);
    #[cfg(all(not(feature = "std"), vfma))]
    return core::f32::math::mul_add(a, b, c);
    #[cfg(all(not(feature = "std"), not(vfma)))]
    return libm::fmaf(a, b, c);
}

/// 1.5 * 2^23: adding it to a value below 2^21 leaves the rounded integer in the low bits.
pub(super) const ROUND_F32: f32 = 12_582_912.0;
/// 1.5 * 2^52, likewise for `f64`.
#[cfg(target_arch = "x86_64")]
const ROUND_F64: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the first has 9 trailing zero bits, so that its product with |n| < 2^9 is
/// exact.
pub(super) const LN_2_HI: f32 = f32::from_bits(core::f32::consts::LN_2.to_bits() & !0x1ff);
pub(super) const LN_2_LO: f32 = (core::f64::consts::LN_2 - LN_2_HI as f64) as f32;
pub(super) const EXP_SERIES: [f64; 8] = series::exponential();
/// Arguments outside give 0 and the largest finite value's neighbourhood.
pub(super) const EXP_MIN: f32 = -104.0;
pub(super) const EXP_MAX: f32 = 88.0;
/// Where [`ln_1p`] begins to halve its argument.
pub(super) const LN_1P_HIGH: f32 = core::f32::consts::SQRT_2 - 1.0;
/// Coefficients of the series of the inverse hyperbolic tangent, highest first, without 1.
pub(super) const LN_1P_SERIES: [f32; 5] = [1.0 / 11.0, 1.0 / 9.0, 1.0 / 7.0, 1.0 / 5.0, 1.0 / 3.0];

/// Returns `e^x`: error at most 1 ULP for normal results, at most 2^-149 below (tested on all
/// inputs); 0 under -104, `e^88` above 88.
///
/// `n = round(x / ln 2)`, `r = x - n ln 2` in two fused steps, Taylor series of degree 7 on
/// |r| <= 0.3466 (remainder below 5.3e-9 of the result) by Horner's rule in fused steps, then two
/// multiplications by powers of two, of which only the second can round.
#[inline(always)]
fn exponential(x: f32) -> f32 {
    let x = if x > EXP_MAX { EXP_MAX } else { x };
    let floor = if x < EXP_MIN { EXP_MIN } else { x };
    let shifted = fma(floor, core::f32::consts::LOG2_E, ROUND_F32);
    let n = shifted - ROUND_F32;
    let r = fma(n, -LN_2_LO, fma(n, -LN_2_HI, floor));
    let mut sum = EXP_SERIES[7] as f32;
    for k in (0..7).rev() {
        sum = fma(sum, r, EXP_SERIES[k] as f32);
    }
    let n = shifted.to_bits().wrapping_sub(ROUND_F32.to_bits()) as i32;
    let half = n >> 1;
    sum * power_of_two(half) * power_of_two(n - half)
}

/// Returns `2^n` for `n` in [-126, 127].
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// Returns `ln(1 + u)` for `u` in [0, 1].
///
/// `2 artanh(s)` with `s = f / (2 + f)`: `f = u` up to 0.4142, above `f = (u - 1) / 2` and ln 2
/// added; odd series to `s^11` on |s| <= 0.1716 (remainder below 2e-11 of the result).
#[inline(always)]
fn ln_1p(u: f32) -> f32 {
    let high = u > LN_1P_HIGH;
    let f = if high { (u - 1.0) * 0.5 } else { u };
    let offset = if high { core::f32::consts::LN_2 } else { 0.0 };
    let s = f / (f + 2.0);
    let z = s * s;
    let [mut sum, rest @ ..] = LN_1P_SERIES;
    for c in rest {
        sum = fma(sum, z, c);
    }
    let double = s + s;
    fma(sum * z, double, double) + offset
}

impl Real for f32 {
    const VARIANTS: Variants<arith::Float<Self>> = Variants {
        linear: linear::F32,
        norm: norm::F32,
        conv1d: conv1d::F32,
        step: step::F32,
        scan: scan::F32,
        gate: gate::F32,
        sum: sum::F32,
    };

    #[inline(always)]
    fn of(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn of_int(x: i32) -> Self {
        x as f32
    }

    #[inline(always)]
    fn fma(self, a: Self, b: Self) -> Self {
        fma(self, a, b)
    }

    /// The instruction on GPUs, which have no tables of `libm`.
    #[cfg(target_arch = "nvptx64")]
    #[inline(always)]
    fn root(self) -> Self {
        core::f32::math::sqrt(self)
    }

    #[inline(always)]
    fn exponential(self) -> Self {
        exponential(self)
    }

    /// `max(x, 0) + ln(1 + e^-|x|)`: error at most 3 ULP for normal results, at most 2^-148 below
    /// (tested on all inputs).
    #[inline(always)]
    fn soft_plus(self) -> Self {
        let positive = if self > 0.0 { self } else { 0.0 };
        positive + ln_1p(exponential(-magnitude(self)))
    }

    /// `t = e^-|x|`, then `1 / (1 + t)` or `t / (1 + t)`: error at most 3 ULP for normal results, at
    /// most 2^-149 below (tested on all inputs).
    #[inline(always)]
    fn logistic(self) -> Self {
        let t = exponential(-magnitude(self));
        let numerator = if self < 0.0 { t } else { 1.0 };
        numerator / (1.0 + t)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn round_product(self, factor: i16) -> i32 {
        // The product is exact in `f64`, and vectors of it need no detection.
        let rounded = f64::from(self) * f64::from(factor) + ROUND_F64;
        rounded.to_bits().wrapping_sub(ROUND_F64.to_bits()) as i32
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    fn round_product(self, factor: i16) -> i32 {
        fma(self, f32::from(factor), ROUND_F32)
            .to_bits()
            .wrapping_sub(ROUND_F32.to_bits()) as i32
    }
}

#[inline(always)]
fn magnitude(x: f32) -> f32 {
    f32::from_bits(x.to_bits() & 0x7fff_ffff)
}

impl Real for f64 {
    /// The oracle has the specification only.
    const VARIANTS: Variants<arith::Float<Self>> = Variants {
        linear: &[],
        norm: &[],
        conv1d: &[],
        step: &[],
        scan: &[],
        gate: &[],
        sum: &[],
    };

    fn of(x: f32) -> Self {
        Self::from(x)
    }

    fn of_int(x: i32) -> Self {
        Self::from(x)
    }

    fn fma(self, a: Self, b: Self) -> Self {
        libm::fma(self, a, b)
    }

    fn exponential(self) -> Self {
        libm::exp(self)
    }

    fn soft_plus(self) -> Self {
        self.max(0.0) + libm::log1p(libm::exp(-libm::fabs(self)))
    }

    fn logistic(self) -> Self {
        1.0 / (1.0 + libm::exp(-self))
    }

    fn round_product(self, factor: i16) -> i32 {
        libm::rint(self * Self::from(factor)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors on all finite inputs: `cargo xtask exhaustive`.
    #[test]
    fn functions_keep_to_their_ends() {
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(-105.0), 0.0);
        assert_eq!(exponential(f32::MAX), exponential(88.0));
        assert!(exponential(88.0).is_finite());
        assert_eq!(f32::MAX.soft_plus(), f32::MAX);
        assert_eq!(f32::MIN.soft_plus(), 0.0);
        assert_eq!(f32::MAX.logistic(), 1.0);
        assert_eq!(f32::MIN.logistic(), 0.0);
    }

    #[test]
    fn infinities_are_large_numbers_and_nan_stays() {
        assert_eq!(f32::INFINITY.exponential(), exponential(88.0));
        assert_eq!(f32::INFINITY.soft_plus(), f32::INFINITY);
        assert_eq!(f32::INFINITY.logistic(), 1.0);
        for function in [f32::exponential, f32::soft_plus, f32::logistic] {
            assert_eq!(function(f32::NEG_INFINITY), 0.0);
            assert!(function(f32::NAN).is_nan() && function(-f32::NAN).is_nan());
        }
    }

    #[test]
    fn fused_multiply_add_equals_libm() {
        let mut state = 1u64;
        let mut draw = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Finite: exponents 64 to 191.
            let bits = (state >> 32) as u32;
            f32::from_bits((bits & 0x807f_ffff) | ((64 + ((bits >> 23) & 0x7f)) << 23))
        };
        for _ in 0..100_000 {
            let (a, b, c) = (draw(), draw(), draw());
            assert_eq!(
                fma(a, b, c).to_bits(),
                libm::fmaf(a, b, c).to_bits(),
                "{a} {b} {c}"
            );
        }
    }

    #[test]
    fn rounds_ties_to_even() {
        for (x, n) in [
            (0.5f32, 0),
            (1.5, 2),
            (2.5, 2),
            (-0.5, 0),
            (-1.5, -2),
            (254.5, 254),
        ] {
            assert_eq!(x.round_product(1), n);
            assert_eq!(f64::from(x).round_product(1), n);
        }
        // The product in f32 is 129.5, a tie; the exact one lies below it.
        let below = f32::from_bits((129.5f32 / 255.0).to_bits());
        assert_eq!(below * 255.0, 129.5);
        assert_eq!(
            below.round_product(255),
            libm::rint(f64::from(below) * 255.0) as i32
        );
    }

    /// Against the expressions themselves, which lose nothing at these arguments.
    #[test]
    fn the_oracle_is_the_function() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14 * b, "{a} {b}");
        for x in [-2.5, -1.0, -0.25, 0.0, 0.25, 1.0, 2.5] {
            let e = libm::exp(x);
            near(x.exponential(), e);
            near(Real::soft_plus(x), libm::log(1.0 + e));
            near(Real::logistic(x), e / (1.0 + e));
        }
    }
}
