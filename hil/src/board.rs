//! Facts of a board, read from `firmware/boards/<name>/board.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Version of the board file that this harness reads.
const SCHEMA: u32 = 1;

/// Name of the file in the board's folder.
const FILE: &str = "board.toml";

/// What is true of a board, whatever bench it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Board {
    /// Version of the file format, 1.
    pub schema: u32,
    /// Name, equal to the folder's.
    pub name: String,
    /// Chip or machine, for people.
    pub chip: String,
    /// Core, for people.
    pub core: String,
    /// Rust target triple.
    pub target: String,
    /// Working memory for a job, bytes.
    pub arena_bytes: u32,
    /// Stack, bytes.
    pub stack_bytes: u32,
    /// Memory of the firmware image, and behind it of the model.
    pub flash: Region,
    /// Memory for data.
    pub ram: Region,
    /// Memory of the model.
    pub model: ModelRegion,
    /// How to play this board with an emulator; absent for a real one.
    #[serde(rename = "virtual")]
    pub emulator: Option<Emulator>,
}

/// A stretch of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Region {
    /// First address.
    pub origin: u32,
    /// Bytes.
    pub length: u32,
}

/// Where the model lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelRegion {
    /// First address, a multiple of 16; the firmware ends before it.
    pub address: u32,
    /// Bytes.
    pub capacity_bytes: u32,
}

/// How QEMU plays the board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Emulator {
    /// Machine, as in `qemu-system-arm -M help`.
    pub machine: String,
    /// CPU of the machine, for people.
    pub cpu: String,
    /// Serial port of the frames.
    pub wire_uart: u8,
    /// Serial port of the defmt log.
    pub log_uart: u8,
}

impl Board {
    /// Returns the part of the flash that the firmware may fill.
    #[must_use]
    pub fn firmware_region(&self) -> Region {
        Region {
            origin: self.flash.origin,
            length: self.model.address.saturating_sub(self.flash.origin),
        }
    }
}

impl Region {
    /// Reports whether `len` bytes at `address` lie inside.
    #[must_use]
    pub fn holds(&self, address: u32, len: usize) -> bool {
        let (start, len) = (u64::from(address), len as u64);
        let end = u64::from(self.origin) + u64::from(self.length);
        start >= u64::from(self.origin) && start + len <= end
    }
}

/// The boards of a repository.
#[derive(Debug, Clone)]
pub struct Boards {
    root: PathBuf,
}

impl Boards {
    /// Finds the boards of the repository that holds `start`.
    ///
    /// # Errors
    /// [`Error::NoBoards`] when no folder at or above `start` has `firmware/boards`.
    pub fn find(start: &Path) -> Result<Self> {
        start
            .ancestors()
            .map(|dir| dir.join("firmware").join("boards"))
            .find(|dir| dir.is_dir())
            .map(|root| Self { root })
            .ok_or_else(|| Error::NoBoards {
                start: start.to_owned(),
            })
    }

    /// Uses the boards in the folder `root`.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the folder of a board.
    #[must_use]
    pub fn folder(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Returns the folder of the whole firmware workspace.
    #[must_use]
    pub fn workspace(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    /// Returns the names of all boards, sorted.
    ///
    /// # Errors
    /// [`Error::Read`] when the folder cannot be read.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(Error::read(&self.root))? {
            let entry = entry.map_err(Error::read(&self.root))?;
            if entry.path().join(FILE).is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Reads the facts of one board.
    ///
    /// # Errors
    /// [`Error::UnknownBoard`] when there is none of that name, [`Error::BoardFile`] when its
    /// file has another schema, unknown or missing keys, or contradicts itself.
    pub fn load(&self, name: &str) -> Result<Board> {
        let known = self.names()?;
        if !known.iter().any(|known| known == name) {
            return Err(Error::UnknownBoard {
                name: name.to_owned(),
                known,
            });
        }
        let path = self.folder(name).join(FILE);
        let text = std::fs::read_to_string(&path).map_err(Error::read(&path))?;
        let board = parse(&text).map_err(|cause| Error::BoardFile {
            path: path.clone(),
            cause,
        })?;
        if board.name != name {
            let cause = format!("name is `{}`, the folder is `{name}`", board.name);
            return Err(Error::BoardFile { path, cause });
        }
        Ok(board)
    }
}

/// Reads a board file; the error is a text for people.
fn parse(text: &str) -> core::result::Result<Board, String> {
    // The schema is looked at alone first: a file of another version gets that message, not one
    // about the first key that is new.
    let table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
    match table.get("schema").and_then(toml::Value::as_integer) {
        Some(schema) if schema == i64::from(SCHEMA) => {}
        Some(schema) => return Err(format!("schema is {schema}, this harness reads {SCHEMA}")),
        None => return Err("key `schema` is missing".to_owned()),
    }
    let board: Board = toml::from_str(text).map_err(|e| e.to_string())?;
    check(&board)?;
    Ok(board)
}

fn check(board: &Board) -> core::result::Result<(), String> {
    if !board.model.address.is_multiple_of(16) {
        return Err(format!(
            "model.address {:#x} is no multiple of 16",
            board.model.address
        ));
    }
    let capacity = board.model.capacity_bytes as usize;
    if !board.flash.holds(board.model.address, capacity) {
        return Err("the model region lies outside the flash".to_owned());
    }
    if overlap(board.flash, board.ram) {
        return Err("the ram region overlaps the flash".to_owned());
    }
    let wanted = u64::from(board.arena_bytes) + u64::from(board.stack_bytes);
    if wanted > u64::from(board.ram.length) {
        return Err(format!(
            "arena-bytes and stack-bytes are {wanted} together, ram has {}",
            board.ram.length
        ));
    }
    match &board.emulator {
        Some(emulator) if emulator.wire_uart == emulator.log_uart => {
            Err("virtual: wire-uart and log-uart are the same port".to_owned())
        }
        Some(emulator) if emulator.wire_uart.max(emulator.log_uart) > 3 => {
            Err("virtual: ports are 0 to 3".to_owned())
        }
        _ => Ok(()),
    }
}

fn overlap(a: Region, b: Region) -> bool {
    let end = |r: Region| u64::from(r.origin) + u64::from(r.length);
    u64::from(a.origin) < end(b) && u64::from(b.origin) < end(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        schema = 1
        name = "qemu-x"
        chip = "X"
        core = "Cortex-M4F"
        target = "thumbv7em-none-eabihf"
        arena-bytes = 0x1000
        stack-bytes = 4096
        flash = { origin = 0, length = 0x20000 }
        ram = { origin = 0x20000000, length = 0x10000 }
        model = { address = 0x10000, capacity-bytes = 0x10000 }
        [virtual]
        machine = "mps2-an386"
        cpu = "cortex-m4"
        wire-uart = 0
        log-uart = 1
    "#;

    fn refused(from: &str, to: &str, word: &str) {
        assert!(GOOD.contains(from));
        let message = parse(&GOOD.replace(from, to)).unwrap_err();
        assert!(message.contains(word), "{message}");
    }

    #[test]
    fn a_good_file_is_read() {
        let board = parse(GOOD).unwrap();
        assert_eq!(board.emulator.unwrap().log_uart, 1);
        assert_eq!(board.ram.origin, 0x2000_0000);
    }

    #[test]
    fn bad_files_are_refused_with_the_reason() {
        refused("schema = 1", "schema = 2", "schema is 2");
        refused("schema = 1", "", "`schema` is missing");
        refused("chip = \"X\"", "chip = \"X\"\ncolour = 1", "colour");
        refused("log-uart = 1", "log-uart = 1\nspeed = 3", "speed");
        refused("chip = \"X\"", "", "chip");
        refused("address = 0x10000", "address = 0x10008", "multiple of 16");
        refused(
            "address = 0x10000",
            "address = 0x10010",
            "outside the flash",
        );
        refused("origin = 0x20000000", "origin = 0x1ffff", "overlaps");
        refused("arena-bytes = 0x1000", "arena-bytes = 0x10000", "together");
        refused("log-uart = 1", "log-uart = 0", "same port");
        refused("log-uart = 1", "log-uart = 4", "0 to 3");
        refused("origin = 0,", "origin = -1,", "origin");
    }

    #[test]
    fn a_region_holds_what_lies_inside() {
        let region = Region {
            origin: u32::MAX - 15,
            length: 16,
        };
        assert!(region.holds(u32::MAX - 15, 16));
        assert!(!region.holds(u32::MAX - 15, 17));
        assert!(!region.holds(u32::MAX - 16, 2));
        assert!(!region.holds(u32::MAX, usize::MAX / 2));
    }

    #[test]
    fn an_unknown_board_lists_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("firmware/boards");
        std::fs::create_dir_all(root.join("qemu-x")).unwrap();
        std::fs::write(root.join("qemu-x/board.toml"), GOOD).unwrap();
        let boards = Boards::find(&root.join("qemu-x")).unwrap();
        assert_eq!(boards.load("qemu-x").unwrap().name, "qemu-x");
        let error = boards.load("nope").unwrap_err();
        assert!(error.to_string().contains("qemu-x"), "{error}");
        assert_eq!(error.exit_code(), 2);
        std::fs::rename(root.join("qemu-x"), root.join("other")).unwrap();
        assert!(matches!(boards.load("other"), Err(Error::BoardFile { .. })));
    }
}
