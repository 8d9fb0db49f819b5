//! Measuring the kernels, with the program of `xtask/bench`.

use std::ffi::OsString;
use std::fmt;

use anyhow::{Context, Result};

use crate::packages::{self, Purpose};
use crate::{process, repository};

/// A program that ended with another code than 0, and has said why.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The code.
    pub(crate) code: u8,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program ended with code {}", self.code)
    }
}

impl std::error::Error for Ended {}

/// Runs the program with these arguments.
pub(crate) fn run(arguments: &[OsString]) -> Result<()> {
    packages::install(&[Purpose::InstructionCounts, Purpose::VirtualBoards])?;
    let mut command = process::cargo();
    command
        .args(["run", "--locked", "--quiet", "--release"])
        .args(["--package", "mambalite-bench", "--"])
        .args(arguments)
        .current_dir(repository::root());
    let status = command.status().context("start cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    match code {
        Some(0) => Ok(()),
        code => Err(Ended {
            code: code.unwrap_or(1),
        }
        .into()),
    }
}
