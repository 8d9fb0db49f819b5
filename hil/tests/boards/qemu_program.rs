//! The program `hil` as a user runs it, with boards in QEMU.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use mambalite::picture::{Color, Picture};
use mambalite::upscale::{Executor, upscale};
use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_FLAKY, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_LINK, EXIT_MISSING};
use mambalite_hil::firmware;
use mambalite_hil::interrupt::Interrupt;
use tempfile::TempDir;

use crate::model::{invented, picture};
use crate::process::{PATIENCE, signal, wait_until};
use crate::qemu_run::can_run;

const BOARD: &str = "qemu-mps2-an386";

/// A folder with a model file and a picture, and firmware that is built.
struct Setup {
    folder: TempDir,
}

impl Setup {
    fn new(width: usize, height: usize) -> Self {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let board = boards.load(BOARD).unwrap();
        firmware::build(&boards, &board, true, &Interrupt::default(), &mut |_| ()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        invented(6).save(&folder.path().join("model.mls")).unwrap();
        picture(width, height)
            .save(&folder.path().join("in.png"))
            .unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the command that runs the picture on the board.
    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
        command.args(["run", "--no-build", "--board", BOARD]);
        command.arg("--model").arg(self.path("model.mls"));
        command.arg("--input").arg(self.path("in.png"));
        command.arg("--out").arg(self.path("out"));
        command.env("HIL_STATE", self.path("state"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn code(output: &Output) -> Option<u8> {
    output.status.code().map(|code| code as u8)
}

/// Returns the emulator that a process has started, once it has.
fn wait_for_emulator(parent: &mut Child) -> u32 {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        assert!(
            parent.try_wait().unwrap().is_none(),
            "the program ended before it began"
        );
        if let Some(emulator) = emulators_of(parent.id()).first() {
            return *emulator;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("no emulator was started");
}

fn emulators_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    processes
        .filter(|process| {
            // Processes come and go while they are looked at.
            let facts = std::fs::read_to_string(format!("/proc/{process}/status"));
            let facts = facts.unwrap_or_default();
            facts.contains("Name:\tqemu-system-arm")
                && facts.contains(&format!("PPid:\t{parent}\n"))
        })
        .collect()
}

fn is_running(process: u32) -> bool {
    let facts = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    !facts.is_empty() && !facts.contains("State:\tZ")
}

#[test]
fn tiles_through_a_board_make_the_picture_of_the_host() {
    if !can_run() {
        return;
    }
    let setup = Setup::new(30, 21);
    let output = setup
        .command()
        .args(["--tile", "16", "--halo", "3"])
        .output()
        .unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(code(&output), Some(0), "{out}{err}");
    let last = out.lines().last().unwrap();
    assert!(
        last.ends_with("report.html") && Path::new(last).is_file(),
        "{out}"
    );

    let report = std::fs::read_to_string(setup.path("out/report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["verdict"], "pass");
    let board = &report["boards"][0];
    assert_eq!(board["jobs"].as_array().unwrap().len(), 4);
    let controls = board["controls"].as_array().unwrap();
    assert_eq!(controls.len(), mambalite_hil::controls::COUNT);
    assert!(
        controls.iter().all(|control| control["caught"] == true),
        "{controls:?}"
    );

    let file = board["pictures"][0]["files"][0].as_str().unwrap();
    let found = Picture::load(&setup.path("out").join(file), Color::Rgb).unwrap();
    let executor = Executor::Patch { tile: 16, halo: 3 };
    let expected = upscale(&invented(6).model(), &picture(30, 21), executor).unwrap();
    assert!(found == expected);
}

#[test]
fn an_interrupted_run_leaves_no_emulator() {
    if !can_run() {
        return;
    }
    for name in ["INT", "TERM"] {
        let setup = Setup::new(200, 200);
        let mut child = setup.command().spawn().unwrap();
        let emulator = wait_for_emulator(&mut child);
        signal(child.id(), name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(
            code(&output),
            Some(EXIT_INTERRUPTED),
            "{name}: {}",
            text(&output.stderr)
        );
        assert!(!is_running(emulator), "{name}");
    }
}

#[test]
fn a_killed_run_leaves_no_emulator() {
    if !can_run() {
        return;
    }
    let setup = Setup::new(200, 200);
    let mut child = setup.command().spawn().unwrap();
    let emulator = wait_for_emulator(&mut child);
    signal(child.id(), "KILL");
    child.wait().unwrap();
    wait_until("the emulator outlives the program", || {
        !is_running(emulator)
    });
}

#[test]
fn an_emulator_that_dies_is_a_failed_run_and_a_pass_after_it_is_flaky() {
    if !can_run() {
        return;
    }
    let setup = Setup::new(60, 60);
    for (retries, expected) in [("0", EXIT_LINK), ("1", EXIT_FLAKY)] {
        let mut command = setup.command();
        let mut child = command.args(["--retries", retries]).spawn().unwrap();
        let emulator = wait_for_emulator(&mut child);
        signal(emulator, "KILL");
        let output = child.wait_with_output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(code(&output), Some(expected), "{out}{err}");
    }
}

#[test]
fn a_row_too_wide_for_the_board_says_what_to_do() {
    if !can_run() {
        return;
    }
    let setup = Setup::new(20_000, 1);
    let output = setup.command().output().unwrap();
    let err = text(&output.stderr);
    assert_eq!(code(&output), Some(EXIT_INPUT), "{err}");
    assert!(
        err.contains("lacks") && err.contains("--executor patch --tile"),
        "{err}"
    );
}

#[test]
fn a_missing_emulator_is_named_with_the_command_that_installs_it() {
    if !can_run() {
        return;
    }
    let setup = Setup::new(4, 4);
    let output = setup
        .command()
        .env("PATH", setup.folder.path())
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(code(&output), Some(EXIT_MISSING), "{said}");
    assert!(
        said.contains("apt-get install -y qemu-system-arm"),
        "{said}"
    );
}
