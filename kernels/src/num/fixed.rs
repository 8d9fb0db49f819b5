//! Fixed point: requantisation and the functions of the selective scan on integers.

use super::series;

/// Returns the upper 32 bits of the product, rounded towards minus infinity (SMMUL).
#[cfg(not(target_arch = "nvptx64"))]
#[inline(always)]
pub fn mulhi(a: i32, b: i32) -> i32 {
    ((i64::from(a) * i64::from(b)) >> 32) as i32
}

#[cfg(target_arch = "nvptx64")]
pub use super::ptx::mulhi;

/// Returns `round(acc * multiplier / 2^(32 + shift))`: the high word of the product, then one
/// rounding shift, half up.
///
/// * `multiplier` - `[2^30, 2^31)`. * `shift` - bits, `[1, 31]`.
///
/// Error: below 1/2 + 2^-shift of the result's unit. The order of the two steps is that of
/// CMSIS-NN's single-rounding build.
#[inline(always)]
pub fn requantise(acc: i32, multiplier: i32, shift: u8) -> i32 {
    (mulhi(acc, multiplier) + (1 << (shift - 1))) >> shift
}

/// Clamps to `[-32767, 32767]`.
#[inline(always)]
pub fn saturate_i16(x: i32) -> i16 {
    x.clamp(-32767, 32767) as i16
}

/// Clamps to `i32`.
#[inline(always)]
pub fn saturate_i32(x: i64) -> i32 {
    x.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// Degree of the polynomial of [`exp2_neg`] and of [`ln_1p`].
pub(crate) const EXP_DEGREE: usize = 6;
pub(crate) const LN_DEGREE: usize = 8;

/// `(-ln 2)^k 2^-1/2 / k!` in Q0.31.
pub(crate) const EXP2: [i32; EXP_DEGREE + 1] = {
    let series = series::exponential::<{ EXP_DEGREE + 1 }>();
    let mut out = [0; EXP_DEGREE + 1];
    let mut factor = core::f64::consts::FRAC_1_SQRT_2;
    let mut k = 0;
    while k <= EXP_DEGREE {
        out[k] = nearest(factor * series[k] * 2_147_483_648.0);
        factor *= -core::f64::consts::LN_2;
        k += 1;
    }
    out
};

/// Coefficients of `ln(1 + x) / x` in Q1.30.
pub(crate) const LN: [i32; LN_DEGREE + 1] = {
    let exact = series::ln_1p_over_x::<{ LN_DEGREE + 1 }>();
    let mut out = [0; LN_DEGREE + 1];
    let mut k = 0;
    while k <= LN_DEGREE {
        out[k] = nearest(exact[k] * 1_073_741_824.0);
        k += 1;
    }
    out
};

/// `log2(e)` in Q1.14.
pub(crate) const LOG2_E_Q14: i32 = nearest(core::f64::consts::LOG2_E * 16_384.0);

/// `log2(e)` in Q1.30.
pub(crate) const LOG2_E_Q30: u64 = nearest(core::f64::consts::LOG2_E * 1_073_741_824.0) as u64;

const fn nearest(x: f64) -> i32 {
    if x < 0.0 {
        (x - 0.5) as i32
    } else {
        (x + 0.5) as i32
    }
}

/// Returns `2^-(n + f / 2^31)` in Q0.31, `[0, 2^31]`.
///
/// * `n` - whole part of the exponent. * `f` - fraction, Q0.31, `[0, 2^31)`.
///
/// Taylor series of degree 6 about 1/2 by Horner's rule with [`mulhi`]; error below 2^-22
/// absolute for `n = 0` (tested on all fractions), shifted down (towards zero) by `n`.
#[inline(always)]
pub fn exp2_neg(n: u32, f: u32) -> u32 {
    // x = f - 1/2 in Q0.32, [-2^31, 2^31): mulhi(sum, x) is then Q0.31 again.
    let x = (f << 1).wrapping_sub(1 << 31) as i32;
    let mut sum = EXP2[EXP_DEGREE];
    for k in (0..EXP_DEGREE).rev() {
        sum = EXP2[k].wrapping_add(mulhi(sum, x));
    }
    // Rounding may pass 1 by a few units.
    if n > 31 {
        0
    } else {
        (sum as u32).min(1 << 31) >> n
    }
}

/// Returns `1 / (1 + e^-x)` in Q0.15, `[0, 32768]`, for `x` with `fraction` fraction bits, `[0, 15]`.
///
/// Error: below 1.1 units of 2^-15 (tested on all inputs).
#[inline(always)]
pub fn logistic(x: i16, fraction: u8) -> i32 {
    // The product is below 2^30; its fraction to Q0.31.
    let product = u64::from(x.unsigned_abs()) * LOG2_E_Q14 as u64;
    let point = u32::from(fraction) + 14;
    let f = ((product << 31) >> point) & 0x7fff_ffff;
    let t = exp2_neg((product >> point) as u32, f as u32);
    let denominator = (1 << 15) + ((t + (1 << 15)) >> 16);
    let positive = (((1 << 30) + denominator / 2) / denominator) as i32;
    if x < 0 { 32768 - positive } else { positive }
}

/// Returns `ln(1 + x)` in Q0.30 for `x` in Q0.30, `[0, 2^30]`; error below 2^-18 relative
/// (tested).
#[inline(always)]
fn ln_1p(x: u32) -> u32 {
    // Q1.30 times Q0.32 stays Q1.30; x = 1 saturates to the largest Q0.31, doubled by the shift.
    let x31 = if x >= 1 << 30 {
        i32::MAX
    } else {
        (x << 1) as i32
    };
    let mut sum = LN[LN_DEGREE];
    for k in (0..LN_DEGREE).rev() {
        sum = LN[k] + (mulhi(sum, x31) << 1);
    }
    ((i64::from(sum) * i64::from(x31)) >> 31) as u32
}

/// Returns `ln(1 + e^x)` in Q7.24 for `x` in Q.12, clamped to `[-2^16, 2^18]` (-16 to 64).
///
/// Error: below 2^-18 relative plus 2^-22 absolute (tested).
#[inline(always)]
pub fn soft_plus(x: i32) -> i32 {
    let x = x.clamp(-(16 << 12), 64 << 12);
    let t = u64::from(x.unsigned_abs()) * LOG2_E_Q30; // Q.42
    let e = exp2_neg((t >> 42) as u32, ((t >> 11) & 0x7fff_ffff) as u32);
    (x.max(0) << 12) + (ln_1p(e >> 1) >> 6) as i32
}

/// Returns `e^-(dt * rate)` in Q0.31, `[0, 2^31]`.
///
/// * `dt` - step size, Q7.24, not negative. * `rate` - `|A| log2(e)` in Q14.18.
#[inline(always)]
pub fn decay(dt: i32, rate: u32) -> u32 {
    let t = u64::from(dt as u32) * u64::from(rate); // Q.42
    let n = (t >> 42).min(32) as u32;
    exp2_neg(n, ((t >> 11) & 0x7fff_ffff) as u32)
}

/// Returns the reciprocal square root of `v` (not 0) as `(mantissa, halvings)`:
/// `1 / sqrt(v) = mantissa * 2^(halvings - 62)`, mantissa in `[2^30, 2^31]`.
///
/// Error: below 2^-29 relative.
#[inline(always)]
pub fn reciprocal_sqrt(v: u64) -> (i64, u32) {
    let halvings = v.leading_zeros() / 2;
    let root = (v << (2 * halvings)).isqrt();
    (((1u64 << 62) / root) as i64, halvings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requantise_rounds_once_half_up() {
        assert_eq!(requantise(4, 1 << 30, 1), 1); // 4 * 2^30 / 2^33 = 0.5
        assert_eq!(requantise(-4, 1 << 30, 1), 0); // -0.5
        assert_eq!(requantise(-12, 1 << 30, 1), -1); // -1.5
        assert_eq!(requantise(i32::MAX, i32::MAX, 1), 1 << 29);
        assert_eq!(requantise(i32::MIN, i32::MAX, 31), 0);
    }

    #[test]
    fn exp2_neg_is_accurate_and_falls() {
        let mut last = u32::MAX;
        for i in 0..=1 << 16 {
            let f = (i << 15).min((1u32 << 31) - 1);
            let value = exp2_neg(0, f);
            let exact = libm::exp2(31.0 - f64::from(f) / 2_147_483_648.0);
            assert!(
                (f64::from(value) - exact).abs() < 512.0,
                "{f}: {value} {exact}"
            );
            assert!(value <= last && value <= 1 << 31);
            last = value;
        }
        assert_eq!(exp2_neg(32, 0), 0);
    }

    /// What kernels with signed products rely on.
    #[test]
    fn exp2_neg_stays_below_one() {
        // The tested error is below 512: at 1024 the value is 2^31 - 710 at most, and it falls.
        assert!((0..=1024).all(|f| exp2_neg(0, f) < 1 << 31));
        assert!(exp2_neg(0, 1024) + 512 < 1 << 31);
    }

    /// Vectors rely on it: a decay fits in 31 bits. The series falls from its greatest value at 0;
    /// of the six roundings each takes less than a unit, and 189 are left.
    #[test]
    fn exp2_neg_is_below_one() {
        assert_eq!(exp2_neg(0, 0), (1 << 31) - 189);
        let fractions = (0..1 << 20).chain((0..1 << 31).step_by(997));
        for f in fractions {
            assert!(exp2_neg(0, f) < (1 << 31) - 180, "{f}");
        }
    }

    #[test]
    fn logistic_is_accurate_on_all_inputs() {
        let inputs = |fraction| (i16::MIN..=i16::MAX).map(move |x| (x, fraction));
        for (x, fraction) in (0..=15).flat_map(inputs) {
            let exact = 32768.0 / (1.0 + libm::exp(-libm::ldexp(x.into(), -i32::from(fraction))));
            assert!(
                (f64::from(logistic(x, fraction)) - exact).abs() < 1.1,
                "{x} {fraction}"
            );
            if x != i16::MIN {
                assert_eq!(logistic(x, fraction) + logistic(-x, fraction), 32768);
            }
        }
    }

    #[test]
    fn soft_plus_is_accurate() {
        for x in (-16 << 12)..=(64 << 12) {
            let exact = libm::log1p(libm::exp(f64::from(x) / 4096.0)) * 16_777_216.0;
            let error = (f64::from(soft_plus(x)) - exact).abs();
            // ln(1 + e^x) = x + 0 in f64 for large x, where exp overflows nothing here.
            assert!(
                error < exact / 262_144.0 + 4.0,
                "{x}: {} {exact}",
                soft_plus(x)
            );
        }
        assert!(soft_plus(i32::MIN) >= 0);
        assert_eq!(soft_plus(i32::MAX), 64 << 24);
    }

    #[test]
    fn decay_is_accurate() {
        for (dt, rate) in [
            (0.0, 1.0),
            (0.001, 1.0),
            (0.1, 16.0),
            (3.0, 0.01),
            (0.5, 9000.0),
        ] {
            let dt_q = (dt * 16_777_216.0) as i32;
            let rate_q = (rate * core::f64::consts::LOG2_E * 262_144.0) as u32;
            let exponent = f64::from(dt_q) * f64::from(rate_q) / 4_398_046_511_104.0;
            let exact = libm::exp2(31.0 - exponent);
            assert!(
                (f64::from(decay(dt_q, rate_q)) - exact).abs() < 512.0,
                "{dt} {rate}"
            );
        }
        assert_eq!(decay(i32::MAX, u32::MAX), 0);
    }

    #[test]
    fn reciprocal_sqrt_is_accurate() {
        for v in [1, 2, 3, 1000, u64::from(u32::MAX), 1 << 62, u64::MAX] {
            let (mantissa, halvings) = reciprocal_sqrt(v);
            let value = libm::ldexp(mantissa as f64, halvings as i32 - 62);
            assert!((value * libm::sqrt(v as f64) - 1.0).abs() < 2e-9, "{v}");
            assert!((1 << 30..=1 << 31).contains(&mantissa));
        }
    }
}
