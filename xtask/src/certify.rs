//! Certificates of the virtual boards, made and verified.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::board::Facts;
use crate::{firmware, packages, process, repository};

/// Number formats.
const PRECISIONS: [&str; 3] = ["w8a8", "w8a16", "f32"];

/// Name of the key of these certificates: made for one call, it proves nothing to anyone else.
const KEY: &str = "throw-away.key";

/// Least arena that the vectors of every number format fit into, bytes: 64 pixels a row in f32.
const ARENA_MIN: u64 = 128 << 10;

/// Certifies virtual boards in all precisions, and verifies each certificate, in the emulator too.
pub(crate) fn run(boards: &[String]) -> Result<()> {
    packages::install(&[packages::Purpose::Firmware, packages::Purpose::Agent])?;
    let boards = match boards {
        [] => virtual_boards()?,
        named => named.to_vec(),
    };
    let folder = repository::target().join("certificates");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let key = folder.join(KEY);
    let root = repository::root();
    process::run(hil(&["key", "new"]).arg(&key), &root)?;
    let start = Instant::now();
    let mut command = hil(&["certify"]);
    for board in &boards {
        command.args(["--board", board]);
    }
    for precision in PRECISIONS {
        command.args(["--precision", precision]);
    }
    command.arg("--key").arg(&key).arg("--out").arg(&folder);
    process::run(&mut command, &root)?;
    println!("certified in {:.0} s", start.elapsed().as_secs_f64());
    verify(&folder, &key, boards.len() * PRECISIONS.len())
}

/// Verifies every certificate of a folder, of which there are so many.
fn verify(folder: &Path, key: &Path, expected: usize) -> Result<()> {
    let start = Instant::now();
    let public = key.with_extension("key.pub");
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "jsonl") {
            let mut command = hil(&["verify", "--rerun"]);
            command.arg(&path).arg("--key").arg(&public);
            process::run(&mut command, &repository::root())?;
            found += 1;
        }
    }
    ensure!(found == expected, "{found} certificates, not {expected}");
    println!("{found} verified in {:.0} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Returns the boards that QEMU plays and that have room for all vectors.
fn virtual_boards() -> Result<Vec<String>> {
    let mut boards = Vec::new();
    for board in firmware::boards()? {
        let facts = Facts::read(&board)?;
        let tables = ["virtual", "loopback"];
        let is_virtual = tables.iter().any(|table| facts.get(table, "cpu").is_ok());
        if is_virtual && facts.number("", "arena-bytes")? >= ARENA_MIN {
            boards.push(board);
        }
    }
    Ok(boards)
}

/// Returns the command that runs the harness.
fn hil(arguments: &[&str]) -> Command {
    let mut command = process::cargo_run("mambalite-hil");
    command.args(arguments);
    command
}
