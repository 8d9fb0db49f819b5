//! What was found night after night, in one SQLite file, and whether tonight is worse.
//!
//! A run is recorded in one transaction (write-ahead log, full synchronisation): after a kill at
//! any moment it is there whole or not at all. Beside the file lie the firmware images of the
//! runs, for [`bisect`].

pub mod bisect;
mod bmf;
mod compare;
mod digests;
mod measure;
mod query;
mod record;
mod schema;
mod store;
mod subject;
mod thresholds;
mod trend;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{EXIT_BUG, EXIT_INPUT, EXIT_MISMATCH, EXIT_NOTHING, EXIT_PASS, Error, Result};
use crate::firmware::Image;
use crate::report::RunReport;
use crate::state::State;

pub use bmf::bmf;
pub use compare::Regression;
pub(crate) use compare::plain;
pub use digests::Digest;
pub use measure::{Better, Measure};
pub use query::{Filter, Point, Series};
pub use store::Store;
pub use subject::Subject;
pub use thresholds::{Test, Thresholds};
pub use trend::{plot, spark, sparkline};

/// How long a second `hil` waits for the first one's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Nights in a trend of the report.
const TREND_LEN: usize = 30;

/// What can be wrong with a history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// The database cannot be used.
    #[error("use the history `{}`: {cause}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The words of SQLite.
        cause: rusqlite::Error,
    },
    /// A later version of the program wrote it.
    #[error(
        "use the history `{}`: it has schema {found}, this program knows {known}; use a newer `hil` \
         or another file with --history",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Schema of the file.
        found: i64,
        /// Newest schema known.
        known: i64,
    },
    /// The thresholds cannot be used.
    #[error("read the thresholds `{}`: {cause}", path.display())]
    Thresholds {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// No run answers the question.
    #[error("look into the history: {what}; see `hil history`")]
    Nothing {
        /// What was looked for.
        what: String,
    },
    /// The image is no longer in the store, or damaged.
    #[error("take firmware `{sha256}` from the store: {cause}")]
    Firmware {
        /// SHA-256 of the ELF file, hex.
        sha256: String,
        /// What is wrong.
        cause: String,
    },
    /// The ends of a bisection are not what they should be.
    #[error("bisect: {cause}")]
    Bisect {
        /// What is wrong.
        cause: String,
    },
    /// The judge of a bisection failed.
    #[error("bisect: run `{command}`: {cause}")]
    Judge {
        /// The command line.
        command: String,
        /// What happened.
        cause: String,
    },
    /// The picture of a trend cannot be drawn.
    #[error("draw the trend: {cause}")]
    Plot {
        /// What went wrong.
        cause: String,
    },
}

impl HistoryError {
    /// Returns the exit code of a command that ended with this error.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Newer { .. }
            | Self::Thresholds { .. }
            | Self::Database { .. }
            | Self::Judge { .. } => EXIT_INPUT,
            Self::Nothing { .. } | Self::Firmware { .. } | Self::Bisect { .. } => EXIT_NOTHING,
            Self::Plot { .. } => EXIT_BUG,
        }
    }
}

/// The history of a bench.
#[derive(Debug)]
pub struct History {
    path: PathBuf,
    connection: Connection,
}

impl History {
    /// Returns where the history lies unless another place is named: in the state.
    ///
    /// # Errors
    /// [`Error::NoState`].
    pub fn default_path() -> Result<PathBuf> {
        Ok(State::from_environment()?.root().join("history.sqlite"))
    }

    /// Opens the history at `path`; makes it, with its folder, where there is none.
    ///
    /// # Errors
    /// [`HistoryError::Database`], [`HistoryError::Newer`], [`Error::Write`] for the folder.
    pub fn open(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::write(folder))?;
        }
        let fail = |cause| HistoryError::Database {
            path: path.to_owned(),
            cause,
        };
        let mut connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        schema::prepare(&mut connection, path)?;
        Ok(Self {
            path: path.to_owned(),
            connection,
        })
    }

    /// Returns the store of firmware images that belongs to the history.
    #[must_use]
    pub fn store(&self) -> Store {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        Store::new(folder.join("elf"))
    }

    fn fail(&self, cause: rusqlite::Error) -> Error {
        Error::History(HistoryError::Database {
            path: self.path.clone(),
            cause,
        })
    }
}

/// Ends a run: compares it with the nights before, records it, keeps its firmware, prunes the
/// store. The regressions are put into `report`; the trends returned end with this run.
///
/// Call it once, before the report is written. A run that was recorded before is not recorded
/// twice.
///
/// # Errors
/// Those of [`History::open`], [`History::compare`], [`History::record`] and [`Store::put`].
pub fn close(
    history: &Path,
    thresholds: &Thresholds,
    report: &mut RunReport,
    images: &[&Image],
) -> Result<Vec<Series>> {
    let mut history = History::open(history)?;
    report.regressions = history.compare(report, thresholds)?;
    history.record(report)?;
    let store = history.store();
    for image in images {
        store.put(&image.elf)?;
    }
    history.prune(&store, thresholds.firmware_kept())?;
    history.trends(report)
}

/// Returns the exit code that regressions amount to: [`EXIT_MISMATCH`] where there are any.
#[must_use]
pub fn exit_code(regressions: &[Regression]) -> u8 {
    if regressions.is_empty() {
        EXIT_PASS
    } else {
        EXIT_MISMATCH
    }
}

#[cfg(test)]
pub(crate) mod tests;
