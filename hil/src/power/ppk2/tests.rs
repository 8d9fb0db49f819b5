//! The driver against a kit that is played: start-up, faults, and an energy that is known.

use super::simulator::{Fault, Kit, METADATA, Simulator};
use super::*;
use crate::error::{EXIT_LINK, EXIT_TIMEOUT};
use crate::power::energy::Refusal;

const SUPPLY_V: f64 = 3.3;
const IDLE_A: f64 = 0.0021;
/// Samples of one pulse and of the time between two.
const PULSE: u64 = 102_000;
const BETWEEN: u64 = 3_000;
/// Samples before the first pulse.
const LEAD: u64 = 30_000;
const PULSES: u64 = 10;

fn settings() -> Settings {
    let mut settings = Settings::new("F0A1", 3300, true, 2).unwrap();
    settings.idle_s = 0.2;
    settings
}

/// Idle, then ten pulses of 1.02 s with three ranges in each, then idle.
fn profile(sample: u64) -> (f64, u8) {
    let Some((pulse, at)) = place(sample) else {
        return (IDLE_A, 0);
    };
    let amps = match at / 1_000 % 4 {
        0 => 0.0031,
        1 | 2 => 0.0215 + 1e-4 * pulse as f64,
        _ => 0.0912,
    };
    (amps, 0b0000_0100)
}

/// Returns the pulse and the place in it.
fn place(sample: u64) -> Option<(u64, u64)> {
    let since = sample.checked_sub(LEAD)?;
    let (pulse, at) = (since / (PULSE + BETWEEN), since % (PULSE + BETWEEN));
    (pulse < PULSES && at < PULSE).then_some((pulse, at))
}

/// Returns the joules above idle of each pulse, by the profile.
fn known_j() -> Vec<f64> {
    let pulse_j = |pulse| {
        let start = LEAD + pulse * (PULSE + BETWEEN);
        let amps: f64 = (start..start + PULSE)
            .map(|it| profile(it).0 - IDLE_A)
            .sum();
        amps * SUPPLY_V * SAMPLE_S
    };
    (0..PULSES).map(pulse_j).collect()
}

/// Runs the profile through driver and kit.
fn measure(faults: Vec<(u64, Fault)>) -> EnergyReport {
    let simulator = Simulator::start(Kit {
        profile: Box::new(profile),
        faults,
        ..Kit::default()
    });
    let mut kit = Ppk2::open_at(simulator.path(), settings()).unwrap();
    let interrupt = Interrupt::default();
    kit.begin(&interrupt).unwrap();
    let mut samples = 0;
    while samples < LEAD + PULSES * (PULSE + BETWEEN) {
        std::thread::sleep(Duration::from_millis(20));
        let live = kit.live().unwrap();
        samples += live.samples + live.lost_samples;
    }
    let report = kit.finish(PULSES as u32, &interrupt).unwrap();
    let stopped = simulator.await_command(&[AVERAGE_STOP], 3);
    assert!(stopped, "{:?}", simulator.commands());
    report
}

#[test]
fn the_energy_is_that_of_the_profile() {
    let report = measure(Vec::new());
    assert_eq!(report.refusals, []);
    let energy = report.energy.unwrap();
    let known = crate::power::energy::quantile(&known_j(), 0.5);
    let error = (energy.energy_j - known).abs();
    assert!(error <= energy.uncertainty_j, "{energy:?} is not {known}");
    assert!(error < 0.005 * known, "{} is not {known}", energy.energy_j);
    assert!(energy.uncertainty_j < 0.02 * known, "{energy:?}");
    assert!((energy.duration_s - 1.02).abs() < 1e-9);
    assert_eq!((report.pulses, report.lost_samples), (Some(10), 0));
    let idle_w = report.idle.before_w.unwrap();
    assert!((idle_w - IDLE_A * SUPPLY_V).abs() < 3e-5, "{idle_w}");
    assert_eq!(report.meter.operation, "source");
    // Spikes of range changes show only where nothing filters them.
    let unfiltered = energy.unfiltered_j.unwrap();
    assert!(unfiltered != energy.energy_j && (unfiltered - known).abs() < 0.01 * known);
}

#[test]
fn losses_and_slips_cost_no_more_than_the_uncertainty() {
    let mut faults = Vec::new();
    for pulse in 0..PULSES {
        let start = LEAD + pulse * (PULSE + BETWEEN);
        faults.extend([
            (start + 5_500, Fault::Lose(1 + pulse)),
            (start + 9_000, Fault::Slip(1 + pulse as usize % 3)),
            (start + 20_000, Fault::Damage),
            (start + 31_000, Fault::Lose(50)),
        ]);
    }
    let report = measure(faults);
    assert_eq!(
        (report.refusals.as_slice(), report.pulses),
        ([].as_slice(), Some(10))
    );
    let lost = report.lost_samples;
    // 45 + 10 lost, 500 lost, 10 damaged, 2 or 3 for each slip.
    assert!((585..=600).contains(&lost), "{lost}");
    let energy = report.energy.unwrap();
    let known = crate::power::energy::quantile(&known_j(), 0.5);
    let error = (energy.energy_j - known).abs();
    assert!(error <= energy.uncertainty_j, "{energy:?} is not {known}");
    assert!(
        (energy.duration_s - 1.02).abs() < 1e-9,
        "lost samples are time too"
    );
    assert!(report.notes[0].contains("samples of 10 \u{b5}s are lost"));
}

#[test]
fn it_is_set_up_by_the_bytes_that_a_kit_knows() {
    let simulator = Simulator::start(Kit::default());
    let kit = Ppk2::open_at(simulator.path(), settings()).unwrap();
    assert_eq!(kit.facts().hardware.as_deref(), Some("HW 9173"));
    drop(kit);
    let wanted: [&[u8]; 6] = [
        &[0x07],
        &[0x19],
        &[0x11, 0x02],
        &[0x0d, 0x0c, 0xe4],
        &[0x0c, 0x01],
        &[0x07],
    ];
    assert!(simulator.await_command(&[0x07], 2));
    assert_eq!(simulator.commands(), wanted);
}

#[test]
fn a_broken_answer_is_asked_for_again_three_times_at_most() {
    let with = |broken_answers| {
        let simulator = Simulator::start(Kit {
            broken_answers,
            ..Kit::default()
        });
        Ppk2::open_at(simulator.path(), settings()).map(|kit| kit.metadata.sha256.clone())
    };
    with(2).unwrap();
    let error = with(3).unwrap_err();
    assert!(error.to_string().contains("no END among them"), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
}

#[test]
fn a_calibration_with_a_hole_is_refused() {
    let simulator = Simulator::start(Kit {
        metadata: METADATA.replace("GI2: 0.985\n", ""),
        ..Kit::default()
    });
    let error = Ppk2::open_at(simulator.path(), settings()).unwrap_err();
    assert!(error.to_string().contains("no value for GI2"), "{error}");
}

/// Begins with a kit that fails later; returns the error of the first call that sees it.
fn failure(fault: Fault) -> crate::Error {
    let simulator = Simulator::start(Kit {
        profile: Box::new(profile),
        faults: vec![(LEAD + 1_000, fault)],
        ..Kit::default()
    });
    let mut kit = Ppk2::open_at(simulator.path(), settings()).unwrap();
    let interrupt = Interrupt::default();
    let begun = kit.begin(&interrupt);
    begun
        .and_then(|()| kit.finish(1, &interrupt).map(|_| ()))
        .unwrap_err()
}

#[test]
fn a_kit_that_vanishes_or_hangs_ends_the_wait() {
    let gone = failure(Fault::Vanish);
    assert_eq!(gone.exit_code(), EXIT_LINK, "{gone}");
    let silent = failure(Fault::Hang);
    assert_eq!(silent.exit_code(), EXIT_TIMEOUT, "{silent}");
}

#[test]
fn a_gate_that_stays_high_ends_the_wait_and_the_user_can_stop_it() {
    let simulator = Simulator::start(Kit {
        profile: Box::new(|_| (IDLE_A, 0xff)),
        ..Kit::default()
    });
    let mut kit = Ppk2::open_at(simulator.path(), settings()).unwrap();
    let interrupt = Interrupt::default();
    kit.begin(&interrupt).unwrap();
    let report = kit.finish(5, &interrupt).unwrap();
    assert_eq!(report.energy, None);
    assert!(
        report.refusals.contains(&Refusal::NoIdle),
        "{:?}",
        report.refusals
    );
    interrupt.set();
    let error = kit.begin(&interrupt).unwrap_err();
    assert!(matches!(error, crate::Error::Interrupted));
    drop(kit);
    assert!(
        simulator.await_command(&[AVERAGE_STOP], 4),
        "stopped by the drop"
    );
}

#[test]
fn nothing_is_measured_before_the_start() {
    let simulator = Simulator::start(Kit::default());
    let mut kit = Ppk2::open_at(simulator.path(), settings()).unwrap();
    assert!(kit.live().is_err());
    assert!(kit.finish(5, &Interrupt::default()).is_err());
}

#[test]
fn settings_that_no_kit_has_are_refused() {
    for (supply_mv, gate) in [(799, 0), (5001, 0), (3300, 8)] {
        assert!(Settings::new("A", supply_mv, true, gate).is_err());
    }
}
