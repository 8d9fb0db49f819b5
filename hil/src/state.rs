//! Where the harness keeps what outlives a run.

use std::path::{Path, PathBuf};

use mambalite::atomic_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Variable that names the folder, for a farm that several users share.
pub const VARIABLE: &str = "HIL_STATE";

/// The folder of leases, golden firmware and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State(PathBuf);

impl State {
    /// Uses the folder `root`; it is made when something is written.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self(root)
    }

    /// Uses `$HIL_STATE`, else `mambalite` in the user's folder for state (XDG).
    ///
    /// # Errors
    /// [`Error::NoState`] where the environment has none of the variables.
    pub fn from_environment() -> Result<Self> {
        let folder = |name: &str| {
            let value = std::env::var_os(name).filter(|value| !value.is_empty());
            value.map(PathBuf::from)
        };
        folder(VARIABLE)
            .or_else(|| folder("XDG_STATE_HOME").map(|it| it.join("mambalite")))
            .or_else(|| folder("HOME").map(|it| it.join(".local/state/mambalite")))
            .map(Self)
            .ok_or(Error::NoState)
    }

    /// Returns the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Returns a folder in it, made where it is missing.
    ///
    /// # Errors
    /// [`Error::Write`] when it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).map_err(Error::write(&folder))?;
        Ok(folder)
    }
}

/// Returns a name of one path component for a rig: other characters than letters, digits, `-`, `.`
/// and `_` become `%` and their code, so that two rigs never share a file.
#[must_use]
pub fn file_name(rig: &str) -> String {
    let mut name = String::new();
    for (i, c) in rig.chars().enumerate() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' || (c == '.' && i > 0) {
            name.push(c);
        } else {
            name += &format!("%{:x}%", u32::from(c));
        }
    }
    name
}

/// Writes a file in one step: a reader sees the old one or the new one.
///
/// # Errors
/// [`Error::Write`] when the disk does not take it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    atomic_file::write(path, |out| out.write_all(bytes)).map_err(|error| match error {
        mambalite::Error::Write { path, cause } => Error::Write { path, cause },
        other => other.into(),
    })
}

/// Writes a value as JSON, in one step.
///
/// # Errors
/// As [`write`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_vec_pretty(value).map_err(|error| Error::Report {
        cause: error.to_string(),
    })?;
    write(path, &text)
}

/// Reads a value that [`write_json`] wrote; nothing where there is none, or an unreadable one.
#[must_use]
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = std::fs::read(path).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_distinct_and_plain() {
        let names = ["a/b", "a%b", "..", "a b", "a-b", ".a", "ä", "%2f%", "/"].map(file_name);
        for (i, name) in names.iter().enumerate() {
            assert!(!name.contains('/') && !name.starts_with('.'), "{name}");
            assert!(!names[..i].contains(name), "{name}");
        }
        assert_eq!(file_name("nucleo-h7_1.b"), "nucleo-h7_1.b");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().join("a/b"));
        let path = state.folder("c").unwrap().join("d");
        write_json(&path, &vec![1, 2]).unwrap();
        assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), [1, 2]);
        assert_eq!(read_json::<String>(&path), None);
        assert_eq!(
            std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1
        );
    }
}
