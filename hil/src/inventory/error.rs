//! What goes wrong with an inventory besides faults in its files.

use std::path::PathBuf;

use crate::error::{EXIT_INPUT, EXIT_NOTHING};

/// An inventory without what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// There is no rig of this name.
    #[error(
        "find rig `{name}`: no such rig{}; there are: {}",
        nearest.as_ref().map_or(String::new(), |near| format!(", did you mean `{near}`?")),
        known.join(", ")
    )]
    UnknownRig {
        /// The name asked for.
        name: String,
        /// A name much like it.
        nearest: Option<String>,
        /// The names there are.
        known: Vec<String>,
    },
    /// No rig has a board of this kind, or several have.
    #[error(
        "find the rig of board `{board}`: {}",
        if rigs.is_empty() {
            format!(
                "none has one; plug it in and run `hil boards scan --board {board} > hil/rigs/{board}.toml`"
            )
        } else {
            format!("name one of {}", rigs.join(", "))
        }
    )]
    NotOneRig {
        /// The board.
        board: String,
        /// The rigs that have one.
        rigs: Vec<String>,
    },
    /// No rig has all of the tags.
    #[error("find rigs with the tags {}: none has them all", tags.join(", "))]
    NoRigs {
        /// The tags asked for.
        tags: Vec<String>,
    },
    /// There is no file of rigs at all.
    #[error(
        "find a bench: `{}` has no file for this computer; write one from what `hil boards scan` prints",
        folder.display()
    )]
    NoBench {
        /// The folder looked into.
        folder: PathBuf,
    },
    /// There is no bench of this name.
    #[error(
        "find bench `{name}`: neither a file nor one of `{}`, which has: {}",
        folder.display(),
        known.join(", ")
    )]
    UnknownBench {
        /// The name or path asked for.
        name: String,
        /// The folder looked into.
        folder: PathBuf,
        /// The names there are.
        known: Vec<String>,
    },
    /// A rig is not in quarantine.
    #[error("lift the quarantine of `{name}`: it has none")]
    NoQuarantine {
        /// The rig.
        name: String,
    },
    /// A date is none.
    #[error("read the date `{text}`: {cause}; write it as 2026-12-31")]
    Date {
        /// What was given.
        text: String,
        /// What is wrong.
        cause: String,
    },
    /// A quarantine would end before it begins.
    #[error("put `{name}` in quarantine until {expires}: that is past; name a later day")]
    Past {
        /// The rig.
        name: String,
        /// The last day.
        expires: String,
    },
}

impl InventoryError {
    /// Returns the exit code of a command that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoRigs { .. } | Self::NoBench { .. } => EXIT_NOTHING,
            _ => EXIT_INPUT,
        }
    }
}
