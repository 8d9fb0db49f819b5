//! When a figure is refused.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Bounds beyond which there is no figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Least number of inferences: MLPerf Tiny takes the median of five inputs.
    pub inferences_min: u32,
    /// Least time under the gate or in the window, seconds: MLPerf Tiny's rule.
    pub measured_min_s: f64,
    /// Largest share of lost samples.
    pub lost_max: f64,
    /// Largest half step of the meter, as a share of the power above idle.
    pub step_max: f64,
    /// Largest change of the idle power, as a share of the power above idle.
    pub drift_max: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inferences_min: 5,
            measured_min_s: 10.0,
            lost_max: 0.01,
            step_max: 0.05,
            drift_max: 1.0,
        }
    }
}

impl Limits {
    /// Checks the share of lost samples.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of samples lie far below 2^53"
    )]
    pub(super) fn check_lost(&self, samples: u64, lost: u64) -> Option<Refusal> {
        let share = lost as f64 / (samples + lost).max(1) as f64;
        let limit = self.lost_max;
        (share > limit).then_some(Refusal::Lost { share, limit })
    }

    /// Checks number and time of the inferences.
    pub(super) fn check_length(
        &self,
        inferences: u32,
        measured_s: f64,
    ) -> impl Iterator<Item = Refusal> {
        let (needed, needed_s) = (self.inferences_min, self.measured_min_s);
        let few = (inferences < needed).then_some(Refusal::TooFew { inferences, needed });
        let short = (measured_s < needed_s).then_some(Refusal::TooShort {
            measured_s,
            needed_s,
        });
        few.into_iter().chain(short)
    }

    /// Checks the power above idle against one step of the meter and the drift, all in watts.
    pub(super) fn check_signal(&self, signal_w: f64, step_w: f64, drift_w: f64) -> Option<Refusal> {
        let share = step_w / 2.0 / signal_w;
        let limit = self.step_max;
        if signal_w.is_nan() || signal_w <= 0.0 {
            Some(Refusal::NoSignal { signal_w })
        } else if drift_w > self.drift_max * signal_w {
            Some(Refusal::IdleDrift { drift_w, signal_w })
        } else {
            (share > limit).then_some(Refusal::Coarse { share, limit })
        }
    }
}

/// Why there is no figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Refusal {
    /// A virtual board made the numbers up.
    MadeUp,
    /// The sensors have no rail that feeds the whole module.
    NoRail,
    /// The gate never rose.
    GateNeverSeen {
        /// Logic input.
        input: u8,
    },
    /// The gate rose another number of times than the board worked.
    GateDisagrees {
        /// Pulses seen.
        pulses: u32,
        /// Inferences run.
        inferences: u32,
    },
    /// The idle power was not measured before or after the jobs.
    NoIdle,
    /// There were too few inferences.
    TooFew {
        /// How many.
        inferences: u32,
        /// How many it takes.
        needed: u32,
    },
    /// They took too short a time.
    TooShort {
        /// How long, seconds.
        measured_s: f64,
        /// How long it must be, seconds.
        needed_s: f64,
    },
    /// Too many samples were lost.
    Lost {
        /// Share of lost samples.
        share: f64,
        /// Largest share.
        limit: f64,
    },
    /// One step of the meter is too large for the signal.
    Coarse {
        /// Half a step as a share of the power above idle.
        share: f64,
        /// Largest share.
        limit: f64,
    },
    /// The board needs no more power at work than idle.
    NoSignal {
        /// Power above idle, watts.
        signal_w: f64,
    },
    /// The idle power changed by more than the signal.
    IdleDrift {
        /// By how much, watts.
        drift_w: f64,
        /// Power above idle, watts.
        signal_w: f64,
    },
    /// The current went beyond the meter's range.
    Saturated {
        /// Samples at the end of the range, or flags of the chip.
        times: u64,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: &f64| share * 100.0;
        match self {
            Self::MadeUp => write!(f, "the sensors of a virtual board are made up"),
            Self::NoRail => write!(f, "there is no rail VDD_IN; see the labels under Sensors"),
            Self::GateNeverSeen { input } => write!(
                f,
                "the gate was never seen on D{input}: connect the board's gate pin, a common \
                 ground, and VCC of the logic port to the board's I/O voltage; try `hil meter`"
            ),
            Self::GateDisagrees { pulses, inferences } => write!(
                f,
                "{pulses} pulses of the gate for {inferences} inferences: check the wire for \
                 bouncing contacts, and that nothing else drives the pin"
            ),
            Self::NoIdle => write!(
                f,
                "the idle power is not known: the gate was high, or no sample came, before or \
                 after the jobs"
            ),
            Self::TooFew { inferences, needed } => {
                write!(
                    f,
                    "{inferences} inferences, it takes {needed}: run more pictures"
                )
            }
            Self::TooShort {
                measured_s,
                needed_s,
            } => write!(
                f,
                "{measured_s:.1} s of inferences, it takes {needed_s} s: run more or larger \
                 pictures"
            ),
            Self::Lost { share, limit } => write!(
                f,
                "{:.2} % of the samples are lost, {} % may be: use a port of the computer itself, \
                 and a computer with less to do",
                percent(share),
                percent(limit)
            ),
            Self::Coarse { share, limit } => write!(
                f,
                "half a step of the meter is {:.1} % of the power above idle, {} % may be: take \
                 a finer meter or a larger shunt",
                percent(share),
                percent(limit)
            ),
            Self::NoSignal { signal_w } => write!(
                f,
                "the board takes {:.3} mW more at work than idle: is the meter in its supply, and \
                 is it not fed through UART or debug probe?",
                signal_w * 1e3
            ),
            Self::IdleDrift { drift_w, signal_w } => write!(
                f,
                "the idle power changed by {:.3} mW, the inference adds {:.3} mW: let the board \
                 warm up, and stop what else runs there",
                drift_w * 1e3,
                signal_w * 1e3
            ),
            Self::Saturated { times } => write!(
                f,
                "the current went beyond the meter's range {times} times: take another meter or \
                 a smaller shunt"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_json_and_names_the_mend() {
        let refusal = Refusal::GateDisagrees {
            pulses: 7,
            inferences: 6,
        };
        let json = serde_json::to_string(&refusal).unwrap();
        assert_eq!(
            json,
            r#"{"reason":"gate-disagrees","pulses":7,"inferences":6}"#
        );
        assert_eq!(serde_json::from_str::<Refusal>(&json).unwrap(), refusal);
        let text = Refusal::Lost {
            share: 0.0234,
            limit: 0.01,
        };
        assert!(
            text.to_string()
                .starts_with("2.34 % of the samples are lost, 1 %")
        );
    }
}
