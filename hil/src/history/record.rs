//! A run goes into the history.

use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{History, Measure, Subject, digests};
use crate::error::{Error, Result};
use crate::report::{BoardReport, RunReport};

impl History {
    /// Records a run, whole or not at all, and returns its number; a run that is there already
    /// keeps the number it has.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database), [`Error::Report`].
    pub fn record(&mut self, report: &RunReport) -> Result<i64> {
        let text = serde_json::to_vec(report).map_err(|cause| Error::Report {
            cause: cause.to_string(),
        })?;
        let fingerprint: [u8; 32] = Sha256::digest(text).into();
        let write = |connection: &mut rusqlite::Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let run_id = record(&transaction, report, &fingerprint)?;
            transaction.commit()?;
            Ok(run_id)
        };
        write(&mut self.connection).map_err(|cause| self.fail(cause))
    }

    /// Makes the latest run of each subject of a rig the one that later ones are held against.
    /// Returns how many subjects that are.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database).
    pub fn accept(&mut self, rig: &str) -> Result<usize> {
        let latest = "UPDATE board_run SET accepted = 1 WHERE id IN (
            SELECT max(board_run.id) FROM board_run JOIN subject ON subject.id = subject_id
            WHERE rig = ?1 AND found IN ('pass', 'flaky') GROUP BY subject_id)";
        let changed = self.connection.execute(latest, [rig]);
        changed.map_err(|cause| self.fail(cause))
    }
}

fn record(
    to: &Transaction<'_>,
    report: &RunReport,
    fingerprint: &[u8; 32],
) -> rusqlite::Result<i64> {
    let there = to
        .query_row(
            "SELECT id FROM run WHERE fingerprint = ?1",
            [fingerprint],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(run_id) = there {
        return Ok(run_id);
    }
    to.execute(
        "INSERT INTO run (fingerprint, started, duration_s, tool, command, verdict)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            fingerprint,
            report.started,
            report.duration_s,
            report.tool,
            report.command,
            word(report.verdict)
        ],
    )?;
    let run_id = to.last_insert_rowid();
    for board in &report.boards {
        record_board(to, run_id, board)?;
    }
    Ok(run_id)
}

fn record_board(to: &Transaction<'_>, run_id: i64, report: &BoardReport) -> rusqlite::Result<()> {
    let subject_id = subject_id(to, &Subject::of(report))?;
    if let Some(firmware) = &report.firmware {
        to.execute(
            "INSERT INTO firmware (sha256, board, build_id, flash_bytes, revision)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (sha256) DO UPDATE SET revision = coalesce(revision, excluded.revision)",
            params![
                firmware.sha256,
                report.board.name,
                firmware.build_id,
                i64::try_from(firmware.flash_bytes).unwrap_or(i64::MAX),
                firmware.revision
            ],
        )?;
    }
    let found = report.quarantine.as_ref().map(|it| it.found);
    let failure = report.failure.as_ref();
    to.execute(
        "INSERT INTO board_run
             (run_id, subject_id, firmware, verdict, found, stage, cause, vector_set_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            run_id,
            subject_id,
            report.firmware.as_ref().map(|it| &it.sha256),
            word(report.verdict),
            word(found.unwrap_or(report.verdict)),
            failure.map(|it| word(it.stage)),
            failure.map(|it| &it.cause),
            digests::keep(to, subject_id, &digests::of(report))?
        ],
    )?;
    let board_run_id = to.last_insert_rowid();
    for (number, attempt) in report.attempts.iter().enumerate() {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        let (stage, verdict) = (word(attempt.stage), word(attempt.verdict));
        to.execute(
            "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5)",
            params![board_run_id, number, stage, verdict, attempt.cause],
        )?;
    }
    for measure in Measure::ALL {
        if let Some(value) = measure.of(report) {
            to.execute(
                "INSERT INTO measurement VALUES (?1, ?2, ?3, ?4)",
                params![board_run_id, measure.name, measure.unit, value],
            )?;
        }
    }
    Ok(())
}

fn subject_id(to: &Transaction<'_>, subject: &Subject) -> rusqlite::Result<i64> {
    let key = params![
        subject.rig,
        subject.board,
        subject.model,
        subject.model_sha256,
        subject.precision,
        subject.workload
    ];
    to.query_row(
        "INSERT INTO subject (rig, board, model, model_sha256, precision, workload)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET model = excluded.model RETURNING id",
        key,
        |row| row.get(0),
    )
}

/// Returns the word that stands in the files, as `control-missed`.
pub(super) fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        // Verdicts and stages are words; nothing else is given to this function.
        other => format!("{other:?}"),
    }
}
