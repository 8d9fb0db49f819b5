//! The `board.toml` of a choice, and how its keys are set.

use mambalite_firmware_board_facts::Facts;
use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

use super::board::{Board, BoardFile};
use super::{FitError, Row};

/// Returns the board's file with arena, stack, precisions and model region of a choice; every other
/// line stays.
///
/// # Errors
/// [`FitError::NoFile`] for stated memory, [`FitError::Facts`] if the build of the firmware would
/// refuse what was made.
pub fn configuration(board: &Board, row: &Row) -> Result<String, FitError> {
    let file = board.file.as_ref().ok_or(FitError::NoFile)?;
    let BoardFile { path, text } = file;
    let facts = Facts::parse(text).map_err(|cause| FitError::Facts {
        path: path.clone(),
        cause,
    })?;
    let mut document: DocumentMut = text.parse().map_err(|cause| FitError::Edit {
        path: path.clone(),
        cause,
    })?;
    let root = document.as_table_mut();
    let division = &board.division;
    set(root, "arena-bytes", number(row.arena_bytes));
    if division.stack_bytes as u64 != facts.stack_bytes {
        set(root, "stack-bytes", number(division.stack_bytes));
    }
    let only = Array::from_iter([row.precision.as_str()]);
    set(root, "precisions", only);
    let address = facts.flash.origin as usize + division.program_bytes(row.kind);
    if let Some(model) = root.get_mut("model").and_then(Item::as_table_mut)
        && address as u64 != facts.model.address
    {
        set(model, "address", number(address));
        set(
            model,
            "capacity-bytes",
            number(division.model_bytes(row.kind)),
        );
    }
    let text = document.to_string();
    Facts::parse(&text).map_err(|cause| FitError::Facts {
        path: path.clone(),
        cause,
    })?;
    Ok(text)
}

/// Sets a key; what stands around an old value stays.
pub fn set(table: &mut Table, key: &str, new: impl Into<Value>) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = new.into();
            *old.decor_mut() = decor;
        }
        None => drop(table.insert(key, value(new))),
    }
}

/// Returns a number of bytes or an address in hexadecimal, as board files have them.
#[must_use]
pub fn number(bytes: usize) -> Value {
    let text = format!("{bytes:#x}");
    // It is a number of TOML; the decimal one is as right.
    text.parse().unwrap_or_else(|_| Value::from(bytes as i64))
}
