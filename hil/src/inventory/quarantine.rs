//! Quarantine: whether it holds, and changing it in the file.

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use mambalite::atomic_file;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Value};

use super::file::read_file;
use super::{Inventory, InventoryError, Quarantine};
use crate::board::Boards;
use crate::error::{Error, Result};

/// Returns the day it is in UTC: a quarantine ends everywhere at once.
#[must_use]
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Reads a day as `2026-12-31`.
///
/// # Errors
/// [`InventoryError::Date`] when it is none.
pub fn day(text: &str) -> Result<Date, InventoryError> {
    text.parse()
        .map_err(|cause: jiff::Error| InventoryError::Date {
            text: text.to_owned(),
            cause: cause.to_string(),
        })
}

impl Quarantine {
    /// Returns the last day on which it holds.
    ///
    /// # Errors
    /// [`InventoryError::Date`] when `expires` is none.
    pub fn last_day(&self) -> Result<Date, InventoryError> {
        day(&self.expires)
    }

    /// Reports whether it holds on a day; one without an end that can be read never does.
    #[must_use]
    pub fn is_active(&self, today: Date) -> bool {
        self.last_day().is_ok_and(|last| today <= last)
    }
}

impl Inventory {
    /// Puts a rig of this file in quarantine, or takes it out with `None`. Comments and order of
    /// the file stay; it is replaced as a whole, and only by one that can be read.
    ///
    /// # Errors
    /// [`InventoryError::UnknownRig`]; [`InventoryError::Past`] for an end before `today`;
    /// [`InventoryError::NoQuarantine`]; [`Error::File`] when the file is faulty, or would be.
    pub fn set_quarantine(
        &self,
        name: &str,
        quarantine: Option<&Quarantine>,
        boards: &Boards,
        today: Date,
    ) -> Result<()> {
        self.select(&[name.to_owned()], &[])?;
        if let Some(quarantine) = quarantine
            && quarantine.last_day()? < today
        {
            return Err(InventoryError::Past {
                name: name.to_owned(),
                expires: quarantine.expires.clone(),
            }
            .into());
        }
        let text = read_file(&self.path)?;
        let changed = edit(&self.path, &text, name, quarantine)?;
        Self::parse(&self.path, &changed, boards, today)?;
        atomic_file::write(&self.path, |out| {
            std::io::Write::write_all(out, changed.as_bytes())
        })?;
        Ok(())
    }
}

/// Returns the file's text with the quarantine of one rig changed.
fn edit(path: &Path, text: &str, name: &str, quarantine: Option<&Quarantine>) -> Result<String> {
    let mut file: DocumentMut = text
        .parse()
        .map_err(|cause| Error::read(path)(std::io::Error::other(cause)))?;
    let rigs = file.get_mut("rig").and_then(Item::as_array_of_tables_mut);
    let is_it =
        |table: &&mut toml_edit::Table| table.get("name").and_then(Item::as_str) == Some(name);
    let rig = rigs
        .into_iter()
        .flat_map(ArrayOfTables::iter_mut)
        .find(is_it);
    let unknown = || InventoryError::UnknownRig {
        name: name.to_owned(),
        nearest: None,
        known: Vec::new(),
    };
    let rig = rig.ok_or_else(unknown)?;
    match quarantine {
        Some(quarantine) => {
            let mut words = InlineTable::new();
            words.insert("reason", Value::from(&quarantine.reason));
            words.insert("owner", Value::from(&quarantine.owner));
            if let Some(issue) = &quarantine.issue {
                words.insert("issue", Value::from(issue));
            }
            words.insert("expires", Value::from(&quarantine.expires));
            rig.insert("quarantine", Item::Value(words.into()));
        }
        None if rig.remove("quarantine").is_none() => {
            let name = name.to_owned();
            return Err(InventoryError::NoQuarantine { name }.into());
        }
        None => {}
    }
    Ok(file.to_string())
}
