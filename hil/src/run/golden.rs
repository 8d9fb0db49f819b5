//! What is known of rigs from runs before: the last firmware that passed, and rigs that did not
//! come back.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::state::{self, State, file_name};

/// Folder of the firmware in the state, one file for each kind of board.
const GOLDEN: &str = "golden";

/// Folder of the notes on rigs that are out of order.
const OUT_OF_ORDER: &str = "out-of-order";

/// A rig that did not come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfOrder {
    /// Since when, RFC 3339.
    pub since: String,
    /// What went wrong.
    pub cause: String,
}

/// Keeps firmware that passed on `board`.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn keep(state: &State, board: &Board, image: &Image) -> Result<()> {
    let path = path(state, board)?;
    // Most nights bring nothing new.
    if std::fs::read(&path).is_ok_and(|kept| kept == image.elf) {
        return Ok(());
    }
    state::write(&path, &image.elf)
}

/// Returns the firmware that passed last on boards of this kind, if it is another one than `image`.
pub(crate) fn other_than(state: &State, board: &Board, image: &Image) -> Option<Image> {
    let golden = Image::read(&path(state, board).ok()?).ok()?;
    (golden.elf != image.elf).then_some(golden)
}

fn path(state: &State, board: &Board) -> Result<PathBuf> {
    let name = format!("{}.elf", file_name(&board.name));
    Ok(state.folder(GOLDEN)?.join(name))
}

/// Notes that a rig did not come back.
///
/// # Errors
/// [`Error::Write`].
pub(super) fn mark(state: &State, rig: &str, cause: &str) -> Result<()> {
    let note = OutOfOrder {
        since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        cause: cause.to_owned(),
    };
    state.folder(OUT_OF_ORDER)?;
    state::write_json(&note_path(state, rig), &note)
}

/// Returns since when and why a rig is out of order; nothing where it is not.
#[must_use]
pub fn out_of_order(state: &State, rig: &str) -> Option<OutOfOrder> {
    state::read_json(&note_path(state, rig))
}

/// Forgets that a rig was out of order; false where it was not.
///
/// # Errors
/// [`Error::Write`].
pub fn clear(state: &State, rig: &str) -> Result<bool> {
    let path = note_path(state, rig);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::write(&path)(error)),
    }
}

/// Refuses a rig that is out of order, before the time for it is spent.
///
/// # Errors
/// [`Error::OutOfOrder`].
pub(super) fn refuse_out_of_order(state: &State, rig: &str) -> Result<()> {
    match out_of_order(state, rig) {
        None => Ok(()),
        Some(OutOfOrder { since, cause }) => Err(Error::OutOfOrder {
            rig: rig.to_owned(),
            since,
            cause,
        }),
    }
}

fn note_path(state: &State, rig: &str) -> PathBuf {
    let name = format!("{}.json", file_name(rig));
    state.root().join(OUT_OF_ORDER).join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rig_is_out_of_order_until_it_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        refuse_out_of_order(&state, "m7").unwrap();
        mark(&state, "m7", "it is silent").unwrap();
        let error = refuse_out_of_order(&state, "m7").unwrap_err().to_string();
        assert!(error.contains("it is silent"), "{error}");
        refuse_out_of_order(&state, "m4").unwrap();
        assert!(clear(&state, "m7").unwrap() && !clear(&state, "m7").unwrap());
        refuse_out_of_order(&state, "m7").unwrap();
    }
}
