//! Timing the network against the same network in ONNX Runtime and PyTorch, with the programs of
//! `xtask/peers` and `xtask/peer-bench`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use mambalite_hil_toolchain::find_program;

use crate::bench::Ended;
use crate::packages::{self, Purpose};
use crate::{process, repository};

/// Returns the Debian packages that this needs and that are not there.
pub(crate) fn missing_packages() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if !packages::has_venv() {
        packages.push("python3-venv");
    }
    if find_program("g++").is_none() {
        packages.push("g++");
    }
    packages
}

/// Installs the peers in a virtual environment, builds our side, and times them in turns.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    packages::install(&[Purpose::Peers])?;
    let root = repository::root();
    let target = root.join(repository::target());
    let python = environment(&root, &target)?;
    let mut build = process::cargo();
    build.args(["build", "--locked", "--quiet", "--release"]);
    build.args([
        "--package",
        "mambalite-peer-bench",
        "--package",
        "mambalite",
    ]);
    process::run(&mut build, &root)?;
    let release = target.join("release");
    let mut command = Command::new(python);
    command
        .arg("-B")
        .arg(root.join("xtask/peers/time_peers.py"))
        .arg("--bench")
        .arg(release.join("mambalite-peer-bench"))
        .arg("--mambalite")
        .arg(release.join("mambalite"))
        .arg("--root")
        .arg(&root)
        .arg("--out")
        .arg(target.join("peers"))
        .args(arguments);
    let status = command.status().context("start python")?;
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(0) => Ok(()),
        code => Err(Ended {
            code: code.unwrap_or(1),
        }
        .into()),
    }
}

/// Makes the virtual environment, or completes it, and returns its Python.
pub(crate) fn environment(root: &Path, target: &Path) -> Result<PathBuf> {
    let folder = target.join("peers-venv");
    let python = folder.join("bin/python");
    if !python.exists() {
        let mut venv = Command::new("python3");
        process::run(venv.args(["-m", "venv"]).arg(&folder), root)?;
    }
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg("xtask/peers/requirements.txt");
    process::run(&mut install, root)?;
    Ok(python)
}
