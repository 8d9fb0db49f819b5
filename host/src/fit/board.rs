//! The memory of a board and how it is divided: from its `board.toml`, or as it is stated.

use std::fs;
use std::path::{Path, PathBuf};

use mambalite_firmware_board_facts::{Facts, Precision as Listed};
use mambalite_kernels::Precision;
use serde::Serialize;

use super::FitError;
use super::measured::Measured;
use crate::{Error, Result};

/// The folder of the boards in a repository.
const BOARDS: &str = "firmware/boards";
/// Name of the file in a board's folder.
const FILE: &str = "board.toml";

/// A board that networks are to fit.
#[derive(Clone, Debug)]
pub struct Board {
    /// Its name, for people.
    pub name: String,
    /// Its core, as `cortex-m4f`.
    pub core: String,
    /// Clock of the core, hertz.
    pub clock_hz: Option<u32>,
    /// Precisions that its firmware is built for.
    pub precisions: Vec<Precision>,
    /// How its memory is divided.
    pub division: Division,
    /// Where its facts come from; nothing for stated memory.
    pub file: Option<BoardFile>,
}

/// A `board.toml`.
#[derive(Clone, Debug)]
pub struct BoardFile {
    /// Its place.
    pub path: PathBuf,
    /// What is in it.
    pub text: String,
}

/// A memory, divided; in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Division {
    /// Flash.
    pub flash_bytes: usize,
    /// Flash before the model, for the program; of each precision that it is built for alone, in the
    /// order of [`Precision::ALL`].
    pub program_bytes: [usize; 3],
    /// Flash of the model; less than the rest where a board keeps some for itself.
    pub model_bytes: [usize; 3],
    /// RAM.
    pub ram_bytes: usize,
    /// Stack.
    pub stack_bytes: usize,
    /// Working memory of the network.
    pub arena_bytes: usize,
    /// RAM that is neither: variables and buffers.
    pub variables_bytes: usize,
}

/// A memory that no file describes.
#[derive(Clone, Debug)]
pub struct Stated {
    /// Bytes of flash.
    pub flash_bytes: usize,
    /// Bytes of RAM.
    pub ram_bytes: usize,
    /// Core, as `cortex-m4f`.
    pub core: String,
    /// Bytes of variables and buffers.
    pub variables_bytes: usize,
}

/// What is to be divided otherwise than the board says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Change {
    /// Flash of the program, bytes; the model has the rest.
    pub program_bytes: Option<usize>,
    /// Stack, bytes; the arena has the rest.
    pub stack_bytes: Option<usize>,
}

impl Board {
    /// Reads a board of the repository that holds `start`, or the `board.toml` at a path.
    ///
    /// # Errors
    /// [`FitError::UnknownBoard`] with those there are, [`FitError::Facts`], and
    /// [`FitError::Computer`] for a board with Linux; [`Error::Read`].
    pub fn load(name_or_path: &str, start: &Path) -> Result<Self> {
        let path = find(name_or_path, start)?;
        let text = fs::read_to_string(&path).map_err(|cause| Error::Read {
            path: path.clone(),
            cause,
        })?;
        Self::parse(&text, path)
    }

    /// Takes the text of a `board.toml`.
    ///
    /// # Errors
    /// As [`Board::load`].
    pub fn parse(text: &str, path: PathBuf) -> Result<Self> {
        let table: Option<toml::Table> = text.parse().ok();
        if table.is_some_and(|it| it.contains_key("ssh") || it.contains_key("loopback")) {
            return Err(FitError::Computer { path }.into());
        }
        let facts = Facts::parse(text).map_err(|cause| FitError::Facts {
            path: path.clone(),
            cause,
        })?;
        let program = (facts.model.address - facts.flash.origin) as usize;
        let arena_and_stack = facts.arena_bytes + facts.stack_bytes;
        Ok(Self {
            name: facts.name,
            core: facts.core,
            clock_hz: facts.peripherals.get("clock-hz").copied(),
            precisions: facts.precisions.iter().map(|&it| precision(it)).collect(),
            division: Division {
                flash_bytes: facts.flash.length as usize,
                program_bytes: [program; 3],
                model_bytes: [facts.model.capacity_bytes as usize; 3],
                ram_bytes: facts.ram.length as usize,
                stack_bytes: facts.stack_bytes as usize,
                arena_bytes: facts.arena_bytes as usize,
                variables_bytes: (facts.ram.length - arena_and_stack) as usize,
            },
            file: Some(BoardFile {
                path,
                text: text.to_owned(),
            }),
        })
    }

    /// Divides a stated memory: the program as long as it was measured, for one precision and without
    /// the operator checks, and the stack as long as its bound, unless `change` says otherwise.
    ///
    /// # Errors
    /// [`FitError::Unmeasured`] where no program of the core was measured and none is stated,
    /// [`FitError::Division`] where a memory is too small.
    pub fn stated(stated: &Stated, change: Change) -> Result<Self> {
        let mut program_bytes = [change.program_bytes.unwrap_or(0); 3];
        if change.program_bytes.is_none() {
            for (bytes, precision) in program_bytes.iter_mut().zip(Precision::ALL) {
                let measured = Measured::of(&stated.core, precision);
                let measured = measured.ok_or_else(|| FitError::Unmeasured {
                    core: stated.core.clone(),
                })?;
                *bytes = measured.program_bytes.next_multiple_of(super::PAGE_BYTES);
            }
        }
        let stack_bytes = change.stack_bytes.unwrap_or(super::STACK_BYTES);
        let taken = stack_bytes.saturating_add(stated.variables_bytes);
        let arena_bytes = rest("RAM", stated.ram_bytes, taken)? / 8 * 8;
        let least = program_bytes.into_iter().min().unwrap_or_default();
        rest("flash", stated.flash_bytes, least)?;
        Ok(Self {
            name: format!(
                "{} bytes flash, {} bytes RAM",
                stated.flash_bytes, stated.ram_bytes
            ),
            core: stated.core.clone(),
            clock_hz: None,
            precisions: Precision::ALL.to_vec(),
            division: Division {
                flash_bytes: stated.flash_bytes,
                program_bytes,
                model_bytes: program_bytes.map(|it| stated.flash_bytes.saturating_sub(it)),
                ram_bytes: stated.ram_bytes,
                stack_bytes,
                arena_bytes,
                variables_bytes: stated.variables_bytes,
            },
            file: None,
        })
    }

    /// Returns the board divided otherwise.
    ///
    /// # Errors
    /// [`FitError::Division`] where the memory is too small for it.
    pub fn changed(mut self, change: Change) -> Result<Self> {
        let division = &mut self.division;
        if let Some(program) = change.program_bytes {
            // The model begins at a multiple of sixteen bytes.
            let program = program.next_multiple_of(16);
            division.program_bytes = [program; 3];
            division.model_bytes = [rest("flash", division.flash_bytes, program)?; 3];
        }
        if let Some(stack) = change.stack_bytes {
            let stack = stack.next_multiple_of(8);
            let both = division.stack_bytes + division.arena_bytes;
            division.arena_bytes = rest("stack and arena", both, stack)? / 8 * 8;
            division.stack_bytes = stack;
        }
        Ok(self)
    }
}

impl Division {
    /// Returns the flash there is for a model of a precision, in bytes.
    #[must_use]
    pub fn model_bytes(&self, precision: Precision) -> usize {
        self.model_bytes[precision as usize]
    }

    /// Returns the flash of the program before it, in bytes.
    #[must_use]
    pub fn program_bytes(&self, precision: Precision) -> usize {
        self.program_bytes[precision as usize]
    }
}

/// Returns what a part leaves of a memory.
fn rest(what: &'static str, length: usize, taken: usize) -> Result<usize, FitError> {
    let left = length.checked_sub(taken).filter(|&left| left > 0);
    left.ok_or(FitError::Division {
        what,
        length,
        taken,
    })
}

/// Returns the place of a board's file.
fn find(name_or_path: &str, start: &Path) -> Result<PathBuf> {
    let path = Path::new(name_or_path);
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if path.join(FILE).is_file() {
        return Ok(path.join(FILE));
    }
    let boards = start.ancestors().map(|it| it.join(BOARDS));
    let boards = boards.into_iter().find(|it| it.is_dir());
    let unknown = |known: Vec<String>| FitError::UnknownBoard {
        name: name_or_path.to_owned(),
        known,
    };
    let Some(boards) = boards else {
        return Err(unknown(Vec::new()).into());
    };
    let file = boards.join(name_or_path).join(FILE);
    if file.is_file() && !name_or_path.is_empty() {
        return Ok(file);
    }
    let entries = fs::read_dir(&boards).map_err(|cause| Error::Read {
        path: boards.clone(),
        cause,
    })?;
    let folders = entries
        .flatten()
        .filter(|it| it.path().join(FILE).is_file());
    let mut known: Vec<_> = folders
        .map(|it| it.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    Err(unknown(known).into())
}

/// Returns the kernels' name of a precision.
fn precision(listed: Listed) -> Precision {
    match listed {
        Listed::F32 => Precision::F32,
        Listed::W8a16 => Precision::W8A16,
        Listed::W8a8 => Precision::W8A8,
    }
}
