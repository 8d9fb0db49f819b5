//! One named test for each variant of each operator; SKIP shows where this machine lacks it.
//!
//! `KERNEL_SEED=N` runs other inputs than seed 1; a failure prints the seed.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mambalite_kernels_check::{MEMORY_WORDS, Outcome, Test, tests};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let seed = std::env::var("KERNEL_SEED");
    let seed = seed.ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let trials = tests().map(|test| trial(test, seed)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Makes a test; one that this machine cannot run is listed as ignored.
fn trial(test: Test, seed: u64) -> Trial {
    let skips = !test.is_supported();
    let trial = Trial::test(test.to_string(), move || {
        match test.run(seed, &mut vec![0; MEMORY_WORDS]) {
            Outcome::Pass => Ok(()),
            Outcome::Skip => Err(Failed::from("this machine has not the instructions")),
            Outcome::Fail(mismatch) => Err(Failed::from(format!("{mismatch}; KERNEL_SEED={seed}"))),
        }
    });
    trial.with_ignored_flag(skips)
}
