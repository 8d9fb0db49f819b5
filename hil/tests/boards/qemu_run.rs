//! Whole runs on both virtual boards, from the build to the report.

use std::path::Path;

use mambalite::picture::{Color, Picture};
use mambalite::registry;
use mambalite::upscale::{Executor, upscale};
use mambalite_hil::board::{Board, Boards};
use mambalite_hil::controls;
use mambalite_hil::firmware::find_toolchain;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::observer::Silent;
use mambalite_hil::run::{self, Order, Outcome};
use mambalite_hil::state::State;
use mambalite_hil::verdict::Verdict;
use mambalite_hil_toolchain::find_program;
use mambalite_kernels::Precision;
use tempfile::TempDir;

use crate::model::{invented, picture};

const BOARDS: [&str; 2] = ["qemu-mps2-an386", "qemu-mps2-an500"];

/// Reports whether virtual boards can be run here; says what is missing where not.
pub(crate) fn can_run() -> bool {
    if find_program("qemu-system-arm").is_none() {
        println!("SKIP qemu: qemu-system-arm is not installed");
        return false;
    }
    match find_toolchain("thumbv7em-none-eabihf") {
        Ok(_) => true,
        Err(error) => {
            println!("SKIP qemu: {error}");
            false
        }
    }
}

/// Reports whether one virtual board can be run here; says what is missing where not.
pub(crate) fn can_run_on(board: &Board) -> bool {
    let program = match board.target.starts_with("riscv32") {
        true => "qemu-system-riscv32",
        false => "qemu-system-arm",
    };
    if find_program(program).is_none() {
        println!("SKIP {}: {program} is not installed", board.name);
        return false;
    }
    if let Err(error) = find_toolchain(&board.target) {
        println!("SKIP {}: {error}", board.name);
        return false;
    }
    true
}

/// Runs a picture of 24 x 20 pixels on boards.
pub(crate) fn run(
    folder: &TempDir,
    boards: &[&str],
    model: &str,
    precisions: &[Precision],
) -> Outcome {
    let input = folder.path().join("lr.png");
    picture(24, 20).save(&input).unwrap();
    let state = State::at(folder.path().join("state"));
    let order = Order {
        boards: boards.iter().map(|&name| name.to_owned()).collect(),
        model: model.to_owned(),
        precisions: precisions.to_vec(),
        ..Order::new(input, folder.path().join("out"), state)
    };
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    run::run(&order, &boards, &Interrupt::default(), &Silent).unwrap()
}

/// Checks that every run passed, with one job and all controls.
pub(crate) fn assert_pass(outcome: &Outcome, runs: usize) {
    for board in &outcome.report.boards {
        let name = format!("{} {}", board.board.name, board.model.precision);
        let why = (&board.failure, &board.first_difference, &board.controls);
        assert_eq!(board.verdict, Verdict::Pass, "{name}: {why:?}");
        assert_eq!(board.jobs.len(), 1, "{name}");
        assert_eq!(board.controls.len(), controls::COUNT, "{name}");
        let stack = board.memory.stack_used_bytes.unwrap();
        assert!(stack > 0 && stack < board.memory.stack_size_bytes, "{name}");
        assert!(!board.log.is_empty(), "{name} has no log");
    }
    assert_eq!(outcome.report.boards.len(), runs);
    assert_eq!(outcome.exit_code, 0);
    assert!(outcome.paths.html.is_file() && outcome.paths.json.is_file());
}

#[test]
fn both_boards_compute_what_the_host_computes() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("invented.mls");
    let model = invented(4);
    model.save(&file).unwrap();
    let outcome = run(&folder, &BOARDS, &file.display().to_string(), &[]);
    assert_pass(&outcome, 2);
    let host = upscale(&model.model(), &picture(24, 20), Executor::Stream).unwrap();
    for board in BOARDS {
        let sr = folder.path().join(format!("out/lr_{board}.png"));
        assert!(Picture::load(&sr, Color::Rgb).unwrap() == host, "{board}");
    }
}

#[test]
fn both_boards_run_the_shipped_model_in_single_precision_and_in_fixed_point() {
    let precisions = [Precision::F32, Precision::W8A8];
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(&folder, &BOARDS, registry::DEFAULT, &precisions);
    assert_pass(&outcome, 4);
}
