//! Building the bench firmware and the plugin that counts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use mambalite_hil_toolchain::{Toolchain, apt_install};

use crate::board::Board;
use crate::{Ended, repository};

const PACKAGE: &str = "mambalite-firmware-bench";

/// The program of the cases that are counted.
pub(crate) const CASES: &str = "mambalite-firmware-bench";
/// The program that magnifies a strip.
pub(crate) const STRIP: &str = "mambalite-firmware-strip";

/// Builds the plugin and returns its path.
pub(crate) fn plugin() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = target_folder();
    let mut command = Command::new(cargo);
    command
        .args(["build", "--locked", "--quiet", "--release"])
        .args(["--package", "mambalite-count-plugin"])
        .arg("--target-dir")
        .arg(&target);
    run(&mut command, &repository())?;
    let plugin = target.join("release/libmambalite_count_plugin.so");
    ensure!(plugin.is_file(), "the build left no {}", plugin.display());
    Ok(plugin)
}

/// Builds a program for a board and returns the path of its ELF file.
///
/// `RUSTFLAGS` reach the core library too. Its code for the Cortex-M55 would crash LLVM, but with
/// the firmware's `lto = "fat"` the core library is compiled with the program, and the parts that
/// crash are gone by then.
pub(crate) fn build(board: &Board, program: &str) -> Result<PathBuf> {
    let target = target_folder().join("bench");
    let mut command = toolchain()?.cargo_build(board.target);
    command
        .args(["--locked", "--quiet", "--package", PACKAGE])
        .args(["--bin", program, "--target-dir"])
        .arg(&target)
        .env("BENCH_MACHINE", board.name)
        .env("RUSTFLAGS", format!("-Ctarget-cpu={}", board.cpu));
    run(&mut command, &repository().join("firmware"))?;
    let built = target.join(board.target).join("release").join(program);
    // The next board's build puts its file in the same place.
    let elf = target.join(format!("{}.elf", board.name));
    std::fs::copy(&built, &elf).with_context(|| format!("copy {}", built.display()))?;
    Ok(elf)
}

/// Describes the compiler of the firmware: counts of another one differ.
pub(crate) fn compiler() -> Result<String> {
    Ok(toolchain()?.describe())
}

/// Finds Debian's toolchain. One that comes with a core library would count otherwise: that
/// library does not know the core, and `f32` has no fused multiply-add there.
fn toolchain() -> Result<Toolchain> {
    Toolchain::system()
        .map_err(|packages| Ended::missing(format!("no toolchain: {}", apt_install(&packages))))
}

/// Returns the folder of what is built.
pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

fn run(command: &mut Command, folder: &Path) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.current_dir(folder).stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("start {program}"))?;
    ensure!(status.success(), "{program} ended with {status}");
    Ok(())
}
