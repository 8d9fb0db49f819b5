//! The tests of what other programs make of exported networks, with these programs.

use anyhow::Result;

use crate::packages::{self, Purpose};
use crate::{peers, process, repository};

/// Installs what the peers of the benchmark use, and runs the tests with it.
pub(crate) fn run() -> Result<()> {
    packages::install(&[Purpose::Peers])?;
    let root = repository::root();
    let python = peers::environment(&root, &root.join(repository::target()))?;
    let mut tests = process::cargo();
    tests
        .args(["test", "--locked", "--package", "mambalite"])
        .args(["--test", "exchange", "--", "--nocapture"])
        .env("MAMBALITE_PYTHON", python);
    process::run(&mut tests, &root)
}
