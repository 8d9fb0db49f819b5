//! The sums against profiles whose energy is known.

use super::*;

const SAMPLE_S: f64 = 1e-3;
const IDLE_W: f64 = 0.010;
const WORK_W: f64 = 0.110;

fn facts() -> MeterFacts {
    MeterFacts {
        model: "test".to_owned(),
        serial: "1".to_owned(),
        hardware: None,
        calibration_sha256: None,
        supply_v: Some(3.3),
        operation: "source".to_owned(),
    }
}

fn sample(power_w: f64, gate: bool) -> Sample {
    Sample {
        filtered_w: power_w,
        unfiltered_w: power_w,
        step_w: 1e-5,
        is_saturated: false,
        gate,
    }
}

fn push(gated: &mut Gated, count: u32, power_w: f64, gate: bool) {
    (0..count).for_each(|_| gated.push(sample(power_w, gate)));
}

/// Ten pulses of 1.1 s at 100 mW above idle.
fn run(change: impl FnOnce(&mut Gated)) -> Gated {
    let mut gated = Gated::new(SAMPLE_S, 3, 500);
    push(&mut gated, 500, IDLE_W, false);
    gated.begin_work();
    for _ in 0..10 {
        push(&mut gated, 200, 0.5, false);
        push(&mut gated, 1100, WORK_W, true);
    }
    push(&mut gated, 10, 0.5, false);
    change(&mut gated);
    gated.end_work();
    push(&mut gated, 500, IDLE_W, false);
    gated
}

fn report(gated: &Gated, inferences: u32) -> EnergyReport {
    gated.report(facts(), inferences, &Limits::default(), &["calibration"])
}

#[test]
fn the_energy_above_idle_is_that_under_the_gate() {
    let report = report(&run(|_| {}), 10);
    assert_eq!(
        (report.refusals.as_slice(), report.pulses),
        ([].as_slice(), Some(10))
    );
    let energy = report.energy.unwrap();
    assert!((energy.energy_j - 0.11).abs() < 1e-9, "{energy:?}");
    assert!((energy.gross_j - 0.121).abs() < 1e-9);
    assert!((energy.duration_s - 1.1).abs() < 1e-9);
    assert_eq!(energy.excluded, ["calibration"]);
    // By hand: steps 1.1 s * 1e-5 W / sqrt(3), edges sqrt(2) ms * 0.1 W / sqrt(3).
    let steps = 1.1e-5 / 3.0_f64.sqrt();
    let edges = 2.0_f64.sqrt() * 1e-4 / 3.0_f64.sqrt();
    let wanted = 2.0 * steps.hypot(edges);
    assert!(
        (energy.uncertainty_j - wanted).abs() < 1e-9,
        "{energy:?} {wanted}"
    );
}

#[test]
fn a_report_survives_json_with_its_units() {
    let report = report(&run(|_| {}), 10);
    let json = serde_json::to_string(&report).unwrap();
    for key in [
        "\"energy_j\"",
        "\"before_w\"",
        "\"measured_s\"",
        "\"lost_samples\"",
    ] {
        assert!(json.contains(key), "{key} in {json}");
    }
    assert_eq!(serde_json::from_str::<EnergyReport>(&json).unwrap(), report);
}

fn assert_refused(report: &EnergyReport, wanted: &Refusal) {
    assert!(report.refusals.contains(wanted), "{:?}", report.refusals);
    assert_eq!(report.energy, None, "refused, yet a figure");
}

#[test]
fn a_gate_that_never_rises_is_named() {
    let mut gated = Gated::new(SAMPLE_S, 3, 500);
    push(&mut gated, 500, IDLE_W, false);
    gated.begin_work();
    push(&mut gated, 5000, WORK_W, false);
    gated.end_work();
    push(&mut gated, 500, IDLE_W, false);
    assert_refused(&report(&gated, 10), &Refusal::GateNeverSeen { input: 3 });
    assert!(
        report(&gated, 10).refusals[0]
            .to_string()
            .contains("never seen on D3")
    );
    let mut high = Gated::new(SAMPLE_S, 3, 500);
    push(&mut high, 900, WORK_W, true);
    let high = report(&high, 10);
    assert_refused(&high, &Refusal::GateNeverSeen { input: 3 });
    assert_refused(&high, &Refusal::NoIdle);
}

#[test]
fn pulses_must_be_as_many_as_inferences() {
    let wanted = Refusal::GateDisagrees {
        pulses: 10,
        inferences: 11,
    };
    assert_refused(&report(&run(|_| {}), 11), &wanted);
    // A pulse that has not ended is none.
    let open = run(|it| push(it, 5, WORK_W, true));
    assert_eq!(
        report(&open, 11).pulses,
        Some(11),
        "it ends with the idle power"
    );
    let mut never = run(|_| {});
    push(&mut never, 5, WORK_W, true);
    assert_eq!(report(&never, 10).pulses, Some(10));
}

#[test]
fn few_and_short_pulses_are_refused() {
    let mut gated = Gated::new(SAMPLE_S, 0, 500);
    push(&mut gated, 500, IDLE_W, false);
    gated.begin_work();
    for _ in 0..4 {
        push(&mut gated, 1000, WORK_W, true);
        push(&mut gated, 10, IDLE_W, false);
    }
    gated.end_work();
    push(&mut gated, 500, IDLE_W, false);
    let report = report(&gated, 4);
    let few = Refusal::TooFew {
        inferences: 4,
        needed: 5,
    };
    assert_refused(&report, &few);
    assert!(matches!(report.refusals[1], Refusal::TooShort { .. }));
}

#[test]
fn lost_samples_are_filled_by_the_mean_up_to_a_share() {
    let with_gap = |gap| {
        let mut gated = Gated::new(SAMPLE_S, 0, 500);
        push(&mut gated, 500, IDLE_W, false);
        gated.begin_work();
        for _ in 0..10 {
            push(&mut gated, 600, WORK_W - 0.01, true);
            gated.push_lost(gap);
            push(&mut gated, 600, WORK_W + 0.01, true);
            push(&mut gated, 10, 0.5, false);
        }
        gated.end_work();
        push(&mut gated, 500, IDLE_W, false);
        report(&gated, 10)
    };
    let none = with_gap(0).energy.unwrap();
    let some = with_gap(10);
    assert_eq!(some.lost_samples, 100);
    let energy = some.energy.unwrap();
    assert!((energy.energy_j - 0.121).abs() < 1e-9, "{energy:?}");
    assert!(energy.uncertainty_j > none.uncertainty_j);
    assert!(matches!(with_gap(20).refusals[..], [Refusal::Lost { .. }]));
    let mut unplaced = run(|_| {});
    unplaced.count_unplaced(1000);
    assert!(matches!(
        report(&unplaced, 10).refusals[..],
        [Refusal::Lost { .. }]
    ));
}

#[test]
fn a_gap_at_an_edge_widens_the_uncertainty() {
    let with_gap = |gap| {
        let mut gated = Gated::new(SAMPLE_S, 0, 500);
        push(&mut gated, 500, IDLE_W, false);
        gated.begin_work();
        for _ in 0..10 {
            gated.push_lost(gap);
            push(&mut gated, 1200, WORK_W, true);
            push(&mut gated, 500, IDLE_W, false);
        }
        gated.end_work();
        push(&mut gated, 500, IDLE_W, false);
        report(&gated, 10).energy.unwrap().uncertainty_j
    };
    assert!(with_gap(8) > 5.0 * with_gap(0));
}

#[test]
fn a_signal_below_step_or_drift_is_refused() {
    let with = |work_w: f64, step_w: f64, after_w: f64| {
        let mut gated = Gated::new(SAMPLE_S, 0, 500);
        let mut push = |count: u32, power_w, gate| {
            for _ in 0..count {
                let step = sample(power_w, gate);
                gated.push(Sample { step_w, ..step });
            }
        };
        push(500, IDLE_W, false);
        for _ in 0..10 {
            push(1100, work_w, true);
            push(100, IDLE_W, false);
        }
        gated.end_work();
        (0..500).for_each(|_| gated.push(sample(after_w, false)));
        report(&gated, 10)
    };
    assert!(with(0.02, 1e-5, IDLE_W).refusals.is_empty());
    assert!(matches!(
        with(0.02, 2e-3, IDLE_W).refusals[..],
        [Refusal::Coarse { .. }]
    ));
    assert!(matches!(
        with(0.02, 1e-5, 0.025).refusals[..],
        [Refusal::IdleDrift { .. }]
    ));
    assert!(matches!(
        with(0.005, 1e-5, IDLE_W).refusals[..],
        [Refusal::NoSignal { .. }]
    ));
}

#[test]
fn a_saturated_converter_gives_no_figure() {
    let gated = run(|it| {
        it.push(Sample {
            is_saturated: true,
            ..sample(3.0, false)
        });
    });
    assert_refused(&report(&gated, 10), &Refusal::Saturated { times: 1 });
}

#[test]
fn a_floating_pin_takes_bounded_memory() {
    let mut gated = Gated::new(SAMPLE_S, 0, 500);
    for i in 0..300_000 {
        gated.push(sample(WORK_W, i % 2 == 0));
    }
    assert_eq!(gated.pulses.len(), PULSES_MAX);
    assert_eq!(report(&gated, 10).pulses, Some(149_999));
}
