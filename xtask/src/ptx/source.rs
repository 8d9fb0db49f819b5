//! The text: what rustc makes of the entry points.
//!
//! It depends on the compiler only, so that anyone with the same one can make it again and compare;
//! its first line names that compiler.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use mambalite_hil_toolchain::{Toolchain, apt_install};

use crate::{process, repository};

const TARGET: &str = "nvptx64-nvidia-cuda";
const PACKAGE: &str = "mambalite-kernels-ptx";
/// Panics are traps; every function can be inlined, as a module of PTX has no linker; loops over
/// states are unrolled, so that these stay in registers.
const RUSTFLAGS: &str = "-Ctarget-cpu=sm_87 -Zunstable-options -Cpanic=immediate-abort \
    -Zcross-crate-inline-threshold=always -Cllvm-args=-inline-threshold=1000000 \
    -Cllvm-args=-unroll-threshold=2000 --emit=asm";

/// Returns the first line, which names the compiler.
pub(super) fn compiler(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Returns how what was built differs from what is kept, if it does.
pub(super) fn difference(kept: &str, built: &str) -> Option<String> {
    let mut lines = kept.lines().zip(built.lines()).enumerate();
    if let Some((i, (kept, built))) = lines.find(|(_, (kept, built))| kept != built) {
        return Some(format!(
            "line {}: `{kept}` in the repository, `{built}` when it is built again",
            i + 1
        ));
    }
    (kept != built).then(|| {
        format!(
            "{} bytes in the repository, {} when it is built again",
            kept.len(),
            built.len()
        )
    })
}

/// Compiles, and refuses what calls a function of another module: a kernel that can panic.
pub(super) fn build() -> Result<String> {
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
        !text.contains(".extern .func"),
        "{} needs something of another module",
        path.display()
    );
    Ok(format!("// {}\n{text}", toolchain.describe()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let line = "line 2: `b` in the repository, `c` when it is built again";
        assert_eq!(difference("a\nb\n", "a\nc\n").as_deref(), Some(line));
        let end = "2 bytes in the repository, 4 when it is built again";
        assert_eq!(difference("a\n", "a\nb\n").as_deref(), Some(end));
    }
}
