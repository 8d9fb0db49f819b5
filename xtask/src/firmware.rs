//! Building the firmware of the boards.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use mambalite_hil_toolchain::{Folders, Toolchain, apt_install};

use crate::board::Facts;
use crate::packages::{self, Purpose};
use crate::{process, repository};

/// The target of the agent, which boards with Linux run.
pub(crate) const AGENT_TARGET: &str = "aarch64-unknown-linux-gnu";
/// Folder and program of the agent.
const AGENT: (&str, &str) = ("agent", "mambalite-agent");

/// Returns the Debian packages that building firmware needs and that are not there.
pub(crate) fn missing_packages() -> Vec<&'static str> {
    // A board file that cannot be read is complained of when the board is built.
    let targets: BTreeSet<String> = boards()
        .unwrap_or_default()
        .iter()
        .filter_map(|board| {
            Facts::read(board)
                .ok()?
                .get("", "target")
                .ok()
                .map(str::to_owned)
        })
        .filter(|target| target != AGENT_TARGET)
        .collect();
    let missing = targets
        .iter()
        .filter_map(|target| Toolchain::find(target).err());
    missing.flatten().collect()
}

/// How thoroughly firmware is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// As it is flashed.
    Whole,
    /// Whole for boards that are run here. The others are only linked: every function of theirs is
    /// compiled, and what comes out fits their memory, but without the operator checks and without
    /// the optimisation of the whole program, which take most of the time.
    AsNeeded,
}

/// What linking alone changes of the profile that is flashed.
const LINKED_PROFILE: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "false"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s"),
];

/// Builds the firmware of one board or of all, and prints the path of each ELF file.
pub(crate) fn run(board: Option<&str>, build: Build) -> Result<()> {
    packages::install(&[Purpose::Firmware, Purpose::Agent])?;
    let boards = match board {
        Some(board) => vec![board.to_owned()],
        None => boards()?,
    };
    for board in boards {
        println!("{}", make(&board, build)?.display());
    }
    Ok(())
}

/// Builds the firmware of a board and returns the path of its ELF file.
pub(crate) fn make(board: &str, build: Build) -> Result<PathBuf> {
    let facts = Facts::read(board)?;
    let is_run = facts.get("virtual", "machine").is_ok() || facts.get("ram", "origin").is_err();
    let is_linked_only = build == Build::AsNeeded && !is_run;
    let target = facts.get("", "target")?;
    let (folder, program) = if target == AGENT_TARGET {
        (repository::firmware().join(AGENT.0), AGENT.1)
    } else {
        (repository::firmware().join("boards").join(board), board)
    };
    let toolchain = Toolchain::find(target)
        .map_err(|packages| anyhow!("no toolchain for {target}: {}", apt_install(&packages)))?;
    // The core is stated where the target stands for several.
    let cpu = facts.get("", "target-cpu").ok();
    // The same folders as the harness has: what one of them built the other takes.
    let mut target_folder = repository::firmware().join("target");
    if is_linked_only {
        target_folder.push("linked");
    }
    let folders = Folders {
        repository: &repository::root(),
        target: &target_folder,
    };
    let mut command = toolchain.cargo_build_firmware(target, cpu, &folders);
    if is_linked_only {
        command.arg("--no-default-features").envs(LINKED_PROFILE);
    }
    process::run(&mut command, &folder)?;
    let elf = folders.programs(target, cpu).join(program);
    ensure!(elf.is_file(), "the build left no {}", elf.display());
    Ok(elf)
}

/// Returns the names of the boards, sorted.
pub(crate) fn boards() -> Result<Vec<String>> {
    let folder = repository::firmware().join("boards");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let entries = entries.collect::<Result<Vec<_>, _>>()?;
    let with_facts = entries
        .iter()
        .filter(|entry| entry.path().join("board.toml").is_file());
    let mut names: Vec<_> = with_facts
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}
