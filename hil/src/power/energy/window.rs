//! Energy by the clock of this computer: the whole time of the jobs, transfers too.

use super::budget::{Term, expanded_j};
use super::{EnergyReport, Idle, InferenceEnergy, Limits, MeterFacts, Method, Refusal, Trace};

/// Of every figure by a window.
const NOTE: &str = "Without a gate the time of the jobs is the whole of it: the transfer of \
     pictures counts as if it were inference.";

/// What a meter says of a stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::power) struct Stretch {
    /// Length, seconds.
    pub(in crate::power) length_s: f64,
    /// Energy, joules.
    pub(in crate::power) energy_j: f64,
    /// Readings in it.
    pub(in crate::power) samples: u64,
    /// Standard uncertainty from reading only now and then, joules.
    pub(in crate::power) sampling_j: f64,
}

/// The three stretches of a run.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::power) struct Window {
    /// Idle before the jobs.
    pub(in crate::power) before: Stretch,
    /// The jobs.
    pub(in crate::power) work: Stretch,
    /// Idle after them.
    pub(in crate::power) after: Stretch,
    /// One step of the meter's power, watts.
    pub(in crate::power) step_w: f64,
    /// Time that one reading is of, seconds.
    pub(in crate::power) reading_s: f64,
    /// Times that the meter was at its end.
    pub(in crate::power) saturated: u64,
    /// The power over the time.
    pub(in crate::power) trace: Option<Trace>,
}

impl Stretch {
    fn power_w(&self) -> Option<f64> {
        (self.length_s > 0.0 && self.samples > 0).then(|| self.energy_j / self.length_s)
    }
}

/// Makes the report of a run in which the board ran the network `inferences` times; `excluded`
/// says what the meter's uncertainty leaves out.
pub(in crate::power) fn window(
    window: &Window,
    meter: MeterFacts,
    inferences: u32,
    limits: &Limits,
    excluded: &[&str],
) -> EnergyReport {
    let work = &window.work;
    let idle = Idle {
        before_w: window.before.power_w(),
        after_w: window.after.power_w(),
    };
    let mut refusals = Vec::new();
    if window.saturated > 0 {
        let times = window.saturated;
        refusals.push(Refusal::Saturated { times });
    }
    refusals.extend(limits.check_length(inferences, work.length_s));
    let signal_w = work
        .power_w()
        .zip(idle.mean_w())
        .map(|(w, idle_w)| w - idle_w);
    match signal_w {
        Some(signal_w) => {
            // One step at work and one idle.
            let step_w = 2.0 * window.step_w;
            refusals.extend(limits.check_signal(signal_w, step_w, idle.drift_w()));
        }
        None => refusals.push(Refusal::NoIdle),
    }
    let signal_w = signal_w.filter(|_| refusals.is_empty());
    let energy = signal_w.map(|signal_w| figure(window, &idle, signal_w, inferences, excluded));
    EnergyReport {
        method: Method::Window,
        meter,
        inferences,
        pulses: None,
        measured_s: work.length_s,
        energy,
        refusals,
        idle,
        samples: window.before.samples + work.samples + window.after.samples,
        lost_samples: 0,
        notes: vec![NOTE.to_owned()],
        trace: window.trace.clone(),
    }
}

fn figure(
    window: &Window,
    idle: &Idle,
    signal_w: f64,
    inferences: u32,
    excluded: &[&str],
) -> InferenceEnergy {
    let work = &window.work;
    let share = 1.0 / f64::from(inferences.max(1));
    let duration_s = work.length_s * share;
    let idle_sampling_w = [&window.before, &window.after]
        .map(|it| it.sampling_j / it.length_s)
        .into_iter()
        .fold(0.0, f64::hypot)
        / 2.0;
    let budget = vec![
        // A step at work and a step idle, either half a step wrong.
        Term::rectangular("steps of the meter", window.step_w * duration_s),
        // Two edges, each a reading wrong.
        Term::rectangular(
            "edges of the window, a reading each",
            2.0_f64.sqrt() * window.reading_s * signal_w * share,
        ),
        Term::standard("readings at work", work.sampling_j * share),
        Term::standard("readings idle", idle_sampling_w * duration_s),
        Term::rectangular("idle drift", idle.drift_w() / 2.0 * duration_s),
    ];
    InferenceEnergy {
        energy_j: signal_w * duration_s,
        quartile_lower_j: None,
        quartile_upper_j: None,
        gross_j: work.energy_j * share,
        unfiltered_j: None,
        duration_s,
        uncertainty_j: expanded_j(&budget),
        budget,
        excluded: excluded.iter().map(|&it| it.to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> MeterFacts {
        MeterFacts {
            model: "test".to_owned(),
            serial: "1".to_owned(),
            hardware: None,
            calibration_sha256: None,
            supply_v: None,
            operation: String::new(),
        }
    }

    fn stretch(length_s: f64, power_w: f64) -> Stretch {
        Stretch {
            length_s,
            energy_j: length_s * power_w,
            samples: 100,
            sampling_j: 0.0,
        }
    }

    fn report(work_w: f64, after_w: f64, step_w: f64, inferences: u32) -> EnergyReport {
        let measured = Window {
            before: stretch(2.0, 1.0),
            work: stretch(20.0, work_w),
            after: stretch(2.0, after_w),
            step_w,
            reading_s: 0.1,
            saturated: 0,
            trace: None,
        };
        window(&measured, facts(), inferences, &Limits::default(), &[])
    }

    #[test]
    fn the_energy_above_idle_is_shared_by_the_inferences() {
        let energy = report(1.5, 1.02, 0.01, 10).energy.unwrap();
        assert!((energy.energy_j - 0.98).abs() < 1e-12, "{energy:?}");
        assert!((energy.gross_j - 3.0).abs() < 1e-12);
        // By hand, all rectangular: steps 0.01 W * 2 s, drift 0.01 W * 2 s, edges
        // sqrt(2) * 0.1 s * 0.49 W / 10.
        let edges_j = 2.0_f64.sqrt() * 0.0049;
        let wanted = 2.0 * 0.02_f64.hypot(0.02).hypot(edges_j) / 3.0_f64.sqrt();
        assert!((energy.uncertainty_j - wanted).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_told_from_idle_is_refused() {
        let refusal = |report: EnergyReport| {
            assert_eq!(report.energy, None);
            report.refusals[0].clone()
        };
        assert!(matches!(
            refusal(report(1.2, 1.0, 0.04, 10)),
            Refusal::Coarse { .. }
        ));
        assert!(matches!(
            refusal(report(1.2, 1.9, 0.001, 10)),
            Refusal::NoSignal { .. }
        ));
        assert!(matches!(
            refusal(report(1.5, 1.5, 0.001, 10)),
            Refusal::IdleDrift { .. }
        ));
        assert!(matches!(
            refusal(report(1.5, 1.0, 0.001, 4)),
            Refusal::TooFew { .. }
        ));
    }
}
