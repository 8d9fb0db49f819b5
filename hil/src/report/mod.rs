//! The report of a run: a JSON file for programs and one self-contained HTML page for people.

mod data;
mod html;
mod json;
mod sensors;

use std::path::{Path, PathBuf};

use mambalite::picture::Picture;

use crate::error::{Error, Result};

pub use data::{
    BoardFacts, BoardReport, ControlReport, DeviceFacts, Difference, Executor, Failure, JobReport,
    LayerReport, Memory, ModelFacts, PictureReport, Position, QuarantineReport, Rect, RunReport,
    SCHEMA, Scores,
};
pub use html::energy as energy_card;
pub use sensors::{ReadingReport, SensorReport};

/// Name of the JSON file.
const JSON_FILE: &str = "report.json";
/// Name of the HTML file.
const HTML_FILE: &str = "report.html";

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
}

/// Writes `report.json` and `report.html` into `dir`, each complete or not at all.
///
/// The page needs no other file and no network. Pictures of another shape than their
/// neighbours are shown without a difference.
///
/// # Errors
/// [`Error::Write`] when `dir` cannot be made, [`Error::Picture`] when a file cannot be written
/// or a picture cannot be encoded, [`Error::Report`] when the JSON cannot be made.
pub fn write(dir: &Path, report: &RunReport, images: &[Images]) -> Result<Paths> {
    std::fs::create_dir_all(dir).map_err(Error::write(dir))?;
    let paths = Paths {
        json: dir.join(JSON_FILE),
        html: dir.join(HTML_FILE),
    };
    json::write(&paths.json, report)?;
    html::write(&paths.html, report, images)?;
    Ok(paths)
}

#[cfg(test)]
mod tests;
