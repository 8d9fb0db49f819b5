//! `miri`: the references and what they stand on, interpreted with checks for undefined behaviour.

use std::fmt;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::{process, repository};

/// The interpreter is not installed.
#[derive(Debug)]
pub(crate) struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Miri is missing. Install it with")?;
        writeln!(f)?;
        write!(
            f,
            "    rustup toolchain install nightly --component miri,rust-src"
        )
    }
}

impl std::error::Error for Missing {}

/// Runs the tests of the kernels in the interpreter.
///
/// It knows only the instructions that the program was compiled for, so the vector variants are
/// skipped, as on a host that lacks them. Left out: sweeps over many thousand inputs, which take
/// the interpreter hours and whose every input takes the same path.
pub(crate) fn run() -> Result<()> {
    let mut command = interpreter().ok_or(Missing)?;
    command
        .args(["test", "--locked", "--no-fail-fast"])
        .args(["--package", "mambalite-kernels"])
        .args(["--package", "mambalite-kernels-check"])
        .args(["--package", "mambalite-kernels-c"])
        .args(["--lib", "--test", "golden", "--test", "calls"])
        .args(["--", "--skip", "accurate"])
        // Proptest looks for a folder of earlier failures.
        .env("MIRIFLAGS", "-Zmiri-disable-isolation")
        .env("PROPTEST_CASES", "8");
    let (succeeded, _) = process::run_and_listen(&mut command, &repository::root())?;
    ensure!(succeeded, "the interpreter found something");
    Ok(())
}

/// Returns the command of the interpreter: of this toolchain, or of rustup's nightly.
fn interpreter() -> Option<Command> {
    let of_toolchain = || {
        let mut command = process::cargo();
        command.arg("miri");
        command
    };
    let nightly = || {
        // Only rustup's own `cargo` takes a toolchain.
        let mut command = Command::new("cargo");
        command.args(["+nightly", "miri"]);
        command
    };
    let is_there = |mut command: Command| process::succeeds(command.arg("--version"));
    if is_there(of_toolchain()) {
        return Some(of_toolchain());
    }
    is_there(nightly()).then(nightly)
}
