//! A new board: its folder in `firmware/boards`, from a chip's data and a template or another board.

mod chip;
mod write;

use std::path::PathBuf;

use crate::board::Boards;
use crate::error::Result;

pub use chip::{Chip, Memory, known};

/// Why there is no new board.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The name is none of a package.
    #[error(
        "name a board `{name}`: it is the name of a package; begin with a small letter, go on with \
         small letters, digits and `-`, as in `acme-board1`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A board of the name is there.
    #[error("make the board `{name}`: `{}` is there already; choose another name", path.display())]
    Exists {
        /// The name.
        name: String,
        /// Its folder.
        path: PathBuf,
    },
    /// The chip is not in the table.
    #[error(
        "make a board with chip `{chip}`: not known; known are {}. For another state its memory: \
         --flash 0x08000000:512K --ram 0x20000000:128K --target thumbv7em-none-eabihf; \
         or start from a board that has the chip, of `hil boards list`: --from BOARD",
        known.join(", ")
    )]
    UnknownChip {
        /// The chip.
        chip: String,
        /// Those that are.
        known: Vec<String>,
    },
    /// No start-up code is there for the target.
    #[error("build for `{target}`: there is no template; there are {}", chip::TARGETS.map(|it| it.0).join(", "))]
    Target {
        /// The target.
        target: String,
    },
    /// The memory is too small to divide.
    #[error("divide the {what} of {length} bytes: the firmware needs {needed}")]
    TooSmall {
        /// `flash` or `RAM`.
        what: &'static str,
        /// Bytes there are.
        length: u32,
        /// Least bytes.
        needed: u32,
    },
    /// The board to begin with cannot be one.
    #[error("begin with the board `{board}`: {cause}")]
    From {
        /// The board.
        board: String,
        /// Why not.
        cause: String,
    },
}

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Name of the board.
    pub name: &'a str,
    /// Name of the chip, for people.
    pub chip_name: &'a str,
    /// Its data.
    pub chip: Chip,
    /// The board whose program and peripherals it begins with; a template through the debug probe
    /// where there is none.
    pub from: Option<&'a str>,
}

/// A board that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its folder.
    pub folder: PathBuf,
    /// Whether its firmware has the operator checks; a small flash has no room for them.
    pub has_checks: bool,
    /// Whether it has every number format; a still smaller one has room for w8a8 only.
    pub has_all: bool,
}

/// Makes the folder of a board, whole or not at all. It is a member of the firmware's workspace by
/// its place, and `hil boards list` shows it.
///
/// # Errors
/// [`Error::Scaffold`](crate::Error::Scaffold) with what is wrong and the mend,
/// [`Error::Read`](crate::Error::Read) and [`Error::Write`](crate::Error::Write).
pub fn make(boards: &Boards, order: &Order<'_>) -> Result<Made> {
    let name = order.name;
    let small = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    let begins = name.starts_with(|it: char| it.is_ascii_lowercase());
    if !begins || !name.bytes().all(small) || name.ends_with('-') {
        let name = name.to_owned();
        return Err(ScaffoldError::Name { name }.into());
    }
    let folder = boards.folder(name);
    if folder.exists() {
        return Err(ScaffoldError::Exists {
            name: name.to_owned(),
            path: folder,
        }
        .into());
    }
    write::write(boards, order, folder)
}
