//! Energy by the rails of a computer, as its agent reads them.
//!
//! The caller asks the agent for its sensors three times, each time with a restart: after some
//! seconds of waiting, after the jobs, and after some seconds of waiting again.

use super::energy::{EnergyReport, Limits, MeterFacts, Refusal, Stretch, Window, window};
use crate::report::{ReadingReport, SensorReport};

/// The rail that feeds the others.
const WHOLE: &str = "VDD_IN";

/// One step of its power on the module of a Jetson Orin Nano: 8 mA at 5 V, watts.
const STEP_W: f64 = 0.040;

/// Time that the monitor takes for a round of its rails, seconds.
const READING_S: f64 = 0.040;

/// What the uncertainty leaves out.
const EXCLUDED: [&str; 2] = [
    "accuracy of the module's monitors",
    "the carrier board, which VDD_IN does not feed",
];

/// Makes the report from what the sensors showed before, during and after `inferences` runs of
/// the network. Where a virtual board made the numbers up there is never a figure.
#[must_use]
pub fn report(
    before: &SensorReport,
    work: &SensorReport,
    after: &SensorReport,
    inferences: u32,
) -> EnergyReport {
    let measured = Window {
        before: stretch(before),
        work: stretch(work),
        after: stretch(after),
        step_w: STEP_W,
        reading_s: READING_S,
        saturated: 0,
        trace: None,
    };
    let facts = MeterFacts {
        model: "INA3221 of the board".to_owned(),
        serial: WHOLE.to_owned(),
        hardware: None,
        calibration_sha256: None,
        supply_v: None,
        operation: "read by the agent".to_owned(),
    };
    let limits = Limits::default();
    let mut report = window(&measured, facts, inferences, &limits, &EXCLUDED);
    let all = [before, work, after];
    if all.iter().any(|it| it.made_up) {
        refuse(&mut report, Refusal::MadeUp);
    } else if all.iter().any(|it| whole(it).is_none()) {
        refuse(&mut report, Refusal::NoRail);
    }
    report
}

/// Takes away every number: there was nothing to measure.
fn refuse(report: &mut EnergyReport, refusal: Refusal) {
    report.energy = None;
    report.idle = Default::default();
    report.refusals = vec![refusal];
    report.notes.clear();
}

fn whole(sensors: &SensorReport) -> Option<&ReadingReport> {
    sensors.rails().find(|it| it.name == WHOLE)
}

/// Returns the energy of the rail; the scatter of its samples tells how well they stand for the
/// time between them.
fn stretch(sensors: &SensorReport) -> Stretch {
    let Some(rail) = whole(sensors) else {
        return Stretch::default();
    };
    let length_s = sensors.window_s;
    let swing_w = (rail.max - rail.min) / 1e3;
    let samples = f64::from(rail.samples.max(1));
    Stretch {
        length_s,
        energy_j: rail.mean / 1e3 * length_s,
        samples: rail.samples.into(),
        // As if the samples lay anywhere between the least and the most.
        sampling_j: swing_w / 12.0_f64.sqrt() / samples.sqrt() * length_s,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Reading, Sensors};
    use mambalite_hil_wire::Quantity;

    fn sensors(window_ms: u32, milliwatts: i64, name: &str, made_up: bool) -> SensorReport {
        let reading = Reading {
            quantity: Quantity::Power,
            name: name.to_owned(),
            mean: milliwatts * 1000,
            min: milliwatts * 1000 - 40_000,
            max: milliwatts * 1000 + 40_000,
            samples: window_ms / 40,
        };
        let readings = vec![reading];
        SensorReport::new(
            &Sensors {
                window_ms,
                readings,
            },
            made_up,
        )
    }

    fn run(name: &str, made_up: bool) -> EnergyReport {
        let idle = |mw| sensors(5_000, mw, name, made_up);
        let work = sensors(20_000, 7_000, name, made_up);
        report(&idle(5_000), &work, &idle(5_040), 50)
    }

    #[test]
    fn the_rail_gives_the_energy_above_idle() {
        let report = run("VDD_IN", false);
        assert_eq!(report.refusals, []);
        let energy = report.energy.unwrap();
        assert!((energy.energy_j - 0.4 * 1.98).abs() < 1e-9, "{energy:?}");
        // 40 mW steps over 0.4 s are most of it.
        let steps_j = 2.0 * 0.04 * 0.4 / 3.0_f64.sqrt();
        assert!(energy.uncertainty_j > steps_j && energy.uncertainty_j < 1.3 * steps_j);
    }

    #[test]
    fn a_virtual_board_never_has_joules() {
        let report = run("VDD_IN", true);
        assert_eq!(report.refusals, [Refusal::MadeUp]);
        assert_eq!((report.energy.as_ref(), report.idle.before_w), (None, None));
        let json = serde_json::to_string(&report).unwrap();
        assert!(!json.contains("energy_j"), "{json}");
    }

    #[test]
    fn sub_rails_are_not_the_whole() {
        assert_eq!(run("VDD_SOC", false).refusals, [Refusal::NoRail]);
    }
}
