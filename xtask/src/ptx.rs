//! `ptx`: the entry points of the GPU, compiled from the kernels to PTX, which the repository keeps.
//!
//! The text depends on the compiler only, so that anyone with the same one can make it again and
//! compare; its first line names that compiler.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail, ensure};
use mambalite_hil_toolchain::{Toolchain, apt_install};

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{process, repository};

const TARGET: &str = "nvptx64-nvidia-cuda";
const PACKAGE: &str = "mambalite-kernels-ptx";
/// What it becomes, below the root of the repository.
const ARTEFACT: &str = "kernels/ptx/sm_87.ptx";
/// Panics are traps; every function can be inlined, as a module of PTX has no linker; loops over
/// states are unrolled, so that these stay in registers.
const RUSTFLAGS: &str = "-Ctarget-cpu=sm_87 -Zunstable-options -Cpanic=immediate-abort \
    -Zcross-crate-inline-threshold=always -Cllvm-args=-inline-threshold=1000000 \
    -Cllvm-args=-unroll-threshold=2000 --emit=asm";

/// Builds the PTX and writes it, or with `check` compares it with what the repository has.
pub(crate) fn run(check: bool) -> Result<()> {
    packages::install(&[Purpose::Firmware])?;
    let (path, text) = (artefact(), build()?);
    if !check {
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        println!("{}", path.display());
        return Ok(());
    }
    let kept = kept()?;
    if compiler(&kept) != compiler(&text) {
        bail!(
            "{ARTEFACT} is of `{}`, this machine has `{}`: nothing to compare with",
            compiler(&kept),
            compiler(&text)
        );
    }
    compare(&kept, &text)
}

/// As `run` with `check`, and counts it as a test: skipped where the compiler is another one.
pub(crate) fn count() -> Result<Counts> {
    let mut counts = Counts::default();
    let (kept, text) = (kept()?, build()?);
    if compiler(&kept) != compiler(&text) {
        eprintln!("SKIP {ARTEFACT}: it is of `{}`", compiler(&kept));
        counts.skipped += 1;
        return Ok(counts);
    }
    match compare(&kept, &text) {
        Ok(()) => counts.passed += 1,
        Err(error) => {
            eprintln!("{error:#}");
            counts.failed += 1;
        }
    }
    Ok(counts)
}

fn artefact() -> PathBuf {
    repository::root().join(ARTEFACT)
}

fn kept() -> Result<String> {
    fs::read_to_string(artefact()).with_context(|| format!("read {ARTEFACT}"))
}

/// Returns the first line, which names the compiler.
fn compiler(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn compare(kept: &str, built: &str) -> Result<()> {
    let mut lines = kept.lines().zip(built.lines()).enumerate();
    if let Some((i, (kept, built))) = lines.find(|(_, (kept, built))| kept != built) {
        bail!(
            "{ARTEFACT}:{}: `{kept}` in the repository, `{built}` when it is built again; \
             run `cargo xtask ptx`",
            i + 1
        );
    }
    ensure!(
        kept.len() == built.len(),
        "{ARTEFACT}: {} bytes in the repository, {} when it is built again; run `cargo xtask ptx`",
        kept.len(),
        built.len()
    );
    Ok(())
}

/// Compiles, and refuses what calls a function of another module: a kernel that can panic.
fn build() -> Result<String> {
    let toolchain = Toolchain::system().map_err(|packages| anyhow!(apt_install(&packages)))?;
    let folder = repository::target().join("ptx");
    let mut command = toolchain.cargo_build(TARGET);
    command
        .args(["--package", PACKAGE, "--lib", "--locked", "--target-dir"])
        .arg(&folder)
        .env("RUSTFLAGS", RUSTFLAGS)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    process::run(&mut command, &repository::root())?;
    let folder = folder.join(TARGET).join("release/deps");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("mambalite_kernels_ptx") && name.ends_with(".s")
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    // Builds of other versions leave theirs.
    let newest = paths
        .filter(ours)
        .max_by_key(|path| path.metadata().and_then(|it| it.modified()).ok());
    let path = newest.context("the build left no PTX")?;
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    ensure!(
        !text.contains(".extern"),
        "{} needs something of another module",
        path.display()
    );
    Ok(format!("// {}\n{text}", toolchain.describe()))
}
