//! The report of a run: JSON, JSON lines and JUnit XML for programs, one self-contained HTML page
//! and a summary in five lines for people.

mod data;
mod html;
mod json;
mod junit;
mod lines;
mod rebuild;
mod sensors;
mod summary;

use std::path::{Path, PathBuf};

use mambalite::picture::Picture;

use crate::error::{Error, Result};
use crate::history::Series;

pub use data::{
    BoardFacts, BoardReport, ControlReport, DeviceFacts, Difference, Executor, Failure,
    FirmwareFacts, JobReport, LayerReport, Memory, ModelFacts, PictureReport, Position,
    QuarantineReport, Rect, RunReport, SCHEMA, Scores,
};
pub use html::certificate as certificate_page;
pub use html::crash_card;
pub use html::energy as energy_card;
pub use json::read;
pub use sensors::{ReadingReport, SensorReport};

/// Name of the JSON file.
pub(crate) const JSON_FILE: &str = "report.json";
/// Name of the HTML file.
const HTML_FILE: &str = "report.html";
/// Name of the file for build servers.
const JUNIT_FILE: &str = "junit.xml";
/// Name of the JSON lines.
const LINES_FILE: &str = "results.jsonl";
/// Names of the five lines for a chat, plain and in Markdown.
const SUMMARY_FILES: [&str; 2] = ["summary.txt", "summary.md"];

/// The pictures that belong to one [`PictureReport`]; they go into the page, not into the JSON.
#[derive(Debug, Clone)]
pub struct Images {
    /// Index into [`RunReport::boards`].
    pub board_idx: usize,
    /// Index into [`BoardReport::pictures`].
    pub picture_idx: usize,
    /// What was sent.
    pub lr: Picture,
    /// What the board made of it.
    pub sr: Picture,
    /// What the host's reference made of it; the shape of `sr`.
    pub reference: Picture,
    /// Plain bicubic magnification; the shape of `sr`.
    pub bicubic: Picture,
}

/// The files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// For programs.
    pub json: PathBuf,
    /// For people.
    pub html: PathBuf,
    /// For build servers: JUnit XML.
    pub junit: PathBuf,
    /// For scripts: one JSON object a board and precision.
    pub lines: PathBuf,
    /// For a chat: five lines.
    pub summary: PathBuf,
    /// The same in Markdown.
    pub summary_markdown: PathBuf,
}

/// Writes the files of a report into `dir`, each complete or not at all, without trends.
///
/// # Errors
/// Those of [`write_with_trends`].
pub fn write(dir: &Path, report: &RunReport, images: &[Images]) -> Result<Paths> {
    write_with_trends(dir, report, images, &[])
}

/// Writes `report.json`, `report.html`, `junit.xml`, `results.jsonl`, `summary.txt` and
/// `summary.md` into `dir`, each complete or not at all. `trends` are those of
/// [`history::close`](crate::history::close).
///
/// The page needs no other file and no network. Pictures of another shape than their
/// neighbours are shown without a difference.
///
/// # Errors
/// [`Error::Write`] when `dir` cannot be made, [`Error::Picture`] when a file cannot be written
/// or a picture cannot be encoded, [`Error::Report`] when JSON or XML cannot be made.
pub fn write_with_trends(
    dir: &Path,
    report: &RunReport,
    images: &[Images],
    trends: &[Series],
) -> Result<Paths> {
    std::fs::create_dir_all(dir).map_err(Error::write(dir))?;
    let [summary, summary_markdown] = SUMMARY_FILES.map(|name| dir.join(name));
    let paths = Paths {
        json: dir.join(JSON_FILE),
        html: dir.join(HTML_FILE),
        junit: dir.join(JUNIT_FILE),
        lines: dir.join(LINES_FILE),
        summary,
        summary_markdown,
    };
    // The JSON first: from it the others can be made again.
    json::write(&paths.json, report)?;
    junit::write(&paths.junit, report)?;
    lines::write(&paths.lines, report)?;
    summary::write(&paths.summary, &paths.summary_markdown, report)?;
    html::write(&paths.html, report, images, trends)?;
    Ok(paths)
}

/// Makes the files of an earlier run again from its `report.json` in `dir`, with the pictures
/// that are still there.
///
/// # Errors
/// Those of [`read`] and [`write_with_trends`].
pub fn rebuild(
    dir: &Path,
    trends: impl FnOnce(&RunReport) -> Result<Vec<Series>>,
) -> Result<(RunReport, Paths)> {
    let report = read(&dir.join(JSON_FILE))?;
    let trends = trends(&report)?;
    let paths = write_with_trends(dir, &report, &rebuild::images(dir, &report), &trends)?;
    Ok((report, paths))
}

#[cfg(test)]
pub(crate) mod tests;
