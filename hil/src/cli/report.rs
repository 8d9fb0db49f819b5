//! `hil report`: the pages of an earlier run, made again.

use std::path::PathBuf;

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::history::History;
use mambalite_hil::report;

use super::history::Place;
use super::output::Output;

/// Makes report.html, junit.xml, results.jsonl and the summaries of a run again from its
/// report.json, with the pictures that are still there.
#[derive(Args, Debug)]
pub(crate) struct Cmd {
    /// Folder of the run.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    place: Place,
}

impl Cmd {
    /// Runs the command; the path of the page is printed last.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let history = self.place.path()?;
        let (report, paths) = report::rebuild(&self.dir, |report| {
            if history.is_file() {
                History::open(&history)?.trends(report)
            } else {
                Ok(Vec::new())
            }
        })?;
        if output.json {
            let value = serde_json::json!({ "verdict": report.verdict, "report": paths.html });
            output.object("report", value);
        } else {
            output.line(&paths.html.display().to_string());
        }
        Ok(EXIT_PASS)
    }
}
