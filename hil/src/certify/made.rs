//! The firmware that is certified: built twice, the second time from a copy of the source in another
//! folder, and how.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mambalite_hil_certificate::hash::sha256;
use mambalite_hil_certificate::predicate::Toolchain as ToolchainFacts;
use mambalite_hil_toolchain::{Folders, Toolchain, sources};
use serde_json::Value;

use super::{CertifyError, sbom};
use crate::board::{Board, Boards};
use crate::error::{Error, Result};
use crate::firmware::{self, Image};
use crate::interrupt::Interrupt;

/// Firmware, and what is known of its making.
#[derive(Debug)]
pub(super) struct Made {
    /// The firmware.
    pub(super) image: Image,
    /// SHA-256 of the second ELF file, hex.
    pub(super) rebuilt_sha256: String,
    /// How it was made.
    pub(super) toolchain: ToolchainFacts,
    /// Its parts, CycloneDX.
    pub(super) sbom: Value,
}

/// Builds the firmware of a board as `hil run` does, and once more from a copy of what git has, in the
/// folder `elsewhere`: bytes that followed from a path would differ. `progress` gets the name of each crate
/// compiled.
///
/// # Errors
/// Those of [`firmware::build`]; [`CertifyError::Sbom`]; a source that cannot be copied.
pub(super) fn make(
    boards: &Boards,
    board: &Board,
    elsewhere: &Path,
    interrupt: &Interrupt,
    progress: &mut dyn FnMut(&str),
) -> Result<Made> {
    let image = firmware::build(boards, board, true, interrupt, progress)?;
    let copy = copy(boards, elsewhere)?;
    let target = elsewhere.join("target");
    let again = firmware::build_into(&copy, board, &target, interrupt, progress)?;
    let toolchain = firmware::find_toolchain(&board.target)?;
    let (folder, package) = firmware::package(boards, board);
    let lock_path = boards.workspace().join("Cargo.lock");
    let lock = std::fs::read_to_string(&lock_path).map_err(Error::read(&lock_path))?;
    let rustc = toolchain.describe_fully();
    let elf_sha256 = hex::encode(image.sha256());
    let sbom = sbom::make(
        &toolchain,
        sbom::Subject {
            folder: &folder,
            package,
            target: &board.target,
            elf_sha256: &elf_sha256,
            lock: &lock,
            rust: release(&rustc),
        },
    )?;
    Ok(Made {
        toolchain: ToolchainFacts {
            target: board.target.clone(),
            target_cpu: board.target_cpu.clone(),
            flags: flags(&toolchain, board, boards)?,
            lock_sha256: sha256(&lock),
            linker_scripts: linker_scripts(&again.script_folders)?,
            rustc,
        },
        rebuilt_sha256: hex::encode(again.image.sha256()),
        image,
        sbom,
    })
}

/// Copies the source into a folder; returns the boards there.
fn copy(boards: &Boards, elsewhere: &Path) -> Result<Boards> {
    let source = elsewhere.join("source");
    sources::copy(boards.repository(), &source).map_err(Error::write(&source))?;
    Boards::find(&source)
}

/// Returns the release in the words of `rustc -vV`.
fn release(rustc: &str) -> &str {
    let mut lines = rustc.lines();
    let release = lines.find_map(|line| line.strip_prefix("release: "));
    release.unwrap_or("unknown")
}

/// Returns what a build takes beside the source: cargo's arguments and variables, less the folders of
/// this computer, and the profile.
fn flags(toolchain: &Toolchain, board: &Board, boards: &Boards) -> Result<Vec<String>> {
    let folders = Folders {
        repository: Path::new("REPOSITORY"),
        target: Path::new("TARGET"),
    };
    let command =
        toolchain.cargo_build_firmware(&board.target, board.target_cpu.as_deref(), &folders);
    let arguments = command
        .get_args()
        .map(|it| it.to_string_lossy().into_owned());
    let mut flags = vec![format!("cargo {}", arguments.collect::<Vec<_>>().join(" "))];
    for (name, value) in command.get_envs() {
        let (name, value) = (name.to_string_lossy(), value.map(|it| it.to_string_lossy()));
        if let Some(value) = value {
            // What follows the folder names only: where this computer has them is of no account.
            let words = value.split('\x1f').map(anonymous);
            flags.push(format!("{name}={}", words.collect::<Vec<_>>().join(" ")));
        }
    }
    flags.sort();
    flags.extend(settings(boards)?);
    Ok(flags)
}

/// Returns a flag without a folder of this computer.
fn anonymous(flag: &str) -> String {
    match flag.strip_prefix("--remap-path-prefix=") {
        Some(remap) => {
            let name = remap.rsplit_once('=').map_or(remap, |(_, name)| name);
            format!("--remap-path-prefix=*={name}")
        }
        None => flag.to_owned(),
    }
}

/// Returns the profile of the firmware's workspace, and the variables that its settings give to builds.
fn settings(boards: &Boards) -> Result<Vec<String>> {
    let mut settings = Vec::new();
    for (file, keys) in [
        ("Cargo.toml", ["profile", "release"].as_slice()),
        (".cargo/config.toml", &["env"]),
        (".cargo/config.toml", &["target"]),
    ] {
        let path = boards.workspace().join(file);
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        let parsed: toml::Table = toml::from_str(&text).map_err(|error| Error::Report {
            cause: format!("{}: {error}", path.display()),
        })?;
        let whole = toml::Value::Table(parsed);
        let table = keys.iter().try_fold(&whole, |table, key| table.get(key));
        let entries = table.and_then(toml::Value::as_table).into_iter().flatten();
        let prefix = keys.join(".");
        settings.extend(entries.map(|(key, value)| format!("{prefix}.{key} = {value}")));
    }
    Ok(settings)
}

/// Hashes the linker scripts that build scripts left, by the package that left each.
fn linker_scripts(folders: &[PathBuf]) -> Result<BTreeMap<String, String>> {
    let mut scripts = BTreeMap::new();
    for folder in folders {
        // `<package>-<hash>/out`
        let package = folder.parent().and_then(Path::file_name);
        let package = package.unwrap_or_default().to_string_lossy();
        let package = package.rsplit_once('-').map_or(&*package, |(name, _)| name);
        let files = std::fs::read_dir(folder).map_err(Error::read(folder))?;
        for file in files.flatten() {
            let path = file.path();
            if path.extension().is_some_and(|it| it == "x") {
                let text = std::fs::read(&path).map_err(Error::read(&path))?;
                let name = format!("{package}/{}", file.file_name().to_string_lossy());
                scripts.insert(name, sha256(text));
            }
        }
    }
    Ok(scripts)
}

impl From<CertifyError> for Error {
    fn from(error: CertifyError) -> Self {
        Self::Certify(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_name_no_folder_of_this_computer() {
        let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        let board = boards.load("qemu-mps2-an505").unwrap();
        let flags = flags(&Toolchain::System, &board, &boards).unwrap();
        let home = std::env::var("HOME").unwrap();
        let all = flags.join("\n");
        assert!(!all.contains(&format!("={home}")), "{all}");
        for expected in [
            "-Ctarget-cpu=cortex-m33 --remap-path-prefix=*=/mambalite",
            "profile.release.lto = \"fat\"",
            "env.DEFMT_LOG = \"info\"",
        ] {
            assert!(all.contains(expected), "{all}");
        }
    }

    #[test]
    fn linker_scripts_are_named_by_their_package() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("cortex-m-rt-0123456789abcdef/out");
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(out.join("link.x"), "a").unwrap();
        std::fs::write(out.join("other.rs"), "a").unwrap();
        let scripts = linker_scripts(&[out]).unwrap();
        assert_eq!(scripts.len(), 1);
        assert_eq!(scripts["cortex-m-rt/link.x"], sha256("a"));
    }

    #[test]
    fn the_release_is_a_line_of_its_own() {
        assert_eq!(
            release("rustc 1.96.0 (a b)\nrelease: 1.96.0\nLLVM version: 2"),
            "1.96.0"
        );
    }
}
