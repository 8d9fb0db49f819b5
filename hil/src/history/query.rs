//! Questions to the history.

use std::collections::BTreeMap;

use rusqlite::{Row, named_params};
use serde::Serialize;

use super::{History, Measure, Subject, TREND_LEN};
use crate::error::Result;
use crate::report::RunReport;

/// Which part of the history is wanted; nothing means all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Name of a rig.
    pub rig: Option<String>,
    /// Name of a board.
    pub board: Option<String>,
    /// Name of a measure.
    pub measure: Option<String>,
    /// The newest so many values of each series.
    pub last: Option<usize>,
}

/// One measure of one subject, night after night.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What was measured.
    pub subject: Subject,
    /// Name of the measure.
    pub measure: String,
    /// Unit, empty for a count.
    pub unit: String,
    /// The values, the oldest first.
    pub points: Vec<Point>,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// Number of the run.
    pub run: i64,
    /// Begin of the run, RFC 3339.
    pub started: String,
    /// The value.
    pub value: f64,
    /// How the run of the board ended, as `pass`; what a quarantine hides is shown.
    pub verdict: String,
    /// Whether later runs are held against this one and those after it only.
    pub accepted: bool,
    /// SHA-256 of the firmware's ELF file, hex.
    pub firmware: Option<String>,
    /// Git's description of the firmware's source.
    pub revision: Option<String>,
}

impl History {
    /// Returns the series that a filter lets through, by subject, measures in their order.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database).
    pub fn series(&self, filter: &Filter) -> Result<Vec<Series>> {
        self.query(filter).map_err(|cause| self.fail(cause))
    }

    fn query(&self, filter: &Filter) -> rusqlite::Result<Vec<Series>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT * FROM (
                SELECT rig, subject.board, model, model_sha256, precision, workload, name, unit,
                    run_id, started, value, found, accepted, firmware, revision, board_run.id AS board_run_id,
                    row_number() OVER (
                        PARTITION BY subject_id, name ORDER BY board_run.id DESC) AS age
                FROM measurement
                JOIN board_run ON board_run.id = measurement.board_run_id
                JOIN subject ON subject.id = subject_id
                JOIN run ON run.id = run_id
                LEFT JOIN firmware ON firmware.sha256 = firmware
                WHERE rig = coalesce(:rig, rig) AND subject.board = coalesce(:board, subject.board)
                    AND name = coalesce(:measure, name))
             WHERE age <= :last ORDER BY board_run_id",
        )?;
        let last = filter.last.and_then(|last| i64::try_from(last).ok());
        let mut rows = statement.query(named_params! {
            ":rig": filter.rig, ":board": filter.board, ":measure": filter.measure,
            ":last": last.unwrap_or(i64::MAX),
        })?;
        let mut found = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let (subject, measure, unit, point) = parse(row)?;
            let order = Measure::ALL.iter().position(|it| it.name == measure);
            let key = (subject, order.unwrap_or(usize::MAX), measure);
            let (_, points) = found.entry(key).or_insert((unit, Vec::new()));
            points.push(point);
        }
        let series = found
            .into_iter()
            .map(|((subject, _, measure), (unit, points))| Series {
                subject,
                measure,
                unit,
                points,
            });
        Ok(series.collect())
    }

    /// Returns the series of what a run measured, for its page.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database).
    pub fn trends(&self, report: &RunReport) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for board in &report.boards {
            let subject = Subject::of(board);
            let filter = Filter {
                rig: Some(subject.rig.clone()),
                last: Some(TREND_LEN),
                ..Filter::default()
            };
            let series = self.series(&filter)?;
            all.extend(series.into_iter().filter(|it| it.subject == subject));
        }
        Ok(all)
    }
}

fn parse(row: &Row<'_>) -> rusqlite::Result<(Subject, String, String, Point)> {
    let subject = Subject {
        rig: row.get("rig")?,
        board: row.get("board")?,
        model: row.get("model")?,
        model_sha256: row.get("model_sha256")?,
        precision: row.get("precision")?,
        workload: row.get("workload")?,
    };
    let point = Point {
        run: row.get("run_id")?,
        started: row.get("started")?,
        value: row.get("value")?,
        verdict: row.get("found")?,
        accepted: row.get("accepted")?,
        firmware: row.get("firmware")?,
        revision: row.get("revision")?,
    };
    Ok((subject, row.get("name")?, row.get("unit")?, point))
}
