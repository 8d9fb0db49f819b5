//! Every scenario gets its verdict: on the firmware's logic in this process, and on QEMU.

use std::path::Path;
use std::process::Command;

use mambalite_hil::Error;
use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_INPUT, EXIT_PASS};
use mambalite_hil::fault::{Scenario, Session};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::verdict::Verdict;

use crate::faulty;
use crate::qemu_run::can_run;

const BOARD: &str = "qemu-mps2-an386";

fn session() -> Session {
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    Session::new(&boards, BOARD, true, &Interrupt::default()).unwrap()
}

#[test]
fn every_scenario_gets_its_verdict() {
    // They wait more than they work.
    std::thread::scope(|scope| {
        let runs: Vec<_> = faulty::scenarios()
            .map(|scenario| scope.spawn(move || faulty::run(scenario, 11)))
            .collect();
        for run in runs {
            let found = run.join().unwrap();
            assert!(found.is_as_expected(), "{found:?}");
            if found.verdict == Verdict::Crash {
                let crash = found.crash.unwrap();
                assert!(crash.frames[0].function.contains("multiply"), "{crash}");
            }
        }
    });
}

#[test]
fn a_fault_that_does_not_happen_is_no_evidence() {
    let found = faulty::run(Scenario::LogUnread, 1);
    assert_eq!(found.verdict, Verdict::Pass);
    let why = found.not_injected.clone().unwrap();
    assert!(why.contains("cannot have its log left unread"), "{why}");
    assert!(!found.is_as_expected());
}

#[test]
fn qemu_a_hard_fault_in_the_network_is_traced_to_its_function() {
    if !can_run() {
        return;
    }
    let found = session().run(Scenario::Fault, 3).unwrap();
    assert!(found.is_as_expected(), "{found:?}");
    let crash = found.crash.unwrap();
    println!("{crash}");
    assert_eq!(crash.cause, "undefined instruction");
    let first = &crash.frames[0];
    assert!(
        first.certain && first.function.contains("exec::stream::Stream"),
        "{crash}"
    );
    assert!(
        first.file.ends_with("stream.rs") && first.line > 0,
        "{crash}"
    );
    // Whoever pushed the row is known too.
    let job = |it: &mambalite_hil::crash::Frame| it.function.contains("mambalite_firmware_app");
    assert!(
        crash.frames.iter().any(|it| job(it) && it.certain),
        "{crash}"
    );
    // Registers, status and four lines of stack: the end of the log is not lost.
    assert!(found.log_lines >= 6 + 2, "{}", found.log_lines);
}

#[test]
fn qemu_machines_that_hang_change_or_go_are_told_apart() {
    if !can_run() {
        return;
    }
    let session = session();
    for scenario in [
        Scenario::Reset,
        Scenario::Vanish,
        Scenario::WrongBits,
        Scenario::WrongIdentity,
        Scenario::LogFlood,
        Scenario::LogUnread,
    ] {
        let found = session.run(scenario, 5).unwrap();
        assert!(found.is_as_expected(), "{found:?}");
        if scenario == Scenario::LogFlood {
            assert!(found.log_lines >= 400, "{}", found.log_lines);
        }
        if scenario == Scenario::LogUnread {
            assert!(found.log_lines < 12_000, "{}", found.log_lines);
        }
    }
}

#[test]
fn qemu_the_program_prints_a_table_and_refuses_real_boards() {
    if !can_run() {
        return;
    }
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hil"))
            .arg("faults")
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().map(|code| code as u8);
        (code, text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = run(&["--scenario", "flip-few", "--board", BOARD, "--json"]);
    assert_eq!(code, Some(EXIT_PASS), "{out}{err}");
    let found: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    assert_eq!(found["scenario"], "flip-few");
    assert_eq!(found["verdict"], "pass");
    assert!(found["mended"].as_u64().unwrap() > 0, "{found}");
    let (code, _, err) = run(&["--board", "jetson-orin-nano"]);
    assert_eq!(code, Some(EXIT_INPUT), "{err}");
    assert!(err.contains("real board"), "{err}");
    let error = Error::RealBoard {
        board: "x".to_owned(),
    };
    assert_eq!(error.exit_code(), EXIT_INPUT);
}
