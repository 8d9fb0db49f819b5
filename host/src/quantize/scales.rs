//! Ratios of units as the integers that the kernels multiply and shift with.

use mambalite_kernels::model::Param;

use super::QuantizeError;

/// Largest factor of a term that is added to another one.
pub(super) const TERM_MAX: f64 = 1_073_741_824.0;
/// Room for the products of one output; the rest of 32 bits is the bias's.
pub(super) const PRODUCTS_MAX: f64 = 1_610_612_736.0;

/// Unit of an output channel's weights: 127 steps to the largest, more where sums could overflow
/// or the bias needs it.
pub(super) fn channel_scale(column: &[f64], bias: f64, input: f64) -> f64 {
    let fits_weights = largest(column) / 127.0;
    let sum: f64 = column.iter().map(|w| w.abs()).sum();
    // Rounding adds at most half a step a weight.
    let products = (PRODUCTS_MAX / 32767.0 - column.len() as f64 / 2.0).max(1.0);
    let fits_bias = bias.abs() / (input * (f64::from(i32::MAX) - PRODUCTS_MAX) * 0.99);
    fits_weights.max(sum / products).max(fits_bias).max(1e-30)
}

/// Returns the fraction bits with which 16 bits hold `range`.
pub(super) fn fraction(range: f64) -> u8 {
    (15.0 - range.log2().ceil()).clamp(0.0, 15.0) as u8
}

/// Returns the unit of a number with `fraction` fraction bits.
pub(super) fn unit_of(fraction: u8) -> f64 {
    f64::from(1u32 << fraction).recip()
}

/// Returns multiplier and shift of a ratio of units.
pub(super) fn requantisation(param: Param, ratio: f64) -> Result<(i32, u8), QuantizeError> {
    let (mantissa, exponent) = libm::frexp(ratio);
    let shift = -1 - exponent;
    if !ratio.is_finite() || shift < 1 {
        return Err(QuantizeError::Scale { param, ratio });
    }
    if shift > 31 {
        // The output is below its unit: the smallest factor there is.
        return Ok((1 << 30, 31));
    }
    let multiplier = (mantissa * 2_147_483_648.0)
        .round()
        .min(f64::from(i32::MAX));
    Ok((multiplier as i32, shift as u8))
}

/// Returns the largest shift up to 30 with which `largest` stays within `max`.
pub(super) fn term_shift(param: Param, largest: f64, max: f64) -> Result<u8, QuantizeError> {
    let shift = (max / largest.max(1e-30)).log2().floor().min(30.0);
    if shift < 1.0 || shift.is_nan() {
        return Err(QuantizeError::Scale {
            param,
            ratio: largest,
        });
    }
    Ok(shift as u8)
}

pub(super) fn rounded(values: &[f64], factor: f64) -> Vec<i32> {
    values.iter().map(|v| (v * factor).round() as i32).collect()
}

pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, v| max.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use mambalite_kernels::model::Scope;

    use super::*;

    #[test]
    fn requantisation_expresses_the_ratio() {
        let param = Param::new(Scope::Network, "body");
        for ratio in [0.2499, 0.125, 1e-3, 3e-9] {
            let (multiplier, shift) = requantisation(param, ratio).unwrap();
            let value = f64::from(multiplier) / 2f64.powi(32 + i32::from(shift));
            assert!((value / ratio - 1.0).abs() < 1e-9, "{ratio}");
            assert!(multiplier >= 1 << 30);
        }
        assert!(requantisation(param, 0.25).is_err());
        assert!(requantisation(param, f64::NAN).is_err());
        assert_eq!(requantisation(param, 1e-30).unwrap(), (1 << 30, 31));
    }
}
