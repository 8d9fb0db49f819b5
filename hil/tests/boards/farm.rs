//! Several rigs in one run: in parallel, each leased, none disturbs another.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_MISMATCH, EXIT_NOTHING, EXIT_PASS};
use mambalite_hil::fault::Scenario;
use mambalite_hil::history::Thresholds;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::{self, Inventory, Quarantine, Rig, today};
use mambalite_hil::lease::Lease;
use mambalite_hil::observer::Silent;
use mambalite_hil::recovery::Rung;
use mambalite_hil::run::{self, Nights, Order, Outcome, PlannedFault};
use mambalite_hil::state::State;
use mambalite_hil::verdict::{Stage, Verdict};
use mambalite_hil_toolchain::find_program;
use tempfile::TempDir;

use crate::jetson;
use crate::model::{invented, picture};
use crate::qemu_run::can_run;

/// A folder with a model, a picture and a state of its own.
struct Farm {
    folder: TempDir,
}

impl Farm {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        invented(4).save(&folder.path().join("m.mls")).unwrap();
        Self::with_picture(folder, 20, 16)
    }

    fn with_picture(folder: TempDir, width: usize, height: usize) -> Self {
        let file = folder.path().join("lr.png");
        picture(width, height).save(&file).unwrap();
        Self { folder }
    }

    fn state(&self) -> State {
        State::at(self.folder.path().join("state"))
    }

    fn order(&self, rigs: Vec<Rig>) -> Order {
        let path = |name: &str| self.folder.path().join(name);
        Order {
            rigs,
            model: path("m.mls").display().to_string(),
            wait: Duration::ZERO,
            ..Order::new(path("lr.png"), path("out"), self.state())
        }
    }

    fn run(&self, rigs: Vec<Rig>) -> Outcome {
        self.run_order(&self.order(rigs))
    }

    fn run_order(&self, order: &Order) -> Outcome {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        run::run(order, &boards, &Interrupt::default(), &Silent).unwrap()
    }
}

fn rig(name: &str, board: &str) -> Rig {
    Rig {
        name: name.to_owned(),
        ..Rig::of_board(board)
    }
}

#[test]
fn qemu_rigs_run_at_once_and_only_where_they_may() {
    if !can_run() {
        return;
    }
    let farm = Farm::new();
    let mut ill = rig("ill", "qemu-mps2-an386");
    ill.quarantine = Some(Quarantine {
        reason: "it is being mended".to_owned(),
        owner: "ada".to_owned(),
        issue: None,
        expires: "9999-12-31".to_owned(),
    });
    let rigs = vec![
        rig("m4-a", "qemu-mps2-an386"),
        rig("m7-a", "qemu-mps2-an500"),
        ill,
        rig("lent", "qemu-mps2-an500"),
    ];
    let none = Interrupt::default();
    let lent = Lease::take(&farm.state(), "lent", "a demo", Duration::ZERO, &none).unwrap();
    let outcome = farm.run(rigs);
    let found: Vec<_> = outcome
        .report
        .boards
        .iter()
        .map(|it| (it.rig.as_str(), it.verdict))
        .collect();
    let expected = [
        ("m4-a", Verdict::Pass),
        ("m7-a", Verdict::Pass),
        ("ill", Verdict::Quarantined),
        ("lent", Verdict::Skip),
    ];
    assert_eq!(found, expected, "{:?}", outcome.report.boards);
    assert_eq!(outcome.exit_code, EXIT_PASS);
    let quarantine = outcome.report.boards[2].quarantine.as_ref().unwrap();
    assert_eq!(quarantine.found, Verdict::Pass);
    let failure = outcome.report.boards[3].failure.as_ref().unwrap();
    assert_eq!(failure.stage, Stage::Lease);
    assert!(failure.cause.contains("a demo"), "{failure:?}");
    for rig in ["m4-a", "m7-a", "ill"] {
        assert_eq!(Lease::holder(&farm.state(), rig).unwrap(), None);
        assert!(
            farm.folder
                .path()
                .join(format!("out/lr_{rig}.png"))
                .is_file()
        );
    }
    drop(lent);
}

#[test]
fn qemu_a_rig_that_is_out_of_order_is_refused_at_once() {
    if !can_run() {
        return;
    }
    let farm = Farm::new();
    let note = r#"{"since":"2026-01-02T03:04:05Z","cause":"it smokes"}"#;
    let notes = farm.state().folder("out-of-order").unwrap();
    std::fs::write(notes.join("m4.json"), note).unwrap();
    let outcome = farm.run(vec![rig("m4", "qemu-mps2-an386")]);
    let report = &outcome.report.boards[0];
    assert_eq!(report.verdict, Verdict::Infra);
    let failure = report.failure.as_ref().unwrap();
    assert!(failure.cause.contains("it smokes"), "{failure:?}");
    assert!(run::golden::clear(&farm.state(), "m4").unwrap());
    let lent = Lease::take(
        &farm.state(),
        "m4",
        "a demo",
        Duration::ZERO,
        &Interrupt::default(),
    );
    let outcome = farm.run(vec![rig("m4", "qemu-mps2-an386")]);
    assert_eq!(outcome.exit_code, EXIT_NOTHING);
    drop(lent);
}

#[test]
fn qemu_what_passed_is_not_run_again_unless_something_changed() {
    if !can_run() {
        return;
    }
    let farm = Farm::new();
    let mut order = farm.order(vec![rig("m4", "qemu-mps2-an386")]);
    let wall = |outcome: &Outcome| outcome.report.boards[0].jobs[0].wall_ms.to_bits();
    let first = farm.run_order(&order);
    assert_eq!(first.exit_code, EXIT_PASS, "{:?}", first.report.boards);
    order.resume = true;
    let resumed = farm.run_order(&order);
    // A time is the same twice only when it was not measured twice.
    assert_eq!(wall(&resumed), wall(&first));
    let layers = |outcome: &Outcome| outcome.report.boards[0].jobs[0].layers.clone();
    assert_eq!(layers(&resumed), layers(&first));
    assert_eq!(resumed.exit_code, EXIT_PASS);
    let farm = Farm::with_picture(farm.folder, 21, 16);
    let other = farm.run_order(&order);
    assert_ne!(wall(&other), wall(&first));
    assert_eq!(other.report.boards[0].verdict, Verdict::Pass);
}

/// What a rig that suffers a fault in its first attempt must come to.
fn expected(scenario: Scenario) -> Verdict {
    match scenario.expected().verdict {
        Verdict::Link | Verdict::Infra => Verdict::Flaky,
        other => other,
    }
}

#[test]
fn qemu_each_fault_has_its_verdict_and_disturbs_no_other_rig() {
    if !can_run() {
        return;
    }
    let scenarios = [
        Scenario::FlipFew,
        Scenario::Vanish,
        Scenario::Hang,
        Scenario::Fault,
        Scenario::WrongBits,
        Scenario::WrongIdentity,
    ];
    // Large enough for a board to be struck in the middle of it.
    let farm = Farm::with_picture(Farm::new().folder, 64, 48);
    let mut rigs = vec![rig("sound", "qemu-mps2-an386")];
    rigs.extend(scenarios.map(|it| rig(it.name(), "qemu-mps2-an386")));
    for rig in &mut rigs {
        // Of the emulator's fast boards: nobody waits two minutes for one that hangs.
        rig.timeout_multiplier = 0.2;
    }
    let mut order = farm.order(rigs);
    order.faults = scenarios.map(planned).to_vec();
    let outcome = farm.run_order(&order);
    let report = |name: &str| {
        let mut all = outcome.report.boards.iter();
        all.find(|it| it.rig == name).unwrap()
    };
    assert_eq!(report("sound").verdict, Verdict::Pass);
    for scenario in scenarios {
        let found = report(scenario.name());
        let why = (&found.failure, &found.attempts, &found.recovery);
        assert_eq!(found.verdict, expected(scenario), "{scenario}: {why:?}");
        // Of a mismatch the failure is that nothing can be proved by faults on top of it.
        if let (Some(failure), true) = (&found.failure, found.verdict != Verdict::Mismatch) {
            assert_eq!(Some(failure.stage), scenario.expected().stage, "{why:?}");
        }
    }
    let crash = report("fault").crash.as_ref().unwrap();
    assert!(crash.cause.contains("undefined instruction"), "{crash:?}");
    let hang = report("hang").recovery.last().unwrap();
    assert!(hang.helped && hang.rung == Rung::Reset, "{hang:?}");
    assert_eq!(report("vanish").attempts.len(), 1);
    assert_eq!(outcome.exit_code, EXIT_MISMATCH);
}

fn planned(scenario: Scenario) -> PlannedFault {
    PlannedFault {
        rig: scenario.name().to_owned(),
        scenario,
        seed: 1,
        attempts: 1,
    }
}

#[test]
fn qemu_ten_rigs_of_seven_kinds_pass_in_one_run() {
    if !can_run() || !jetson::can_run() || find_program("qemu-system-riscv32").is_none() {
        println!("SKIP qemu: not every emulator or compiler is installed");
        return;
    }
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let bench = Inventory::load(Some("virtual"), &boards, today()).unwrap();
    let rigs = inventory::select(&bench, &[], &[]).unwrap();
    let kinds: BTreeSet<_> = rigs.iter().map(|rig| rig.board.clone()).collect();
    assert_eq!((rigs.len(), kinds.len()), (10, 7));
    let farm = Farm::new();
    let mut order = farm.order(rigs);
    order.history = Some(Nights {
        path: farm.folder.path().join("history.sqlite"),
        thresholds: Thresholds::load(None).unwrap(),
    });
    let mut instructions = Vec::new();
    for night in 0..2 {
        let outcome = farm.run_order(&order);
        let all = &outcome.report.boards;
        for it in all {
            let why = (&it.failure, &it.attempts, &it.first_difference);
            assert_eq!(it.verdict, Verdict::Pass, "{}: {why:?}", it.rig);
        }
        assert_eq!(all.len(), 10);
        assert!(outcome.trouble.is_none(), "{:?}", outcome.trouble);
        assert_eq!(outcome.report.regressions, [], "night {night}");
        assert_eq!(outcome.exit_code, EXIT_PASS);
        let counts = all
            .iter()
            .flat_map(|it| it.jobs.iter().map(|job| job.cycles));
        instructions.push(counts.collect::<Vec<_>>());
    }
    // Nine count, and nothing that runs beside them changes it.
    assert_eq!(instructions[0].iter().flatten().count(), 9);
    assert_eq!(instructions[0], instructions[1]);
}

/// Variable with the number of runs with random faults, or with the first and the one after the last,
/// as `100..200`; the suite has time for few.
const RUNS: &str = "HIL_TEST_RUNS";
const RUNS_IN_THE_SUITE: u64 = 2;

/// Returns the runs that are wanted.
fn runs() -> core::ops::Range<u64> {
    let Ok(words) = std::env::var(RUNS) else {
        return 0..RUNS_IN_THE_SUITE;
    };
    let (first, end) = words.split_once("..").unwrap_or(("0", &words));
    let number = |word: &str| word.parse().expect("HIL_TEST_RUNS is N or M..N");
    number(first)..number(end)
}

/// Returns the processes that this one has started and that still run.
fn children() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let children = threads.map(|thread| {
        let children = std::fs::read_to_string(thread.path().join("children"));
        children.unwrap_or_default().split_whitespace().count()
    });
    children.sum()
}

#[test]
fn qemu_random_faults_one_run_after_the_other_are_told_apart_and_leave_nothing() {
    if !can_run() {
        return;
    }
    let farm = Farm::with_picture(Farm::new().folder, 64, 48);
    let names = ["m4", "m7"];
    for run in runs() {
        let rigs = [("m4", "qemu-mps2-an386"), ("m7", "qemu-mps2-an500")];
        let mut order = farm.order(rigs.map(|(name, board)| rig(name, board)).to_vec());
        for (rig, step) in order.rigs.iter_mut().zip([7, 11]) {
            // Long enough for a board that is busy with a flood of its log.
            rig.timeout_multiplier = 0.5;
            // A walk through all scenarios, in another order on each rig.
            let at = (run * step + step) as usize % Scenario::ALL.len();
            order.faults.push(PlannedFault {
                rig: rig.name.clone(),
                scenario: Scenario::ALL[at],
                seed: run,
                attempts: 1,
            });
        }
        let outcome = farm.run_order(&order);
        assert_eq!(outcome.report.boards.len(), names.len());
        for (found, fault) in outcome.report.boards.iter().zip(&order.faults) {
            let why = (&found.failure, &found.attempts, &found.recovery);
            let expected = expected(fault.scenario);
            println!(
                "run {run}: {} on {}: {:?}",
                fault.scenario, found.rig, found.verdict
            );
            assert_eq!(found.verdict, expected, "run {run}: {fault:?}: {why:?}");
        }
        assert_eq!(children(), 0, "run {run}");
        for name in names {
            let holder = Lease::holder(&farm.state(), name).unwrap();
            assert_eq!(holder, None, "run {run}: {name}");
            run::golden::clear(&farm.state(), name).unwrap();
        }
    }
}
