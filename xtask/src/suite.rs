//! All checks and tests, in the order in which a failure costs least.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

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
    let mut times = Times::default();
    times.of("packages", || packages::install(&NEEDED))?;
    let (root, firmware) = (repository::root(), repository::firmware());
    times.of("format and lints", || lint(strictness, &root, &firmware))?;
    times.of("firmware of the boards", || {
        firmware::boards()?
            .iter()
            .try_for_each(|board| firmware::make(board, firmware::Build::AsNeeded).map(drop))
    })?;
    let mut counts = Counts::default();
    for (name, task) in TASKS {
        counts += times.of(name, task)?;
    }
    for (name, mut command, folder) in suites(has("nextest", strictness)?, &root, &firmware) {
        counts += times.of(name, || run_suite(&mut command, folder))?;
    }
    times.show();
    println!(
        "{} passed, {} failed, {} skipped",
        counts.passed, counts.failed, counts.skipped
    );
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(())
}

/// What each part took.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    /// Does a part and notes its time.
    fn of<R>(&mut self, name: &'static str, part: impl FnOnce() -> Result<R>) -> Result<R> {
        let start = Instant::now();
        let outcome = part();
        self.0.push((name, start.elapsed()));
        outcome
    }

    /// Prints the times, in order, and their sum.
    fn show(&self) {
        for (name, time) in &self.0 {
            println!("{:>6} s  {name}", time.as_secs());
        }
        let sum: Duration = self.0.iter().map(|(_, time)| *time).sum();
        println!("{:>6} s", sum.as_secs());
    }
}

/// A task that is a test itself.
type Task = (&'static str, fn() -> Result<Counts>);

const TASKS: [Task; 7] = [
    ("conformance on every target", || {
        check::count(&[], check::SEED)
    }),
    ("examples of the kernels", examples::count),
    ("the kernels as a package", library::count),
    ("no panics in the kernels", no_panic::count),
    ("a sample of mutants", mutants::count),
    ("the GPU's code from another folder", ptx::count),
    ("instruction counts", instruction_counts),
];

/// One more test: no kernel takes more instructions than it did.
fn instruction_counts() -> Result<Counts> {
    let mut counts = Counts::default();
    match bench::run(&["--check".into()]) {
        Ok(()) => counts.passed += 1,
        Err(error) => {
            eprintln!("{error:#}");
            counts.failed += 1;
        }
    }
    Ok(counts)
}

/// Returns the suites of cargo, with the folders that they run in.
fn suites<'a>(
    nextest: bool,
    root: &'a Path,
    firmware: &'a Path,
) -> Vec<(&'static str, Command, &'a Path)> {
    let mut suites = vec![(
        "firmware on the host",
        cargo(&["test", "--all-targets"]),
        firmware,
    )];
    if nextest {
        for (name, profile) in [("tests", "ci"), ("tests with boards", "hil")] {
            let words = ["nextest", "run", "--workspace", "--profile", profile];
            suites.push((name, cargo(&words), root));
        }
    } else {
        // One at a time: the virtual boards are among them.
        let serial = "test --workspace --no-fail-fast --lib --bins --tests --".split(' ');
        let mut all = cargo(&serial.collect::<Vec<_>>());
        all.args(["--show-output", "--test-threads=1"]);
        suites.push(("tests", all, root));
    }
    let documentation = cargo(&["test", "--workspace", "--doc"]);
    suites.push(("tests of the documentation", documentation, root));
    let mut probe = cargo(&["test", "--no-fail-fast"]);
    probe.args(PROBE).args(["--lib", "probe::"]);
    suites.push(("tests with debug probes", probe, root));
    // What the optimiser makes of the kernels, with the checks that a release leaves out.
    let mut checked = cargo(&["test", "--profile", "release-checked", "--no-fail-fast"]);
    checked.args(["--package", "mambalite-kernels"]);
    checked.args(["--package", "mambalite-kernels-check"]);
    suites.push(("tests of the optimised kernels", checked, root));
    suites
}

/// Checks the format, what `tidy` does, and lints both workspaces and what the feature of probes adds.
fn lint(strictness: Strictness, root: &Path, firmware: &Path) -> Result<()> {
    if has("fmt", strictness)? {
        for workspace in [root, firmware, &examples::folder()] {
            process::run(process::cargo().args(["fmt", "--check"]), workspace)?;
        }
    }
    tidy::run()?;
    if !has("clippy", strictness)? {
        return Ok(());
    }
    let all = ["clippy", "--all-targets", "--", "-D", "warnings"];
    process::run(&mut cargo(&all), root)?;
    process::run(&mut cargo(&all), firmware)?;
    let mut probe = cargo(&["clippy", "--lib", "--tests"]);
    probe.args(PROBE).args(["--", "-D", "warnings"]);
    process::run(&mut probe, root)
}

/// Runs a test suite to the end, whatever fails on the way.
fn run_suite(command: &mut Command, folder: &Path) -> Result<Counts> {
    let (succeeded, lines) = process::run_and_listen(command, folder)?;
    let mut counts = Counts::of(&lines);
    // A suite that did not even build has no tests to count.
    counts.failed += usize::from(!succeeded && counts.failed == 0);
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
