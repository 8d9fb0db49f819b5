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
use serde::Deserialize;

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

/// Package with the library and the board of the programs in C.
const C: &str = "c";
/// Folder of the program in C that runs on FreeRTOS.
const FREERTOS: &str = "freertos";
/// Package that has the source of FreeRTOS.
const FREERTOS_SOURCE: &str = "freertos-next";
/// Its files that the program needs, and the folders of its headers.
const FREERTOS_FILES: [&str; 4] = [
    "tasks.c",
    "queue.c",
    "list.c",
    "portable/GCC/ARM_CM4F/port.c",
];
const FREERTOS_HEADERS: [&str; 2] = ["include", "portable/GCC/ARM_CM4F"];

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
    process::run(&mut cargo(target, C)?, &folder())?;
    let library = built.join("libmambalite_example_c.a");
    for (name, mut command) in [(C, gcc("main.c")), (FREERTOS, with_freertos(target)?)] {
        let path = kept.join(name);
        command.arg(&library).args(["-lgcc", "-o"]).arg(&path);
        process::run(&mut command, &folder().join(C))?;
        programs.push((name.to_owned(), path));
    }
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

/// Returns the command that compiles a program in C, less the library; its folder is that of [`C`].
fn gcc(main: &str) -> Command {
    let root = repository::root();
    let mut command = Command::new("arm-none-eabi-gcc");
    command.args(C_FLAGS);
    command.arg("-I").arg(root.join("kernels/c/include"));
    command.arg(format!("-DMODEL_FILE=\"{}\"", root.join(MODEL).display()));
    command.args(["-I", ".", "-T", "board.ld", main, "scene.c", "board.c"]);
    command
}

/// Returns the same for the program that runs on FreeRTOS.
fn with_freertos(target: &Target) -> Result<Command> {
    let (own, kernel) = (folder().join(FREERTOS), freertos(target)?);
    let mut command = gcc("../freertos/main.c");
    command.args(FREERTOS_FILES.map(|file| kernel.join(file)));
    let mut headers = vec![own.clone(), own.join("libc")];
    headers.extend(FREERTOS_HEADERS.map(|folder| kernel.join(folder)));
    for folder in headers {
        command.arg("-I").arg(folder);
    }
    Ok(command)
}

/// Returns the folder of FreeRTOS' source, which cargo fetches.
fn freertos(target: &Target) -> Result<PathBuf> {
    let mut command = program::toolchain(target)?.cargo_metadata(target.triple);
    command.args(["--features", FREERTOS_SOURCE]);
    let output = command.current_dir(folder().join(C)).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "the packages of the examples: {words}"
    );
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    let package = metadata
        .packages
        .into_iter()
        .find(|package| package.name == FREERTOS_SOURCE);
    let package =
        package.with_context(|| format!("{FREERTOS_SOURCE} is no package of the examples"))?;
    Ok(package.manifest_path.with_file_name("FreeRTOS-Kernel"))
}

/// What cargo tells of packages, as far as it is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
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
