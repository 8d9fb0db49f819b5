//! Runs that are killed at random moments: the next one starts clean and loses nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mambalite_hil::board::Boards;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::firmware;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::lease::Lease;
use mambalite_hil::state::State;
use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use tempfile::TempDir;

use crate::model::{invented, picture};
use crate::process::wait_until;
use crate::qemu_run::can_run;

/// Variable with the number of kills; the suite has time for few.
const KILLS: &str = "HIL_TEST_KILLS";
const KILLS_IN_THE_SUITE: u32 = 4;

/// A bench of two virtual rigs.
const BENCH: &str = r#"
schema = 1

[[rig]]
name = "m4"
board = "qemu-mps2-an386"

[[rig]]
name = "m7"
board = "qemu-mps2-an500"
"#;

struct Setup {
    folder: TempDir,
}

impl Setup {
    fn new() -> Self {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        for name in ["qemu-mps2-an386", "qemu-mps2-an500"] {
            let board = boards.load(name).unwrap();
            let none = Interrupt::default();
            firmware::build(&boards, &board, true, &none, &mut |_| ()).unwrap();
        }
        let setup = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        invented(4).save(&setup.path("m.mls")).unwrap();
        picture(20, 16).save(&setup.path("lr.png")).unwrap();
        std::fs::write(setup.path("bench.toml"), BENCH).unwrap();
        std::fs::create_dir(setup.path("tmp")).unwrap();
        setup
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
        command.args(["run", "--no-build", "--resume"]);
        command.arg("--bench").arg(self.path("bench.toml"));
        command.arg("--model").arg(self.path("m.mls"));
        command.arg("--input").arg(self.path("lr.png"));
        command.arg("--out").arg(self.path("out"));
        command.env("HIL_STATE", self.path("state"));
        // Its own folder for temporary files: what is left is seen, and goes with this one.
        command.env("TMPDIR", self.path("tmp"));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        command.stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Returns the processes that have this setup's folder in their command line or environment.
    fn processes(&self) -> Vec<String> {
        let folder = self.folder.path().display().to_string();
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let read = |path: PathBuf| {
            let bytes = std::fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        entries
            .filter(|entry| {
                let is_process = entry.file_name().to_string_lossy().parse::<u32>();
                is_process.is_ok_and(|it| it != std::process::id())
            })
            .filter(|entry| read(entry.path().join("environ")).contains(&folder))
            .map(|entry| read(entry.path().join("cmdline")).replace('\0', " "))
            .collect()
    }

    fn assert_clean(&self) {
        wait_until("a process outlives the run", || self.processes().is_empty());
        let state = State::at(self.path("state"));
        for rig in ["m4", "m7"] {
            assert_eq!(Lease::holder(&state, rig).unwrap(), None, "{rig}");
        }
    }
}

fn assert_pass(output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code().map(|code| code as u8);
    assert_eq!(code, Some(EXIT_PASS), "{out}{err}");
}

#[test]
fn qemu_a_run_that_is_killed_at_any_moment_leaves_nothing() {
    if !can_run() {
        return;
    }
    let kills = std::env::var(KILLS).ok().and_then(|it| it.parse().ok());
    let setup = Setup::new();
    let start = Instant::now();
    assert_pass(&setup.command().output().unwrap());
    let length = start.elapsed();
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for kill in 0..kills.unwrap_or(KILLS_IN_THE_SUITE) {
        std::fs::remove_dir_all(setup.path("out")).unwrap_or_default();
        let after = length.mul_f64(f64::from(rng.next_u32() >> 8) / f64::from(1 << 24));
        println!("kill {kill} after {after:?} of {length:?}");
        let mut child = setup.command().spawn().unwrap();
        std::thread::sleep(after);
        // It may be over already.
        child.kill().unwrap_or_default();
        child.wait().unwrap();
        setup.assert_clean();
    }
    // What the killed runs left is swept by the next one.
    assert_pass(&setup.command().output().unwrap());
    setup.assert_clean();
    let left = std::fs::read_dir(setup.path("tmp")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(Duration::ZERO < length);
}
