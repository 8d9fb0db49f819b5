//! PSNR against milliseconds, RAM and parameters, as a picture.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::{
    BLACK, ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoFont, LineSeries,
    PathElement, RGBColor, SVGBackend, ShapeStyle, WHITE,
};

use super::{Report, Row};
use crate::search::config::Format;
use crate::search::cost::Cost;
use crate::search::rank::{Point, fronts};
use crate::train::error::TrainError;
use crate::train::run::curve::range;
use crate::{Result, atomic_file};

/// Width and height of the picture in pixels.
const SIZE: (u32, u32) = (1280, 480);
/// Radius of a point in pixels.
const RADIUS: i32 = 4;
/// Height of the letters in pixels.
const FONT: i32 = 18;

/// Colours of f32, w8a16 and w8a8.
const COLORS: [RGBColor; 3] = [
    RGBColor(190, 50, 40),
    RGBColor(30, 90, 190),
    RGBColor(20, 130, 60),
];

/// An axis: its name, and the cost that it shows.
type Axis = (&'static str, fn(&Cost) -> f64);
const AXES: [Axis; 3] = [
    ("milliseconds", |cost| cost.milliseconds),
    ("RAM, KiB", |cost| cost.ram_bytes as f64 / 1024.0),
    ("parameters, thousands", |cost| cost.parameters as f64 / 1e3),
];

/// Writes the picture, SVG: networks of the last rung filled and their fronts joined, those that
/// went out before as circles.
///
/// # Errors
/// [`TrainError::Curve`], [`crate::Error::Write`].
pub fn draw(report: &Report, path: &Path) -> Result<()> {
    let mut svg = String::new();
    draw_on(report, &mut svg).map_err(|cause| TrainError::Curve {
        path: path.to_path_buf(),
        cause,
    })?;
    atomic_file::write(path, |file| file.write_all(svg.as_bytes()))
}

fn draw_on(report: &Report, svg: &mut String) -> Result<(), String> {
    let whole = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    whole.fill(&WHITE).map_err(text)?;
    for (area, axis) in whole.split_evenly((1, AXES.len())).iter().zip(AXES) {
        panel(area, axis, &report.rows)?;
    }
    whole.present().map_err(text)
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    (name, cost): Axis,
    rows: &[Row],
) -> Result<(), String> {
    let x = range(rows.iter().map(|row| cost(&row.cost)));
    let y = range(rows.iter().map(Row::psnr_y));
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(80)
        .build_cartesian_2d(x.0..x.1, y.0..y.1)
        .map_err(text)?;
    let mut mesh = chart.configure_mesh();
    mesh.x_desc(name).y_desc("PSNR, dB").max_light_lines(1);
    mesh.label_style(("sans-serif", FONT).into_font());
    mesh.draw().map_err(text)?;
    let last = rows.iter().map(|row| row.rung).max();
    for (i, format) in [Format::F32, Format::W8a16, Format::W8a8]
        .into_iter()
        .enumerate()
    {
        let color = COLORS[i].to_rgba();
        let of_format: Vec<&Row> = rows.iter().filter(|row| row.precision == format).collect();
        if of_format.is_empty() {
            continue;
        }
        let points = of_format.iter().map(|row| {
            let style = match Some(row.rung) == last {
                true => color.filled(),
                false => ShapeStyle::from(color).stroke_width(1),
            };
            Circle::new((cost(&row.cost), row.psnr_y()), RADIUS, style)
        });
        chart
            .draw_series(points)
            .map_err(text)?
            .label(format.precision().to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 2 * RADIUS, y)], color));
    }
    let line = LineSeries::new(front(rows, cost), BLACK.mix(0.4));
    chart.draw_series(line).map_err(text)?;
    let mut labels = chart.configure_series_labels();
    labels.border_style(BLACK.mix(0.2)).background_style(WHITE);
    labels.position(plotters::prelude::SeriesLabelPosition::LowerRight);
    labels.label_font(("sans-serif", FONT).into_font());
    labels.draw().map_err(text)
}

/// Returns the networks of the last rung that none dominates by this cost, from left to right.
fn front(rows: &[Row], cost: fn(&Cost) -> f64) -> Vec<(f64, f64)> {
    let last = rows.iter().map(|row| row.rung).max();
    let points = rows.iter().filter(|row| Some(row.rung) == last);
    let points: Vec<Point> = points
        .map(|row| Point {
            score: row.psnr_y(),
            cost: cost(&row.cost),
        })
        .collect();
    let with_fronts = points.iter().zip(fronts(&points));
    let mut best: Vec<(f64, f64)> = with_fronts
        .filter(|(_, front)| *front == 0)
        .map(|(point, _)| (point.cost, point.score))
        .collect();
    best.sort_by(|a, b| a.0.total_cmp(&b.0));
    best
}

fn text(cause: impl core::fmt::Display) -> String {
    cause.to_string()
}
