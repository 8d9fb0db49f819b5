//! Building the firmware of the boards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::packages::{self, Purpose};
use crate::{process, repository};

/// Debian's compiler and cargo, which come with the source of the core library.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// The first minor version of the compiler that builds the firmware.
const RUSTC_MINOR_MIN: u32 = 95;

/// The target of the virtual boards; it decides which toolchain is looked for.
const TARGET: &str = "thumbv7em-none-eabihf";

/// What compiles the firmware.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The compiler of the host, which has the library of the target.
    Installed,
    /// Debian's compiler, which builds the library too.
    Debian,
}

impl Toolchain {
    /// Chooses what compiles for a target.
    fn find(target: &str) -> Self {
        let sysroot = process::first_line("rustc", &["--print", "sysroot"]);
        let library = sysroot.map(|root| Path::new(&root).join("lib/rustlib").join(target));
        match library {
            Some(folder) if folder.join("lib").is_dir() => Self::Installed,
            _ => Self::Debian,
        }
    }

    /// Returns the Debian packages that building firmware needs and that are not there.
    pub(crate) fn missing_packages() -> Vec<&'static str> {
        if Self::find(TARGET) == Self::Installed {
            return Vec::new();
        }
        let minor = process::first_line(DEBIAN_RUSTC, &["--version"]).and_then(|line| minor(&line));
        let sysroot = process::first_line(DEBIAN_RUSTC, &["--print", "sysroot"]);
        let source = sysroot.map(|root| Path::new(&root).join("lib/rustlib/src/rust/library/core"));
        let there = [
            (
                "rustc-web",
                minor.is_some_and(|minor| minor >= RUSTC_MINOR_MIN),
            ),
            ("cargo-web", Path::new(DEBIAN_CARGO).is_file()),
            ("rust-web-src", source.is_some_and(|folder| folder.is_dir())),
            ("lld", process::find("ld.lld").is_some()),
        ];
        there
            .iter()
            .filter(|(_, found)| !found)
            .map(|(package, _)| *package)
            .collect()
    }

    /// Returns the command that builds for a target.
    fn cargo_build(&self, target: &str) -> Command {
        let mut command = match self {
            Self::Installed => process::cargo(),
            Self::Debian => Command::new(DEBIAN_CARGO),
        };
        // What cargo sets for this task would be taken for the user's wish.
        for variable in [
            "RUSTC",
            "RUSTDOC",
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_TARGET_DIR",
        ] {
            command.env_remove(variable);
        }
        command.args(["build", "--release", "--target", target]);
        if *self == Self::Debian {
            let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase());
            command
                .arg("-Zbuild-std=core")
                .env("RUSTC", DEBIAN_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .env(linker.replace(['-', '.'], "_"), "ld.lld")
                .env_remove("RUSTUP_TOOLCHAIN");
        }
        command
    }
}

/// Builds the firmware of one board or of all, and prints the path of each ELF file.
pub(crate) fn run(board: Option<&str>) -> Result<()> {
    packages::install(&[Purpose::Firmware])?;
    let boards = match board {
        Some(board) => vec![board.to_owned()],
        None => boards()?,
    };
    for board in boards {
        println!("{}", build(&board)?.display());
    }
    Ok(())
}

/// Builds the firmware of a board and returns the path of its ELF file.
pub(crate) fn build(board: &str) -> Result<PathBuf> {
    let folder = repository::firmware().join("boards").join(board);
    let facts = folder.join("board.toml");
    if !facts.is_file() {
        bail!(
            "there is no board {board}; there are {}",
            boards()?.join(", ")
        );
    }
    let target = target(&facts)?;
    process::run(&mut Toolchain::find(&target).cargo_build(&target), &folder)?;
    let elf = repository::firmware()
        .join("target")
        .join(target)
        .join("release")
        .join(board);
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

/// Reads the target of a board from its facts.
fn target(facts: &Path) -> Result<String> {
    let text = fs::read_to_string(facts).with_context(|| format!("read {}", facts.display()))?;
    let target = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "target").then(|| value.trim().trim_matches('"').to_owned())
    });
    target.with_context(|| format!("{} names no target", facts.display()))
}

/// Returns the minor version in `rustc 1.MINOR.PATCH ...`.
fn minor(version: &str) -> Option<u32> {
    version
        .split_whitespace()
        .nth(1)?
        .split('.')
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read() {
        assert_eq!(
            minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor("command not found"), None);
    }

    #[test]
    fn every_board_names_its_target() {
        let boards = boards().unwrap();
        assert!(boards.contains(&"qemu-mps2-an386".to_owned()), "{boards:?}");
        for board in boards {
            let facts = repository::firmware()
                .join("boards")
                .join(&board)
                .join("board.toml");
            assert!(target(&facts).unwrap().starts_with("thumb"), "{board}");
        }
    }
}
