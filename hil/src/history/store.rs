//! Firmware images by their hash: `elf/<sha256>.elf` beside the history.

use std::path::PathBuf;

use mambalite::atomic_file;
use rusqlite::params;
use sha2::{Digest, Sha256};

use super::{History, HistoryError};
use crate::error::{Error, Result};

/// A folder of ELF files.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// Names the folder; it is made when the first image comes.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Returns where the image of this hash lies, or would.
    #[must_use]
    pub fn path(&self, sha256: &str) -> PathBuf {
        self.folder.join(format!("{sha256}.elf"))
    }

    /// Keeps an image, complete or not at all, and returns its hash.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Picture`] when the file cannot be written.
    pub fn put(&self, elf: &[u8]) -> Result<String> {
        let sha256 = hex::encode(Sha256::digest(elf));
        let path = self.path(&sha256);
        if !path.is_file() {
            std::fs::create_dir_all(&self.folder).map_err(Error::write(&self.folder))?;
            atomic_file::write(&path, |out| out.write_all(elf))?;
        }
        Ok(sha256)
    }

    /// Reports whether there is an image of this hash.
    #[must_use]
    pub fn has(&self, sha256: &str) -> bool {
        self.path(sha256).is_file()
    }

    /// Returns the file of an image after its hash was checked.
    ///
    /// # Errors
    /// [`HistoryError::Firmware`] when it is not there or is another one.
    pub fn verified(&self, sha256: &str) -> Result<PathBuf> {
        let fail = |cause: String| HistoryError::Firmware {
            sha256: sha256.to_owned(),
            cause,
        };
        let path = self.path(sha256);
        let elf = std::fs::read(&path).map_err(|error| fail(error.to_string()))?;
        if hex::encode(Sha256::digest(elf)) != sha256 {
            return Err(fail(format!("`{}` is damaged; remove it", path.display())).into());
        }
        Ok(path)
    }
}

impl History {
    /// Removes images from a store: of each board the newest `kept` by first appearance stay, and
    /// so does the newest that passed. Files of other names are left alone. Returns how many went.
    ///
    /// # Errors
    /// [`HistoryError::Database`], [`Error::Write`] when a file cannot be removed.
    pub fn prune(&self, store: &Store, kept: usize) -> Result<usize> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "WITH seen AS (
                    SELECT firmware.sha256, firmware.board, min(board_run.id) AS first,
                        max(CASE WHEN found IN ('pass', 'flaky') THEN board_run.id END) AS passed
                    FROM firmware JOIN board_run ON board_run.firmware = firmware.sha256
                    GROUP BY firmware.sha256),
                 ranked AS (
                    SELECT sha256,
                        row_number() OVER (PARTITION BY board ORDER BY first DESC) AS age,
                        passed IS NOT NULL AND passed = max(passed) OVER (PARTITION BY board) AS good
                    FROM seen)
                 SELECT sha256 FROM ranked WHERE age > ?1 AND NOT good",
            )?;
            let kept = i64::try_from(kept).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![kept], |row| row.get::<_, String>(0))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        let mut removed = 0;
        for sha256 in query().map_err(|cause| self.fail(cause))? {
            let path = store.path(&sha256);
            match std::fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::write(&path)(error)),
            }
        }
        Ok(removed)
    }
}
