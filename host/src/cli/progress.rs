//! Progress bars on stderr.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;

const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Makes a bar over `total` of a `unit` (plural); it shows on a terminal only, and not with JSON.
///
/// The bar's message stands in front of it.
pub(crate) fn bar(output: Output, total: u64, unit: &str) -> ProgressBar {
    let target = if output.json {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let template = format!(
        "{{msg}} {{wide_bar}} {{human_pos}}/{{human_len}} {unit} {{elapsed}} (left {{eta}})"
    );
    // The template is fixed but for the unit; a mistake in it would show the plain bar.
    let style =
        ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(Some(total), target).with_style(style);
    bar.enable_steady_tick(REDRAW_INTERVAL);
    bar
}
