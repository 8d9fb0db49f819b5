//! Several rigs in one run: in parallel, each leased, none disturbs another.

use std::path::Path;
use std::time::Duration;

use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_NOTHING, EXIT_PASS};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::{Quarantine, Rig};
use mambalite_hil::lease::Lease;
use mambalite_hil::observer::Silent;
use mambalite_hil::run::{self, Order, Outcome};
use mambalite_hil::state::State;
use mambalite_hil::verdict::{Stage, Verdict};
use tempfile::TempDir;

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
        picture(20, 16).save(&folder.path().join("lr.png")).unwrap();
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
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        run::run(&self.order(rigs), &boards, &Interrupt::default(), &Silent).unwrap()
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
