//! The report as JSON lines, `results.jsonl`: one object for each board and precision, without
//! layers and log. The keys are described in `docs/nightly.md`.

use std::collections::BTreeMap;
use std::path::Path;

use mambalite::atomic_file;
use serde::Serialize;

use super::{BoardReport, Difference, Failure, FirmwareFacts, RunReport};
use crate::error::{Error, Result};
use crate::history::Measure;
use crate::verdict::Verdict;

/// Version of the lines; grows when a key changes its meaning or goes away.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    kind: &'static str,
    started: &'a str,
    rig: &'a str,
    board: &'a str,
    model: &'a str,
    precision: &'a str,
    verdict: Verdict,
    /// What it would have been without the quarantine.
    found: Verdict,
    failure: Option<&'a Failure>,
    attempts: usize,
    tiles: usize,
    tiles_equal: usize,
    layers: usize,
    layers_equal: usize,
    faults: usize,
    faults_caught: usize,
    first_difference: Option<&'a Difference>,
    firmware: Option<&'a FirmwareFacts>,
    measures: BTreeMap<&'static str, Value>,
    regressions: Vec<&'a str>,
}

#[derive(Serialize)]
struct Value {
    value: f64,
    unit: &'static str,
}

/// Writes the file.
pub(super) fn write(path: &Path, report: &RunReport) -> Result<()> {
    let text = render(report)?;
    atomic_file::write(path, |out| out.write_all(text.as_bytes()))?;
    Ok(())
}

pub(super) fn render(report: &RunReport) -> Result<String> {
    let mut text = String::new();
    for board in &report.boards {
        let line = serde_json::to_string(&line(report, board)).map_err(|cause| Error::Report {
            cause: cause.to_string(),
        })?;
        text += &line;
        text.push('\n');
    }
    Ok(text)
}

fn line<'a>(report: &'a RunReport, board: &'a BoardReport) -> Line<'a> {
    let layers = || board.jobs.iter().flat_map(|job| &job.layers);
    let measures = Measure::ALL.iter().filter_map(|it| {
        let value = it.of(board)?;
        let unit = it.unit;
        Some((it.name, Value { value, unit }))
    });
    let regressions = report.regressions.iter().filter(|it| {
        (&it.rig, &it.precision) == (&board.rig, &board.model.precision)
            && it.model == board.model.name
    });
    Line {
        schema: SCHEMA,
        kind: "board",
        started: &report.started,
        rig: &board.rig,
        board: &board.board.name,
        model: &board.model.name,
        precision: &board.model.precision,
        verdict: board.verdict,
        found: board
            .quarantine
            .as_ref()
            .map_or(board.verdict, |it| it.found),
        failure: board.failure.as_ref(),
        attempts: board.attempts.len() + 1,
        tiles: board.jobs.len(),
        tiles_equal: board.jobs.iter().filter(|job| job.is_equal()).count(),
        layers: layers().count(),
        layers_equal: layers().filter(|it| it.equal).count(),
        faults: board.controls.len(),
        faults_caught: board.controls.iter().filter(|it| it.caught).count(),
        first_difference: board.first_difference.as_ref(),
        firmware: board.firmware.as_ref(),
        measures: measures.collect(),
        regressions: regressions.map(|it| it.measure.as_str()).collect(),
    }
}
