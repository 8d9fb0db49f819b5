//! The tables, and how an older file becomes one of today.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::{BUSY_TIMEOUT, HistoryError};

/// One step for each version of the schema; `user_version` counts those done. A step that was
/// released is never changed.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    fingerprint BLOB NOT NULL UNIQUE,
    started TEXT NOT NULL,
    duration_s REAL NOT NULL,
    tool TEXT NOT NULL,
    command TEXT NOT NULL,
    verdict TEXT NOT NULL
) STRICT;
CREATE TABLE subject (
    id INTEGER PRIMARY KEY,
    rig TEXT NOT NULL,
    board TEXT NOT NULL,
    model TEXT NOT NULL,
    model_sha256 TEXT NOT NULL,
    precision TEXT NOT NULL,
    workload TEXT NOT NULL,
    UNIQUE (rig, board, model_sha256, precision, workload)
) STRICT;
CREATE TABLE firmware (
    sha256 TEXT PRIMARY KEY,
    board TEXT NOT NULL,
    build_id TEXT NOT NULL,
    flash_bytes INTEGER NOT NULL,
    revision TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE layer (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE vector_set (
    id INTEGER PRIMARY KEY,
    root BLOB NOT NULL UNIQUE,
    base_id INTEGER REFERENCES vector_set (id)
) STRICT;
CREATE TABLE vector_digest (
    set_id INTEGER NOT NULL REFERENCES vector_set (id) ON DELETE CASCADE,
    tile INTEGER NOT NULL,
    place INTEGER NOT NULL,
    layer_id INTEGER NOT NULL REFERENCES layer (id),
    digest INTEGER NOT NULL,
    PRIMARY KEY (set_id, tile, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE board_run (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    subject_id INTEGER NOT NULL REFERENCES subject (id),
    firmware TEXT REFERENCES firmware (sha256),
    verdict TEXT NOT NULL,
    found TEXT NOT NULL,
    stage TEXT,
    cause TEXT,
    vector_set_id INTEGER REFERENCES vector_set (id),
    accepted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX board_run_subject ON board_run (subject_id, id);
CREATE INDEX board_run_run ON board_run (run_id);
CREATE TABLE attempt (
    board_run_id INTEGER NOT NULL REFERENCES board_run (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    stage TEXT NOT NULL,
    verdict TEXT NOT NULL,
    cause TEXT NOT NULL,
    PRIMARY KEY (board_run_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE measurement (
    board_run_id INTEGER NOT NULL REFERENCES board_run (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    unit TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (board_run_id, name)
) STRICT, WITHOUT ROWID;
"];

/// Time between two attempts to switch the write-ahead log on.
const AGAIN: Duration = Duration::from_millis(10);

/// Newest schema known.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// Brings a database to today's schema, in one transaction.
pub(super) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), HistoryError> {
    let fail = |cause| HistoryError::Database {
        path: path.to_owned(),
        cause,
    };
    use_write_ahead_log(connection).map_err(fail)?;
    let pragmas = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";
    connection.execute_batch(pragmas).map_err(fail)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(fail)?;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(fail)?;
    if found > VERSION {
        return Err(HistoryError::Newer {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    let done = usize::try_from(found).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step).map_err(fail)?;
    }
    transaction
        .pragma_update(None, "user_version", VERSION)
        .map_err(fail)?;
    transaction.commit().map_err(fail)
}

/// Switches the write-ahead log on. SQLite's own time-out does not hold for that: where several programs
/// make a database at once, all but the first are refused and have to ask again.
fn use_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL;") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => thread::sleep(AGAIN),
            outcome => return outcome,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}
