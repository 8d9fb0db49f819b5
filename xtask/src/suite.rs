//! All checks and tests, in the order in which a failure costs least.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{
    bench, check, examples, firmware, library, mutants, no_panic, process, ptx, repository, tidy,
};

/// What the tests need besides the compiler.
const NEEDED: [Purpose; 7] = [
    Purpose::Firmware,
    Purpose::VirtualBoards,
    Purpose::Agent,
    Purpose::Independent,
    Purpose::VirtualJetson,
    Purpose::Labgrid,
    Purpose::RemoteSerial,
];

/// The harness with debug probes: a large build that no other suite needs.
const PROBE: [&str; 4] = ["--package", "mambalite-hil", "--features", "probe"];

/// What to do about a tool of the developers that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Go on without it and say so.
    Lenient,
    /// Fail.
    Strict,
}

/// Runs everything; the sum of the tests is the last line.
pub(crate) fn run(strictness: Strictness) -> Result<()> {
    let start = Instant::now();
    packages::install(&NEEDED)?;
    let (root, firmware) = (repository::root(), repository::firmware());
    if has("fmt", strictness)? {
        for workspace in [&root, &firmware, &examples::folder()] {
            process::run(process::cargo().args(["fmt", "--check"]), workspace)?;
        }
    }
    tidy::run()?;
    if has("clippy", strictness)? {
        lint(&root, &firmware)?;
    }
    for board in firmware::boards()? {
        firmware::build(&board)?;
    }
    let mut counts = count_tasks()?;
    let nextest = has("nextest", strictness)?;
    let mut suites = vec![(cargo(&["test", "--all-targets"]), firmware.as_path())];
    if nextest {
        suites.push((
            cargo(&["nextest", "run", "--workspace", "--profile", "ci"]),
            &root,
        ));
        suites.push((
            cargo(&["nextest", "run", "--workspace", "--profile", "hil"]),
            &root,
        ));
    } else {
        // One at a time: the virtual boards are among them.
        let serial = [
            "test",
            "--workspace",
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--",
        ];
        let mut all = cargo(&serial);
        all.args(["--show-output", "--test-threads=1"]);
        suites.push((all, &root));
    }
    suites.push((cargo(&["test", "--workspace", "--doc"]), &root));
    let mut probe = cargo(&["test", "--no-fail-fast"]);
    probe.args(PROBE).args(["--lib", "probe::"]);
    suites.push((probe, &root));
    // What the optimiser makes of the kernels, with the checks that a release leaves out.
    let mut checked = cargo(&["test", "--profile", "release-checked", "--no-fail-fast"]);
    checked.args(["--package", "mambalite-kernels"]);
    checked.args(["--package", "mambalite-kernels-check"]);
    suites.push((checked, &root));
    counts += run_suites(suites)?;
    // One more test: no kernel takes more instructions than it did.
    match bench::run(&["--check".into()]) {
        Ok(()) => counts.passed += 1,
        Err(error) => {
            eprintln!("{error:#}");
            counts.failed += 1;
        }
    }
    println!("{} s", start.elapsed().as_secs());
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(())
}

/// Runs the tasks that are tests themselves.
fn count_tasks() -> Result<Counts> {
    let mut counts = check::count(&[], check::SEED)?;
    counts += examples::count()?;
    counts += library::count()?;
    counts += no_panic::count()?;
    counts += mutants::count()?;
    counts += ptx::count()?;
    Ok(counts)
}

/// Lints both workspaces, and what the feature of probes adds.
fn lint(root: &Path, firmware: &Path) -> Result<()> {
    let all = ["clippy", "--all-targets", "--", "-D", "warnings"];
    process::run(&mut cargo(&all), root)?;
    process::run(&mut cargo(&all), firmware)?;
    let mut probe = cargo(&["clippy", "--lib", "--tests"]);
    probe.args(PROBE).args(["--", "-D", "warnings"]);
    process::run(&mut probe, root)
}

/// Runs test suites to the end, whatever fails on the way.
fn run_suites(suites: Vec<(Command, &Path)>) -> Result<Counts> {
    let mut counts = Counts::default();
    for (mut command, folder) in suites {
        let (succeeded, lines) = process::run_and_listen(&mut command, folder)?;
        let these = Counts::of(&lines);
        // A suite that did not even build has no tests to count.
        counts.failed += usize::from(!succeeded && these.failed == 0);
        counts += these;
    }
    Ok(counts)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = process::cargo();
    command.arg("--locked").args(arguments);
    command
}

/// Tells whether a command of cargo is installed.
fn has(command: &str, strictness: Strictness) -> Result<bool> {
    if process::succeeds(process::cargo().args([command, "--version"])) {
        return Ok(true);
    }
    if strictness == Strictness::Strict {
        bail!("cargo {command} is not installed");
    }
    eprintln!("cargo {command} is not installed: that check is left out");
    Ok(false)
}
