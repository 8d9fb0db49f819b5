//! The tests that must catch a fault, by the file that it is in.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use serde_json::Value;

use crate::check::{self, program, targets};
use crate::process;

/// Longest that a test program may compute: the slowest takes 4 s. Not time on the clock, which a
/// busy machine would turn into faults that nothing caught and that count as caught.
const LIMIT_CPU_SECONDS: u32 = 30;
/// Longest time on the clock, for what waits and computes nothing.
const LIMIT: Duration = Duration::from_secs(900);

/// Signals that end a program whose computing time is over.
const SIGKILL: i32 = 9;
const SIGXCPU: i32 = 24;

/// What builds fast: hardly optimised, in many units, again only what changed.
const PROFILE: [(&str, &str); 6] = [
    ("CARGO_INCREMENTAL", "1"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "true"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "64"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
];

/// The checks of debug builds, which tests on the host have and the program of the cases has not.
const CHECKS: [(&str, &str); 2] = [
    ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
    ("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true"),
];

/// Tests that are built and run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The conformance cases on a target of `check-kernels`: those of an operator, or "" for all.
    Cases(&'static str, &'static str),
    /// A test of the workspace on the host: package and what of it.
    Test(&'static str, &'static [&'static str]),
}

/// The unit tests of the kernels.
const UNITS: Stage = Stage::Test("mambalite-kernels", &["--lib"]);
/// The digests of whole models that docs/arithmetic/example.md publishes.
const MODELS: Stage = Stage::Test("mambalite-kernels-check", &["--test", "specification"]);
/// Streams, parts and patches of many networks.
const EXECUTORS: Stage = Stage::Test("mambalite-tests", &["--test", "executors"]);
/// Files that are to be refused.
const REFUSALS: Stage = Stage::Test("mambalite-tests", &["--test", "model_file"]);

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything passed.
    Passed,
    /// The name of what failed.
    Failed(String),
    /// It came to no end.
    TimedOut,
    /// The compiler refused the source.
    NotCompiled(String),
}

/// Operators by the folder of their variants: the first part of their cases' names.
const OPERATORS: [(&str, &[&str]); 7] = [
    ("conv1d/", &["conv1d"]),
    ("gate/", &["gate"]),
    ("linear/", &["linear", "conv3x3"]),
    ("norm/", &["norm"]),
    ("scan/", &["scan"]),
    ("step/", &["step"]),
    ("sum/", &["sum"]),
];

/// Tells whether the tests of a file run its code here: those of AVX-512 take other kernels where
/// the host lacks it, and catch nothing.
pub(super) fn runs_here(file: &str) -> bool {
    !file.contains("avx512") || has_avx512()
}

/// Tells whether the host has what the kernels ask for.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512dq")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx512() -> bool {
    false
}

/// Returns the tests that own a file of the kernels, the quickest to fail first.
pub(super) fn of(file: &str) -> Vec<Stage> {
    let names = file.split(['/', '.']);
    let is = |part: &str| {
        names
            .clone()
            .any(|name| name.split('_').next() == Some(part))
    };
    let targets = [("neon", "aarch64"), ("dsp", "m4f"), ("mve", "m55")];
    let target = targets.into_iter().find(|(part, _)| is(part));
    let target = target.map_or("host", |(_, target)| target);
    let operators = OPERATORS
        .iter()
        .find(|(folder, _)| file.starts_with(folder));
    let operators = operators.map_or(&[""] as &[_], |(_, operators)| operators);
    let cases = operators
        .iter()
        .map(|operator| Stage::Cases(target, operator));
    if target != "host" {
        return cases.collect();
    }
    let whole = [
        "exec/", "mixer", "anchor", "shuffle", "arith", "rows", "conv3x3",
    ];
    let reads = ["arith/", "linear/forms"];
    let models_first = whole.iter().any(|part| file.starts_with(part));
    let mut stages: Vec<_> = cases.chain([UNITS, EXECUTORS]).collect();
    stages.insert(if models_first { 0 } else { stages.len() - 2 }, MODELS);
    if reads.iter().any(|part| file.starts_with(part)) {
        stages.push(REFUSALS);
    }
    stages
}

impl Stage {
    /// Returns the word for it in lists.
    pub(super) fn name(self) -> String {
        match self {
            Self::Cases(target, operator) => format!("cases {target} {operator}"),
            Self::Test(package, what) => format!("{package} {}", what.join(" ")),
        }
    }

    /// Builds and runs the tests of a copy of the repository, up to the first that fails.
    pub(super) fn run(self, root: &Path) -> Result<Outcome> {
        match self {
            Self::Cases(name, operator) => {
                let target = targets::ALL.iter().find(|target| target.name == name);
                let target = target.with_context(|| format!("no target {name}"))?;
                let folder = root.join("firmware");
                if let Err(error) = build(&mut program::build_command(target, root)?, &folder)? {
                    return Ok(Outcome::NotCompiled(error));
                }
                let built = program::built(target, root)?;
                let only = format!("only={operator}");
                let command = program::run_command(target, &built, check::SEED, &[&only])?;
                run_to_failure(&command, root)
            }
            Self::Test(package, what) => {
                let mut command = process::cargo();
                command.args(["test", "--release", "--locked", "--no-run"]);
                command.envs(CHECKS);
                command.args(["--target-dir", "target", "--package", package]);
                command.args(what);
                let built = match build(&mut command, root)? {
                    Ok(built) => built,
                    Err(error) => return Ok(Outcome::NotCompiled(error)),
                };
                let (program, folder) = built.context("cargo names no test program")?;
                run_to_failure(&Command::new(program), &folder)
            }
        }
    }
}

/// A test program and the folder of its package.
type Built = Option<(PathBuf, PathBuf)>;

/// Builds and returns the last test program that cargo tells of, or the first error.
fn build(command: &mut Command, folder: &Path) -> Result<Result<Built, String>> {
    command.envs(PROFILE).arg("--message-format=json");
    let output = command.current_dir(folder).stdin(Stdio::null()).output();
    let output = output.context("start cargo")?;
    let (mut built, mut error) = (None, None);
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(executable) = message["executable"].as_str() {
            let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
            let package = manifest.parent().unwrap_or(folder).to_path_buf();
            built = Some((PathBuf::from(executable), package));
        }
        if message["message"]["level"] == "error" && error.is_none() {
            error = message["message"]["message"].as_str().map(str::to_owned);
        }
    }
    if output.status.success() {
        return Ok(Ok(built));
    }
    match error {
        Some(error) => Ok(Err(error)),
        // No fault of the source: a lock, a file that is missing.
        None => Err(anyhow!(
            "cargo failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
    }
}

/// Runs a test program until a test fails, it ends or its time is over.
fn run_to_failure(program: &Command, folder: &Path) -> Result<Outcome> {
    let name = program.get_program().to_string_lossy().into_owned();
    let mut command = Command::new("sh");
    let limit = format!("ulimit -t {LIMIT_CPU_SECONDS}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(limit);
    command.arg(program.get_program()).args(program.get_args());
    command.current_dir(folder).stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {name}"))?;
    let outcome = watch(&mut child);
    // It has ended, or is to end.
    let _ = child.kill();
    let status = child.wait()?;
    Ok(match outcome {
        Some(outcome) => outcome,
        None if status.success() => Outcome::Passed,
        None if matches!(status.signal(), Some(SIGKILL | SIGXCPU)) => Outcome::TimedOut,
        None => Outcome::Failed(format!("{status}")),
    })
}

/// Reads what a test program prints and returns what ends it before its own end.
fn watch(child: &mut Child) -> Option<Outcome> {
    let (sender, lines) = mpsc::channel();
    // QEMU prints what a bare program says on standard error.
    send_lines(child.stdout.take()?, sender.clone());
    send_lines(child.stderr.take()?, sender);
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => {
                if let Some(name) = failure(&line) {
                    return Some(Outcome::Failed(name));
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => return Some(Outcome::TimedOut),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                // The pipe is closed: the end is near, or was.
                while Instant::now() < deadline {
                    match child.try_wait() {
                        Ok(None) => thread::sleep(Duration::from_millis(5)),
                        Ok(Some(_)) | Err(_) => return None,
                    }
                }
                return Some(Outcome::TimedOut);
            }
        }
    }
}

/// Sends the lines of a pipe until it ends or nobody listens.
fn send_lines(pipe: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}

/// Returns the name of the test that a line says failed.
fn failure(line: &str) -> Option<String> {
    if line.starts_with("PLAN 0 ") {
        return Some("no case has that name".to_owned());
    }
    let name = match line.strip_prefix("test ") {
        Some(test) => test.strip_suffix(" ... FAILED")?,
        None => line.strip_prefix("FAIL ")?.split(' ').next()?,
    };
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_tests_that_can_run_them() {
        assert_eq!(of("num/neon/fixed.rs"), [Stage::Cases("aarch64", "")]);
        let matrix = |target| ["linear", "conv3x3"].map(|operator| Stage::Cases(target, operator));
        assert_eq!(of("linear/neon_dot.rs"), matrix("aarch64"));
        assert_eq!(of("linear/dsp/gather.rs"), matrix("m4f"));
        assert_eq!(of("scan/mve/assembly.rs"), [Stage::Cases("m55", "scan")]);
        let all = [Stage::Cases("host", "scan"), MODELS, UNITS, EXECUTORS];
        assert_eq!(of("scan/fixed_avx2.rs"), all);
        let all = [MODELS, Stage::Cases("host", ""), UNITS, EXECUTORS];
        assert_eq!(of("exec/stream.rs"), all);
        assert_eq!(of("arith/fixed.rs"), [&all[..], &[REFUSALS]].concat());
    }

    #[test]
    fn a_failure_ends_a_run_and_so_does_its_time() {
        let shell = |script: &str| {
            let mut command = Command::new("sh");
            run_to_failure(command.args(["-c", script]), Path::new(".")).unwrap()
        };
        let failed = |name: &str| Outcome::Failed(name.to_owned());
        assert_eq!(
            shell("echo FAIL a/w8a8 case 1; exec sleep 60"),
            failed("a/w8a8")
        );
        assert_eq!(
            shell("echo test b::c ... FAILED; exec sleep 60"),
            failed("b::c")
        );
        let quiet = shell("echo FAIL a/w8a16 case 2 >&2; exec sleep 60");
        assert_eq!(quiet, failed("a/w8a16"));
        assert_eq!(shell("echo PASS a; exit 3"), failed("exit status: 3"));
        assert_eq!(shell("echo test b ... ok"), Outcome::Passed);
    }
}
