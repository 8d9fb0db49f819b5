//! Progress bars on stderr, one for each rig.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mambalite_hil::observer::Observer;
use mambalite_hil::report::{BoardReport, Failure};
use mambalite_hil::verdict::Stage;

use super::output::Output;

const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Shows one bar for each rig, on a terminal only and not with JSON, and prints each report.
#[derive(Debug)]
pub(crate) struct Bars {
    output: Output,
    all: MultiProgress,
    by_rig: Mutex<HashMap<String, ProgressBar>>,
}

impl Bars {
    pub(crate) fn new(output: Output) -> Self {
        let target = if output.json {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        Self {
            output,
            all: MultiProgress::with_draw_target(target),
            by_rig: Mutex::default(),
        }
    }

    fn by_rig(&self) -> MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.by_rig.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints above the bars.
    pub(crate) fn print(&self, print: impl FnOnce()) {
        self.all.suspend(print);
    }
}

impl Observer for Bars {
    fn begin(&self, rig: &str, stage: Stage, total: u64) {
        self.end(rig);
        let counts = match stage {
            Stage::Build => "{human_pos} crates {elapsed}",
            Stage::Operators => "{human_pos} checks {elapsed}",
            Stage::Flash => "{wide_bar} {bytes}/{total_bytes} {elapsed}",
            Stage::Stream => "{wide_bar} {bytes}/{total_bytes} {elapsed} (left {eta})",
            Stage::Controls => "{wide_bar} {human_pos}/{human_len} {elapsed}",
            Stage::Lease | Stage::Start | Stage::Handshake => "{elapsed}",
        };
        let style = ProgressStyle::with_template(&format!("{{msg}} {{spinner}} {counts}"));
        // The templates are fixed; a mistake in one would show the plain bar.
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::no_length().with_style(style);
        if total > 0 {
            bar.set_length(total);
        }
        let bar = self.all.add(bar);
        bar.set_message(format!("{rig} {}", stage.word()));
        bar.enable_steady_tick(REDRAW_INTERVAL);
        self.by_rig().insert(rig.to_owned(), bar);
    }

    fn reach(&self, rig: &str, done: u64) {
        if let Some(bar) = self.by_rig().get(rig) {
            bar.set_position(done);
        }
    }

    fn end(&self, rig: &str) {
        if let Some(bar) = self.by_rig().remove(rig) {
            bar.finish_and_clear();
            self.all.remove(&bar);
        }
    }

    fn retry(&self, rig: &str, failure: &Failure) {
        self.end(rig);
        let (verdict, stage) = (failure.verdict.word(), failure.stage.word());
        let cause = &failure.cause;
        self.print(|| eprintln!("note: {rig}: {verdict} at {stage} ({cause}); tried again"));
    }

    fn report(&self, report: &BoardReport) {
        self.end(&report.rig);
        self.print(|| self.output.board(report));
    }
}
