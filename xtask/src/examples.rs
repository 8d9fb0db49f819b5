//! `examples`: firmware that uses the kernels as a library, in Rust and in C, built and run.
//!
//! Each magnifies the same small picture in QEMU and prints the digest of the result, which must be
//! that of the example for the host. `kernels/examples/README.md` says what each shows.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use object::{Object, ObjectSegment};

use crate::check::program;
use crate::check::targets::{self, Target};
use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{process, repository};

/// The model of the examples.
const MODEL: &str = "models/mambalite-x4-tiny/w8a8.mls";
/// The target of all examples, by its name in `check-kernels`.
const TARGET: &str = "m4f";

/// Packages in Rust that are programs, and what they are built with besides.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("bare-metal", &[]),
    ("bare-metal", &["--features", "w8a8"]),
    ("rtic", &[]),
    ("embassy", &[]),
];

/// Longest time that an example may run; it takes a fraction of a second.
const LIMIT: Duration = Duration::from_secs(60);

/// The core as the compiler of C names it; warnings are errors.
const C_FLAGS: [&str; 14] = [
    "-mcpu=cortex-m4",
    "-mthumb",
    "-mfloat-abi=hard",
    "-mfpu=fpv4-sp-d16",
    "-std=c11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-ffreestanding",
    "-nostdlib",
    "-Wl,--gc-sections",
    "-Wl,--fatal-warnings",
    "-Wl,-z,noexecstack",
];

/// Examples that computed something else or nothing; the text above has named them.
#[derive(Debug)]
pub(crate) struct Failed(usize);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} examples failed", self.0)
    }
}

impl std::error::Error for Failed {}

/// Returns the workspace of the examples for the board.
pub(crate) fn folder() -> PathBuf {
    repository::root().join("kernels/examples/firmware")
}

/// Builds and runs all examples, and fails if one of them does.
pub(crate) fn run() -> Result<()> {
    let counts = count()?;
    println!("{} passed, {} failed", counts.passed, counts.failed);
    if counts.failed > 0 {
        return Err(Failed(counts.failed).into());
    }
    Ok(())
}

/// Builds and runs all examples, and counts each as a test.
pub(crate) fn count() -> Result<Counts> {
    packages::install(&[Purpose::Firmware, Purpose::VirtualBoards, Purpose::Examples])?;
    let target = targets::ALL.iter().find(|target| target.name == TARGET);
    let target = target.with_context(|| format!("there is no target {TARGET}"))?;
    let expected = on_host()?;
    let model_bytes = fs::metadata(repository::root().join(MODEL))?.len();
    let mut counts = Counts::default();
    for (name, program) in build(target)? {
        let flash = flash_bytes(&program)?.saturating_sub(model_bytes);
        match judge(target, &program, &expected) {
            Ok(()) => {
                println!("{name}: {expected}, {flash} bytes of flash besides the model");
                counts.passed += 1;
            }
            Err(error) => counts.fail(format!("example {name}"), format!("{error:#}")),
        }
    }
    Ok(counts)
}

/// Runs the example for this computer and returns its last line.
fn on_host() -> Result<String> {
    let mut command = process::cargo();
    command.args([
        "run",
        "--locked",
        "--quiet",
        "--package",
        "mambalite-kernels",
    ]);
    command.args(["--example", "upscale", "--", MODEL]);
    let (succeeded, lines) = process::run_and_listen(&mut command, &repository::root())?;
    ensure!(succeeded, "the example for the host failed");
    digest(&lines).context("the example for the host printed no digest")
}

/// Returns the line with the digest.
fn digest(lines: &[String]) -> Option<String> {
    let mut lines = lines.iter().map(|line| line.trim_end());
    lines
        .rfind(|line| line.starts_with("digest "))
        .map(str::to_owned)
}

/// Builds all that runs on the board, and returns names and paths.
fn build(target: &Target) -> Result<Vec<(String, PathBuf)>> {
    let built = built().join(target.triple).join("release");
    let kept = built.join("kept");
    fs::create_dir_all(&kept).with_context(|| format!("create {}", kept.display()))?;
    let mut programs = Vec::new();
    for (package, options) in PROGRAMS {
        let mut command = cargo(target, package)?;
        process::run(command.args(options), &folder())?;
        let name = [package].into_iter().chain(options.last().copied());
        let name = name.collect::<Vec<_>>().join(" ");
        // The next build may put its file in the same place.
        let path = kept.join(name.replace(' ', "-"));
        fs::copy(built.join(package), &path)?;
        programs.push((name, path));
    }
    process::run(&mut cargo(target, "c")?, &folder())?;
    let path = kept.join("c");
    process::run(
        &mut gcc(&built.join("libmambalite_example_c.a"), &path),
        &folder().join("c"),
    )?;
    programs.push(("c".to_owned(), path));
    Ok(programs)
}

/// Returns the folder of what is built.
fn built() -> PathBuf {
    repository::target().join("examples")
}

/// Returns the command that builds one package of the examples, whose flags are in their settings as in
/// those of a user.
fn cargo(target: &Target, package: &str) -> Result<Command> {
    let mut command = program::toolchain(target)?.cargo_build(target.triple);
    command.arg("--target-dir").arg(built());
    command.args([
        "--locked",
        "--package",
        &format!("mambalite-example-{package}"),
    ]);
    Ok(command)
}

/// Returns the command that compiles the example in C and links it with the library.
fn gcc(library: &Path, program: &Path) -> Command {
    let root = repository::root();
    let mut command = Command::new("arm-none-eabi-gcc");
    command.args(C_FLAGS);
    command.arg("-I").arg(root.join("kernels/c/include"));
    command.arg(format!("-DMODEL_FILE=\"{}\"", root.join(MODEL).display()));
    command.args(["-T", "board.ld", "main.c", "board.c"]);
    command.arg(library).args(["-lgcc", "-o"]).arg(program);
    command
}

/// Runs a program in QEMU; wrong is another digest, or another end than that of success.
fn judge(target: &Target, program: &Path, expected: &str) -> Result<()> {
    let bare = target.bare()?.context("the target has a system")?;
    let mut command = program::emulator(target, &bare, program, &[]);
    let (code, lines) = process::listen(&mut command, &repository::root(), LIMIT)?;
    let said = digest(&lines);
    if code != Some(0) || said.as_deref() != Some(expected) {
        bail!("ended with {code:?}, expected {expected}, printed {lines:?}");
    }
    Ok(())
}

/// Returns the bytes that a program takes in flash.
fn flash_bytes(program: &Path) -> Result<u64> {
    let data = fs::read(program).with_context(|| format!("read {}", program.display()))?;
    let file = object::File::parse(&*data)?;
    Ok(file.segments().map(|segment| segment.file_range().1).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_digest_counts() {
        let lines = ["digest 0x1", "memory 0x2", "digest 0x3\r"].map(str::to_owned);
        assert_eq!(digest(&lines).as_deref(), Some("digest 0x3"));
        assert_eq!(digest(&[]), None);
    }
}
