//! The report as JSON.

use std::path::Path;

use mambalite::atomic_file;

use super::RunReport;
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
