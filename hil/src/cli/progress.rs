//! Progress bars on stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mambalite_hil::observer::Observer;
use mambalite_hil::report::BoardReport;
use mambalite_hil::verdict::Stage;

use super::output::Output;

const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Shows one bar for each stage, on a terminal only and not with JSON, and prints each board.
#[derive(Debug)]
pub(crate) struct Bars {
    output: Output,
    bar: ProgressBar,
}

impl Bars {
    pub(crate) fn new(output: Output) -> Self {
        let bar = ProgressBar::hidden();
        Self { output, bar }
    }
}

impl Observer for Bars {
    fn begin(&mut self, board: &str, stage: Stage, total: u64) {
        self.bar.finish_and_clear();
        let target = if self.output.json {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let (verb, counts) = match stage {
            Stage::Build => ("build", "{human_pos} crates {elapsed}"),
            Stage::Flash => ("flash", "{wide_bar} {bytes}/{total_bytes} {elapsed}"),
            Stage::Stream => (
                "stream",
                "{wide_bar} {bytes}/{total_bytes} {elapsed} (left {eta})",
            ),
            Stage::Lease => ("lease", "{elapsed}"),
            Stage::Start => ("start", "{elapsed}"),
            Stage::Handshake => ("handshake", "{elapsed}"),
            Stage::Controls => ("faults", "{wide_bar} {human_pos}/{human_len} {elapsed}"),
        };
        let style = ProgressStyle::with_template(&format!("{{msg}} {{spinner}} {counts}"));
        // The templates are fixed; a mistake in one would show the plain bar.
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::with_draw_target((total > 0).then_some(total), target)
            .with_style(style)
            .with_message(format!("{board} {verb}"));
        self.bar.enable_steady_tick(REDRAW_INTERVAL);
    }

    fn reach(&mut self, done: u64) {
        self.bar.set_position(done);
    }

    fn end(&mut self) {
        self.bar.finish_and_clear();
    }

    fn board(&mut self, report: &BoardReport) {
        self.bar.finish_and_clear();
        self.output.board(report);
    }
}
