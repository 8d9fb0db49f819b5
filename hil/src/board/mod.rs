//! Facts of a board, read from `firmware/boards/<name>/board.toml`.

mod file;

#[cfg(test)]
pub(crate) use file::tests::GOOD;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mambalite::search::config::Format;
use mambalite_kernels::Precision;
use serde::{Deserialize, Serialize};

use crate::backend::Wanted;
use crate::config::FaultyFile;
use crate::error::{Error, Result};

/// Name of the file in the board's folder.
const FILE: &str = "board.toml";

/// What is true of a board, whatever bench it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "file::File")]
pub struct Board {
    /// Name, equal to the folder's.
    pub name: String,
    /// Chip or machine, for people.
    pub chip: String,
    /// Core, for people.
    pub core: String,
    /// Rust target triple.
    pub target: String,
    /// Core that the compiler is told of, where the target stands for several.
    pub target_cpu: Option<String>,
    /// Working memory for a job, bytes.
    pub arena_bytes: u32,
    /// What the board is and how it is reached.
    pub reach: Reach,
    /// What is to run its network; no fact of the file, [`Board::on`] sets it.
    pub backend: Wanted,
}

/// How a board is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// A microcontroller: its memory is written through a debug port.
    Flash(Microcontroller),
    /// A computer with Linux: files are copied by SSH, and the agent is started.
    Ssh(Remote),
    /// The same, played by this computer.
    Loopback(Loopback),
}

/// The memory of a microcontroller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microcontroller {
    /// Stack, bytes.
    pub stack_bytes: u32,
    /// Number formats that the firmware is built for; all where there is no list.
    pub precisions: Option<Vec<Format>>,
    /// Memory of the firmware image, and behind it of the model.
    pub flash: Region,
    /// First address of the flash for a debug probe, where that is another than the core's.
    pub probe_origin: Option<u32>,
    /// Memory for data.
    pub ram: Region,
    /// Memory of the model.
    pub model: ModelRegion,
    /// Addresses, interrupts and rates of the peripherals, for the firmware's build.
    pub peripherals: BTreeMap<String, u32>,
    /// Name of the chip as `probe-rs` has it; absent where no debug probe reaches it.
    pub probe_chip: Option<String>,
    /// How to play this board with an emulator; absent for a real one.
    pub emulator: Option<Emulator>,
}

/// A computer that SSH reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Remote {
    /// Its name as `ssh` takes it: a host of the user's SSH configuration, or `user@address`.
    pub host: String,
    /// Folder for the agent and the model there; relative to the home of the user.
    #[serde(default = "default_folder")]
    pub folder: String,
    /// Pattern of the folders of its power monitors; that of a Jetson where it is not stated.
    pub hwmon: Option<String>,
}

/// How this computer plays one behind SSH: a server on 127.0.0.1 and an emulated processor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Loopback {
    /// QEMU's name of the processor.
    pub cpu: String,
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
    /// Time that passes on the machine for each instruction, nanoseconds, a power of two; the
    /// machine's own timers then count instructions. Without it time is the host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction_ns: Option<u32>,
    /// Serial port of the frames.
    pub wire_uart: u8,
    /// Serial port of the defmt log.
    pub log_uart: u8,
    /// Device of QEMU that carries the log, where the machine has no second serial port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_device: Option<String>,
    /// Address of a register whose bit 0 is the gate pin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<u32>,
}

/// What the firmware of a board counts while the network runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counter {
    /// Cycles of a real core.
    Cycles,
    /// Instructions of an emulated one, which has no cycles.
    Instructions,
}

impl Board {
    /// Returns the memory of a microcontroller; nothing where files take its place.
    #[must_use]
    pub fn memory(&self) -> Option<&Microcontroller> {
        match &self.reach {
            Reach::Flash(memory) => Some(memory),
            Reach::Ssh(_) | Reach::Loopback(_) => None,
        }
    }

    /// Returns what plays the board, in QEMU's words; nothing for a real one.
    #[must_use]
    pub fn emulated(&self) -> Option<&str> {
        match &self.reach {
            Reach::Flash(memory) => memory.emulator.as_ref().map(|it| it.machine.as_str()),
            Reach::Ssh(_) => None,
            Reach::Loopback(loopback) => Some(&loopback.cpu),
        }
    }

    /// Reports whether a run makes the board for itself.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.emulated().is_some()
    }

    /// Returns what the board counts in a job; a board may as well count nothing.
    #[must_use]
    pub fn counter(&self) -> Counter {
        match self.emulated() {
            Some(_) => Counter::Instructions,
            None => Counter::Cycles,
        }
    }

    /// Reports whether this harness can run the board: a microcontroller only where it is a virtual
    /// one, or a debug probe reaches it.
    #[must_use]
    pub fn is_runnable(&self) -> bool {
        self.memory()
            .is_none_or(|memory| memory.emulator.is_some() || memory.probe_chip.is_some())
    }

    /// Returns the address of the model: the offset into its file where it is in one.
    #[must_use]
    pub fn model_address(&self) -> u32 {
        self.memory().map_or(0, |memory| memory.model.address)
    }
}

impl Microcontroller {
    /// Reports whether the firmware is built for a number format.
    #[must_use]
    pub fn runs(&self, precision: Precision) -> bool {
        let list = self.precisions.as_ref();
        list.is_none_or(|list| list.iter().any(|it| it.precision() == precision))
    }

    /// Returns the part of the flash that the firmware may fill.
    #[must_use]
    pub fn firmware_region(&self) -> Region {
        Region {
            origin: self.flash.origin,
            length: self.model.address.saturating_sub(self.flash.origin),
        }
    }

    /// Returns where a debug probe writes `len` bytes that the core has at `address`, if that is another
    /// address: RAM is where it is for both.
    #[must_use]
    pub fn probe_address(&self, address: u32, len: usize) -> Option<u32> {
        let origin = self.probe_origin?;
        let offset = address.checked_sub(self.flash.origin)?;
        let is_flash = self.flash.holds(address, len);
        is_flash.then(|| origin.checked_add(offset))?
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

    /// Returns the repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        self.workspace().parent().unwrap_or(&self.root)
    }

    /// Returns the folder of the files of rigs: `hil/rigs` of the repository.
    #[must_use]
    pub fn rigs(&self) -> PathBuf {
        self.repository().join("hil").join("rigs")
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
    /// [`Error::UnknownBoard`] when there is none of that name, [`Error::File`] when its
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
        file::parse(&text, name)
            .map_err(|faults| Error::File(Box::new(FaultyFile::new(&path, &text, faults))))
    }
}

/// A folder that nobody misses.
fn default_folder() -> String {
    ".cache/mambalite".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_probe_may_have_flash_elsewhere_and_ram_never() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("firmware/boards");
        std::fs::create_dir_all(root.join("qemu-x")).unwrap();
        let text = file::tests::GOOD.replace(
            "origin = 0, length = 0x20000",
            "origin = 0x1000, length = 0x20000, probe-origin = 0x100",
        );
        std::fs::write(root.join("qemu-x/board.toml"), text).unwrap();
        let board = Boards::at(root).load("qemu-x").unwrap();
        let mut memory = board.memory().unwrap().clone();
        let at = |memory: &Microcontroller, address, len| memory.probe_address(address, len);
        assert_eq!(at(&memory, 0x1000, 0x20000), Some(0x100));
        assert_eq!(at(&memory, 0x1234, 4), Some(0x334));
        assert_eq!(at(&memory, 0x20ffc, 4), Some(0x200fc));
        for (address, len) in [
            (0xfff, 4),
            (0x20ffd, 4),
            (0x21000, 1),
            (memory.ram.origin, 4),
        ] {
            assert_eq!(at(&memory, address, len), None, "{address:#x}");
        }
        memory.probe_origin = None;
        assert_eq!(at(&memory, 0x1000, 4), None);
    }

    #[test]
    fn an_unknown_board_lists_the_known_ones() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("firmware/boards");
        std::fs::create_dir_all(root.join("qemu-x")).unwrap();
        std::fs::write(root.join("qemu-x/board.toml"), file::tests::GOOD).unwrap();
        let boards = Boards::find(&root.join("qemu-x")).unwrap();
        assert_eq!(boards.load("qemu-x").unwrap().name, "qemu-x");
        let error = boards.load("nope").unwrap_err();
        assert!(error.to_string().contains("qemu-x"), "{error}");
        assert_eq!(error.exit_code(), 2);
        std::fs::rename(root.join("qemu-x"), root.join("other")).unwrap();
        assert!(matches!(boards.load("other"), Err(Error::File(_))));
    }
}
