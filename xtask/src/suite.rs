//! All checks and tests, in the order in which a failure costs least.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{
    bench, check, examples, firmware, library, mutants, no_panic, process, ptx, repository, tidy,
};

/// What the tests need besides the compiler.
const NEEDED: [Purpose; 11] = [
    Purpose::Firmware,
    Purpose::InstructionCounts,
    Purpose::CheckKernels,
    Purpose::DeviceCode,
    Purpose::Examples,
    Purpose::VirtualBoards,
    Purpose::Agent,
    Purpose::Independent,
    Purpose::VirtualJetson,
    Purpose::Labgrid,
    Purpose::RemoteSerial,
];

/// All of the workspace, and the harness with debug probes. Every command names the same: cargo compiles
/// anew what another choice of packages and features gives other features.
const EVERYTHING: [&str; 3] = ["--workspace", "--features", "mambalite-hil/probe"];

/// Packages whose documentation has examples; no other may have any (`tidy`). For the examples of the
/// whole workspace cargo compiles its macros otherwise than for its tests, and all that uses them anew.
pub(crate) const WITH_EXAMPLES: [(&str, &str); 2] = [
    ("kernels", "mambalite-kernels"),
    ("tests/ptx-vm", "mambalite-ptx-vm"),
];

/// What to do about a tool of the developers that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Go on without it and say so.
    Lenient,
    /// Fail.
    Strict,
}

/// A share of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Everything on this computer alone, by cargo.
    Host,
    /// The kernels as others take them, and in the machine: examples, package, instruction counts, the
    /// GPU's code.
    Kernels,
    /// Firmware, and conformance on every target.
    Embedded,
    /// Certificates of virtual boards, made and verified.
    Certificates,
    /// The harness with virtual boards.
    Boards,
}

/// Runs everything, or a part; the sum of the tests is the last line.
pub(crate) fn run(strictness: Strictness, part: Option<Part>) -> Result<()> {
    let mut times = Times::default();
    times.of("packages", || packages::install(&NEEDED))?;
    let counts = match part {
        Some(part) => run_part(part, strictness, &mut times)?,
        None => run_all(strictness, &mut times)?,
    };
    times.show();
    println!("{counts}");
    ensure!(counts.failed == 0, "{} tests failed", counts.failed);
    Ok(())
}

/// Runs what fails soonest, and the parts in two pairs, as much of each is the work of one compiler or one
/// emulator. The boards come last: they take the firmware that is built by then, and a core for themselves,
/// for their tests look at the clock.
fn run_all(strictness: Strictness, times: &mut Times) -> Result<Counts> {
    times.of("format and lints", || lint(strictness))?;
    let mut counts = Counts::default();
    for (beside, parts) in [
        (Part::Embedded, [Part::Host, Part::Certificates].as_slice()),
        (Part::Kernels, &[Part::Boards]),
    ] {
        let beside = Beside::start(beside, strictness)?;
        let ended = parts
            .iter()
            .try_for_each(|part| run_part(*part, strictness, times).map(|of| counts += of));
        // Its words come before an error of the others is told.
        counts += times.of("wait for the part beside", || beside.finish())?;
        ended?;
    }
    Ok(counts)
}

fn run_part(part: Part, strictness: Strictness, times: &mut Times) -> Result<Counts> {
    let mut counts = Counts::default();
    if part == Part::Embedded {
        times.of("firmware of the boards", || {
            let boards = firmware::boards()?;
            let mut build = boards
                .iter()
                .map(|board| firmware::make(board, firmware::Build::AsNeeded));
            build.try_for_each(|built| built.map(drop))
        })?;
    }
    for (name, task) in tasks(part) {
        counts += times.of(name, task)?;
    }
    let (root, firmware) = (repository::root(), repository::firmware());
    for (name, mut command) in suites(part, has("nextest", strictness)?) {
        let folder = match part {
            Part::Embedded => &firmware,
            Part::Host | Part::Kernels | Part::Certificates | Part::Boards => &root,
        };
        counts += times.of(name, || run_suite(name, &mut command, folder))?;
    }
    Ok(counts)
}

/// A part in a process beside this one; what it says is in a file until it is over.
struct Beside {
    child: Child,
    log: PathBuf,
}

impl Beside {
    fn start(part: Part, strictness: Strictness) -> Result<Self> {
        let task = match strictness {
            Strictness::Lenient => "test",
            Strictness::Strict => "ci",
        };
        let name = part.to_possible_value().context("a part has a name")?;
        let log = repository::target().join(format!("{task}-{}.log", name.get_name()));
        let file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let mut command = match part {
            // What runs meanwhile looks at the clock.
            Part::Kernels => patient()?,
            _ => Command::new(std::env::current_exe()?),
        };
        command
            .args([task, "--part", name.get_name()])
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command.spawn().context("start the part beside")?;
        println!(
            "the {} part runs beside, into {}",
            name.get_name(),
            log.display()
        );
        Ok(Self { child, log })
    }

    /// Waits, shows what it said, and returns its sum.
    fn finish(mut self) -> Result<Counts> {
        let status = self.child.wait()?;
        let text = fs::read(&self.log)?;
        let text = String::from_utf8_lossy(&text);
        print!("{text}");
        Counts::parse(&text).with_context(|| format!("it ended with {status} and no sum"))
    }
}

/// Returns the command that runs this program where no other wants the processor, if the system has such.
fn patient() -> Result<Command> {
    let program = std::env::current_exe()?;
    if !process::succeeds(Command::new("nice").arg("true")) {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(program);
    Ok(command)
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

const EMBEDDED: [Task; 2] = [
    ("conformance on every target", || {
        check::count(&[], check::SEED)
    }),
    ("no panics in the kernels", no_panic::count),
];

const KERNELS: [Task; 5] = [
    ("examples of the kernels", examples::count),
    ("the kernels as a package", library::count),
    ("a sample of mutants", mutants::count),
    ("the GPU's code from another folder", ptx::count),
    ("instruction counts", instruction_counts),
];

fn tasks(part: Part) -> &'static [Task] {
    match part {
        Part::Embedded => &EMBEDDED,
        Part::Kernels => &KERNELS,
        Part::Host | Part::Certificates | Part::Boards => &[],
    }
}

/// One more test: no kernel takes more instructions than it did.
fn instruction_counts() -> Result<Counts> {
    let mut counts = Counts::default();
    match bench::run(&["--check".into()]) {
        Ok(()) => counts.passed += 1,
        Err(error) => counts.fail("instruction counts", format!("{error:#}")),
    }
    Ok(counts)
}

/// Returns the suites of cargo of a part.
fn suites(part: Part, nextest: bool) -> Vec<(&'static str, Command)> {
    let profile = |profile| {
        let mut command = cargo(&["nextest", "run", "--profile", profile]);
        command.args(EVERYTHING);
        command
    };
    match part {
        Part::Embedded => vec![("firmware on the host", cargo(&["test", "--all-targets"]))],
        Part::Certificates if nextest => vec![("certificates", profile("certificates"))],
        Part::Boards if nextest => vec![("tests with boards", profile("hil"))],
        // They are among the others then.
        Part::Certificates | Part::Boards => Vec::new(),
        Part::Kernels => Vec::new(),
        Part::Host => {
            let tests = match nextest {
                true => profile("ci"),
                false => without_nextest(),
            };
            let mut documentation = cargo(&["test", "--doc"]);
            for (_, package) in WITH_EXAMPLES {
                documentation.args(["--package", package]);
            }
            vec![
                ("tests", tests),
                ("tests of the documentation", documentation),
            ]
        }
    }
}

/// One test at a time: the virtual boards are among them.
fn without_nextest() -> Command {
    let mut command = cargo(&["test", "--no-fail-fast"]);
    command.args(EVERYTHING);
    command.args(["--lib", "--bins", "--tests", "--"]);
    command.args(["--show-output", "--test-threads=1"]);
    command
}

/// Checks the format, what `tidy` does, and lints both workspaces, the harness with and without probes.
fn lint(strictness: Strictness) -> Result<()> {
    let (root, firmware) = (&repository::root(), &repository::firmware());
    if has("fmt", strictness)? {
        for workspace in [root, firmware, &examples::folder()] {
            process::run(process::cargo().args(["fmt", "--check"]), workspace)?;
        }
    }
    tidy::run()?;
    if !has("clippy", strictness)? {
        return Ok(());
    }
    let clippy = |options: &[&str]| {
        let mut command = cargo(&["clippy"]);
        command.args(options).args(["--", "-D", "warnings"]);
        command
    };
    let mut everything = EVERYTHING.to_vec();
    everything.push("--all-targets");
    process::run(&mut clippy(&everything), root)?;
    process::run(&mut clippy(&["--workspace", "--lib", "--bins"]), root)?;
    process::run(&mut clippy(&["--all-targets"]), firmware)
}

/// Runs a test suite to the end, whatever fails on the way.
fn run_suite(name: &str, command: &mut Command, folder: &Path) -> Result<Counts> {
    let (succeeded, lines) = process::run_and_listen(command, folder)?;
    let mut counts = Counts::of(&lines);
    if !succeeded && counts.failed == 0 {
        counts.fail(name, "it did not build, or ended before its tests did");
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
