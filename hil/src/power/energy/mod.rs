//! Energy of one inference, with its uncertainty, or the reasons why there is no figure.

mod budget;
mod gated;
mod refusal;
mod trace;
mod window;

use serde::{Deserialize, Serialize};

pub use budget::Term;
pub use gated::{Gated, Sample};
pub use refusal::{Limits, Refusal};
pub use trace::{Bucket, Envelope, Trace};
pub(super) use window::{Stretch, Window, window};

/// How long the idle power is measured, each time.
pub const IDLE_S: f64 = 2.0;

/// Where the edges of an inference come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// A pin that the board holds high during an inference, sampled together with the current.
    Gated,
    /// The whole time of the jobs, by the clock of this computer: transfers are in it.
    Window,
}

/// Which meter it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeterFacts {
    /// Model, as `PPK2` or `INA228`.
    pub model: String,
    /// Serial number, or bus and address.
    pub serial: String,
    /// Hardware or firmware as the meter tells it.
    pub hardware: Option<String>,
    /// SHA-256 of the calibration that was used, hex.
    pub calibration_sha256: Option<String>,
    /// Supply that currents are multiplied with, volts; none where it is measured.
    pub supply_v: Option<f64>,
    /// Operation, as `source`, `ampere` or `shunt 10 milliohms`.
    pub operation: String,
}

/// What was measured during a run of one board.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnergyReport {
    /// Where the edges come from.
    pub method: Method,
    /// The meter.
    pub meter: MeterFacts,
    /// How often the board ran the network meanwhile, as the harness counted.
    pub inferences: u32,
    /// How often the gate was high from edge to edge; none without a gate.
    pub pulses: Option<u32>,
    /// Time that the figure is from, seconds: the gate's high time, or the window.
    pub measured_s: f64,
    /// The figure; none where it is refused.
    pub energy: Option<InferenceEnergy>,
    /// Why there is no figure; empty where there is one.
    pub refusals: Vec<Refusal>,
    /// Power of the board that waits.
    pub idle: Idle,
    /// Samples that came.
    pub samples: u64,
    /// Samples that are missing among them.
    pub lost_samples: u64,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// The power over the time.
    pub trace: Option<Trace>,
}

/// Energy of one inference above idle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InferenceEnergy {
    /// Joules above idle: the median of the pulses, or the window's mean.
    pub energy_j: f64,
    /// A quarter of the pulses took less, joules above idle.
    pub quartile_lower_j: Option<f64>,
    /// A quarter of the pulses took more, joules above idle.
    pub quartile_upper_j: Option<f64>,
    /// Joules with the idle power: the median of the pulses, or the window's mean.
    pub gross_j: f64,
    /// Joules above idle without the filter against spikes, the median.
    pub unfiltered_j: Option<f64>,
    /// Length, seconds: the median of the pulses, or the window's mean.
    pub duration_s: f64,
    /// Expanded uncertainty of `energy_j`, joules, with a coverage factor of 2 (about 95 %).
    pub uncertainty_j: f64,
    /// What it is made of, as standard uncertainties.
    pub budget: Vec<Term>,
    /// What it leaves out.
    pub excluded: Vec<String>,
}

/// Power of the board that waits for work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Idle {
    /// Before the jobs, watts.
    pub before_w: Option<f64>,
    /// After them, watts.
    pub after_w: Option<f64>,
}

impl Idle {
    /// Returns the mean of both, watts; none where one is missing.
    #[must_use]
    pub fn mean_w(&self) -> Option<f64> {
        Some(f64::midpoint(self.before_w?, self.after_w?))
    }

    /// Returns by how much they differ, watts; 0 where one is missing.
    #[must_use]
    pub fn drift_w(&self) -> f64 {
        match (self.before_w, self.after_w) {
            (Some(before), Some(after)) => (after - before).abs(),
            _ => 0.0,
        }
    }
}

/// Returns a sum's mean, none of nothing.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of samples lie far below 2^53"
)]
pub(in crate::power) fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}

/// Returns the value below which `share` of the values lie, between neighbours by proportion;
/// NaN of none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "indices of pulses are small and not negative"
)]
pub(in crate::power) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share.clamp(0.0, 1.0) * sorted.len().saturating_sub(1) as f64;
    let at = |idx: f64| sorted.get(idx as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (at(place.floor()), at(place.ceil()));
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_their_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(quantile(&values, 0.5), 2.5);
        assert_eq!(quantile(&values, 0.25), 1.75);
        assert_eq!((quantile(&values, 0.0), quantile(&values, 1.0)), (1.0, 4.0));
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn idle_needs_both_sides() {
        let idle = Idle {
            before_w: Some(0.1),
            after_w: Some(0.3),
        };
        assert!((idle.mean_w().unwrap() - 0.2).abs() < 1e-12);
        assert!((idle.drift_w() - 0.2).abs() < 1e-12);
        let half = Idle {
            before_w: Some(0.1),
            after_w: None,
        };
        assert_eq!((half.mean_w(), half.drift_w()), (None, 0.0));
    }
}
