//! Decay rates of the scan and their logarithms: model files hold `A`, checkpoints and training
//! hold `A_log` with `A = -e^A_log`.

/// Logarithm of a rate of zero, which has none: its exponential is zero in single precision.
const ZERO_LOG: f32 = -110.0;

/// Returns the rate of a logarithm.
pub fn of_log(log: f32) -> f32 {
    -libm::exp(f64::from(log)) as f32
}

/// Returns the logarithm of a rate, which is not positive.
///
/// It is the one that [`of_log`] takes back to the same bits wherever there is one: always for
/// rates that came from a logarithm, as those of imported and trained networks. Others are met to
/// half a step of the logarithm, a relative error of 4e-6 at most.
pub fn to_log(rate: f32) -> f32 {
    if rate == 0.0 {
        return ZERO_LOG;
    }
    let near = libm::log(-f64::from(rate)) as f32;
    let candidates = [near, near.next_down(), near.next_up()];
    let exact = candidates.into_iter().find(|&log| of_log(log) == rate);
    exact.unwrap_or(near)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rates_of_logarithms_keep_their_bits(log in -103f32..88.0) {
            let rate = of_log(log);
            prop_assert_eq!(of_log(to_log(rate)).to_bits(), rate.to_bits());
        }

        #[test]
        fn any_rate_is_met_closely(rate in 1e-30f32..1e30) {
            let met = f64::from(of_log(to_log(-rate)));
            prop_assert!((met / -f64::from(rate) - 1.0).abs() <= 4e-6, "{rate} {met}");
        }
    }

    #[test]
    fn zero_stays_zero() {
        assert_eq!(of_log(to_log(-0.0)).to_bits(), (-0.0f32).to_bits());
    }
}
