//! The report as JSON.

use std::path::Path;

use mambalite::atomic_file;

use super::{RunReport, SCHEMA};
use crate::error::{Error, Result};

/// Writes the report as indented JSON with a final newline.
pub(super) fn write(path: &Path, report: &RunReport) -> Result<()> {
    let text = render(report)?;
    atomic_file::write(path, |out| out.write_all(text.as_bytes()))?;
    Ok(())
}

fn render(report: &RunReport) -> Result<String> {
    let mut text = serde_json::to_string_pretty(report).map_err(|cause| Error::Report {
        cause: cause.to_string(),
    })?;
    text.push('\n');
    Ok(text)
}

/// Reads the report of an earlier run.
///
/// # Errors
/// [`Error::Read`], or [`Error::ReportFile`] when it is no report or one of another schema.
pub fn read(path: &Path) -> Result<RunReport> {
    /// What is looked at first: a report of another schema has other keys.
    #[derive(serde::Deserialize)]
    struct Head {
        schema: u32,
    }
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    let fail = |cause: String| Error::ReportFile {
        path: path.to_owned(),
        cause,
    };
    let head: Head = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    if head.schema != SCHEMA {
        let cause = format!("its schema is {}, this program knows {SCHEMA}", head.schema);
        return Err(fail(cause));
    }
    serde_json::from_str(&text).map_err(|error| fail(error.to_string()))
}
