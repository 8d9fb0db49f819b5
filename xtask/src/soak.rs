//! Many runs with random faults in one process.

use anyhow::Result;

use crate::{process, repository};

/// Runs the soak test with more runs than the suite has.
pub(crate) fn run(runs: u64, seed: u64) -> Result<()> {
    let mut command = process::cargo();
    command.args(["test", "--locked", "--package", "mambalite-hil"]);
    command.args(["--test", "soak", "--", "--nocapture"]);
    command.env("MAMBALITE_SOAK_RUNS", runs.to_string());
    command.env("MAMBALITE_SOAK_SEED", seed.to_string());
    process::run(&mut command, &repository::root())
}
