//! A series as a picture: in a line of text, in a page, in a file.

use plotters::coord::Shift;
use plotters::prelude::{
    BLUE, ChartBuilder, Circle, DrawingArea, IntoDrawingArea, LineSeries, SVGBackend, WHITE,
};
use plotters::style::Color;

use super::{HistoryError, Series};

/// Levels of a bar in text, the least first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Width of a plotted file and height of each of its panels, pixels.
const PANEL: (u32, u32) = (960, 240);

/// Returns one character for each value; equal values are all in the middle.
#[must_use]
pub fn sparkline(values: &[f64]) -> String {
    let (low, high) = range(values);
    let level = |value: f64| {
        if high <= low {
            return BARS.len() / 2 - 1;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of 0 to 1 times 7"
        )]
        let level = ((value - low) / (high - low) * 7.0).round() as usize;
        level
    };
    values
        .iter()
        .filter_map(|&it| BARS.get(level(it)))
        .collect()
}

/// Returns the points of a curve in a box of `width` and `height`, as an SVG path; equal values
/// make a line in the middle.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a trend has a few dozen values")]
pub fn spark(values: &[f64], width: f64, height: f64) -> String {
    let (low, high) = range(values);
    let step = width / values.len().saturating_sub(1).max(1) as f64;
    let mut path = String::new();
    for (idx, value) in values.iter().enumerate() {
        let share = if high > low {
            (value - low) / (high - low)
        } else {
            0.5
        };
        let command = if idx == 0 { 'M' } else { 'L' };
        path += &format!(
            "{command}{:.1} {:.1}",
            idx as f64 * step,
            (1.0 - share) * height
        );
    }
    path
}

fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// Draws series one below the other, as SVG.
///
/// # Errors
/// [`HistoryError::Plot`].
pub fn plot(series: &[Series]) -> Result<String, HistoryError> {
    let fail = |cause| HistoryError::Plot { cause };
    let panels = series.len().max(1);
    let height = u32::try_from(panels)
        .unwrap_or(u32::MAX)
        .saturating_mul(PANEL.1);
    let mut svg = String::new();
    {
        let whole = SVGBackend::with_string(&mut svg, (PANEL.0, height)).into_drawing_area();
        whole.fill(&WHITE).map_err(|it| fail(it.to_string()))?;
        let areas = whole.split_evenly((panels, 1));
        for (area, one) in areas.iter().zip(series) {
            panel(area, one).map_err(fail)?;
        }
        whole.present().map_err(|it| fail(it.to_string()))?;
    }
    Ok(svg)
}

#[expect(clippy::cast_precision_loss, reason = "a trend has a few dozen values")]
fn panel(area: &DrawingArea<SVGBackend<'_>, Shift>, series: &Series) -> Result<(), String> {
    let text = |cause: &dyn core::fmt::Display| cause.to_string();
    let values: Vec<f64> = series.points.iter().map(|it| it.value).collect();
    let (low, high) = range(&values);
    let margin = if high > low {
        (high - low) * 0.1
    } else {
        low.abs() * 0.1 + 1.0
    };
    let subject = &series.subject;
    let title = format!("{} {} {}", subject.rig, subject.precision, series.measure);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(24)
        .y_label_area_size(90)
        .build_cartesian_2d(0.0..values.len() as f64, low - margin..high + margin)
        .map_err(|it| text(&it))?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_desc(&series.unit)
        .x_label_formatter(&|idx| format!("{idx:.0}"))
        .draw()
        .map_err(|it| text(&it))?;
    let points = || {
        values
            .iter()
            .enumerate()
            .map(|(idx, &value)| (idx as f64 + 0.5, value))
    };
    chart
        .draw_series(LineSeries::new(points(), BLUE))
        .map_err(|it| text(&it))?;
    let dots = points().map(|point| Circle::new(point, 3, BLUE.filled()));
    chart.draw_series(dots).map_err(|it| text(&it))?;
    Ok(())
}
