//! Building the program of a target and running it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use mambalite_hil_toolchain::{Folders, LINUX_LIBRARIES, Toolchain, apt_install};

use super::report::Report;
use super::targets::{Bare, Machine, Target};
use crate::{process, repository};

const PACKAGE: &str = "mambalite-firmware-check";
const BINARY: &str = "kernels-check";

/// Longest time that a program may run.
const LIMIT: Duration = Duration::from_secs(300);

/// Builds the program of a target and returns its path, which no other target's build changes.
pub(crate) fn build(target: &Target) -> Result<PathBuf> {
    let root = repository::root();
    process::run(&mut build_command(target, &root)?, &repository::firmware())?;
    let built = built(target, &root)?;
    let kept = repository::target().join("check-kernels");
    fs::create_dir_all(&kept).with_context(|| format!("create {}", kept.display()))?;
    let kept = kept.join(target.name);
    fs::copy(&built, &kept).with_context(|| format!("copy {}", built.display()))?;
    Ok(kept)
}

/// Returns the command that builds the program of a target, to be run in the firmware workspace of a
/// repository.
pub(crate) fn build_command(target: &Target, repository: &Path) -> Result<Command> {
    let mut command = cargo(target, repository)?;
    command.args(["--locked", "--package", PACKAGE]);
    if let Some(bare) = target.bare()? {
        let region = |(origin, length)| format!("{origin:#x} {length:#x}");
        command.env("CHECK_FLASH", region(bare.flash));
        command.env("CHECK_RAM", region(bare.ram));
        command.env("CHECK_STACK", format!("{:#x}", bare.stack_bytes));
    }
    Ok(command)
}

/// Returns where the firmware workspace of a repository has the program of a target after the build.
pub(crate) fn built(target: &Target, repository: &Path) -> Result<PathBuf> {
    Ok(programs(target, repository)?.join(BINARY))
}

/// Returns where it has all programs of a target.
pub(crate) fn programs(target: &Target, repository: &Path) -> Result<PathBuf> {
    let folders = Folders {
        repository,
        target: &target_folder(repository),
    };
    Ok(folders.programs(target.triple, target.cpu()?.as_deref()))
}

/// Returns the command that builds for a target in the firmware workspace of a repository, less what is
/// to be built. It has the flags and the folder of firmware: one core library does for both.
pub(crate) fn cargo(target: &Target, repository: &Path) -> Result<Command> {
    let target_folder = target_folder(repository);
    if target.triple.is_empty() {
        let mut command = process::cargo();
        command.args(["build", "--release", "--target-dir"]);
        command.arg(target_folder);
        return Ok(command);
    }
    let folders = Folders {
        repository,
        target: &target_folder,
    };
    let cpu = target.cpu()?;
    Ok(toolchain(target)?.cargo_build_firmware(target.triple, cpu.as_deref(), &folders))
}

fn target_folder(repository: &Path) -> PathBuf {
    repository.join("firmware/target")
}

/// Finds the toolchain of a target.
pub(crate) fn toolchain(target: &Target) -> Result<Toolchain> {
    let triple = target.triple;
    Toolchain::find(triple)
        .map_err(|packages| anyhow!("no toolchain for {triple}: {}", apt_install(&packages)))
}

/// Runs the program of a target. `words` are those of its command line besides the seed.
pub(crate) fn run(target: &Target, program: &Path, seed: u64, words: &[&str]) -> Result<Report> {
    let mut command = run_command(target, program, seed, words)?;
    let (code, lines) = process::listen(&mut command, &repository::root(), LIMIT)?;
    Ok(Report::parse(&lines, seed, code))
}

/// Returns the command that [`run`] runs.
pub(crate) fn run_command(
    target: &Target,
    program: &Path,
    seed: u64,
    words: &[&str],
) -> Result<Command> {
    let seed_word = format!("seed={seed}");
    let words: Vec<_> = std::iter::once(seed_word.as_str())
        .chain(words.iter().copied())
        .collect();
    Ok(match (&target.machine, target.bare()?) {
        (_, Some(bare)) => emulator(target, &bare, program, &words),
        (Machine::User { emulator, cpu }, None) => {
            let mut command = Command::new(emulator);
            command.args(["-cpu", cpu, "-L", LINUX_LIBRARIES]);
            command.arg(program).args(&words);
            command
        }
        (_, None) => {
            let mut command = Command::new(program);
            command.args(&words);
            command
        }
    })
}

/// Returns the command that runs a program in QEMU, whose semihosting takes the words.
pub(crate) fn emulator(target: &Target, bare: &Bare, program: &Path, words: &[&str]) -> Command {
    let riscv = target.triple.starts_with("riscv32");
    let mut command = Command::new(if riscv {
        "qemu-system-riscv32"
    } else {
        "qemu-system-arm"
    });
    command.args(["-machine", bare.machine.as_ref(), "-display", "none"]);
    command.args(["-monitor", "none", "-serial", "none"]);
    if riscv {
        command.args(["-bios", "none"]);
    }
    let arguments: String = words.iter().map(|word| format!(",arg={word}")).collect();
    let semihosting = format!("enable=on,target=native{arguments}");
    command.args(["-semihosting-config", &semihosting]);
    command.arg("-kernel").arg(program);
    command
}
