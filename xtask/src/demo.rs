//! The demo: a real picture through a virtual board, compared with the host bit for bit.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::board::Facts;
use crate::packages::{self, Purpose};
use crate::{process, repository};

/// The board of the demo: QEMU's MPS2 with a Cortex-M7.
pub(crate) const BOARD: &str = "qemu-mps2-an500";

/// Runs the demo; the path of its report is the last line.
pub(crate) fn run(input: Option<&Path>, board: &str) -> Result<()> {
    packages::install(if Facts::read(board)?.get("loopback", "cpu").is_ok() {
        &[Purpose::Agent, Purpose::VirtualJetson]
    } else {
        &[Purpose::Firmware, Purpose::VirtualBoards]
    })?;
    if input.is_none()
        && let Err(error) = packages::install(&[Purpose::DemoPicture])
    {
        eprintln!("note: {error:#}");
    }
    let root = repository::root();
    let out = repository::target().join("demo");
    let mut picture = process::cargo_run("mambalite-demo-picture");
    picture.arg("--out").arg(&out);
    if let Some(input) = input {
        picture.arg("--input").arg(std::path::absolute(input)?);
    }
    process::run(&mut picture, &root)?;

    let mut hil = process::cargo_run("mambalite-hil");
    hil.args(["run", "--board", board]);
    hil.arg("--input").arg(out.join("input.png"));
    hil.arg("--ground-truth").arg(out.join("ground-truth.png"));
    let run = out.join("run");
    hil.arg("--out").arg(&run);
    process::run(&mut hil, &root)?;
    let report = run.join("report.html");
    ensure!(report.is_file(), "hil left no {}", report.display());
    println!("{}", report.display());
    Ok(())
}
