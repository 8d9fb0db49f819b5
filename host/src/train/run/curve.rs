//! Loss and PSNR against steps, as a picture.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::{
    BLUE, ChartBuilder, DrawingArea, IntoDrawingArea, LineSeries, RED, SVGBackend, WHITE,
};
use plotters::style::RGBColor;

use super::log::Line;
use crate::train::error::TrainError;
use crate::{Result, atomic_file};

/// Width and height of the picture in pixels.
const SIZE: (u32, u32) = (960, 640);
/// Part of a range that is left free above and below.
const MARGIN: f64 = 0.05;

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// Step and loss.
    losses: Vec<(f64, f64)>,
    /// Step and PSNR in dB.
    psnrs: Vec<(f64, f64)>,
}

impl Curve {
    /// Takes a point of a line of the log, where it has one.
    pub fn add(&mut self, line: &Line) {
        match *line {
            Line::Step { step, loss, .. } => self.losses.push((step as f64, loss)),
            Line::Validation {
                step,
                psnr_y: Some(psnr),
                ..
            } => self.psnrs.push((step as f64, psnr)),
            _ => {}
        }
    }

    /// Writes the picture, SVG.
    ///
    /// # Errors
    /// [`TrainError::Curve`], [`crate::Error::Write`].
    pub fn draw(&self, path: &Path) -> Result<()> {
        let mut svg = String::new();
        self.draw_on(&mut svg).map_err(|cause| TrainError::Curve {
            path: path.to_path_buf(),
            cause,
        })?;
        atomic_file::write(path, |file| file.write_all(svg.as_bytes()))
    }

    fn draw_on(&self, svg: &mut String) -> Result<(), String> {
        let panels = [
            ("loss", RED, &self.losses),
            ("validation PSNR, dB", BLUE, &self.psnrs),
        ];
        let panels: Vec<_> = panels
            .into_iter()
            .filter(|(.., it)| !it.is_empty())
            .collect();
        let whole = SVGBackend::with_string(svg, SIZE).into_drawing_area();
        whole.fill(&WHITE).map_err(text)?;
        let areas = whole.split_evenly((panels.len().max(1), 1));
        for (area, (name, color, points)) in areas.iter().zip(panels) {
            panel(area, name, color, points)?;
        }
        whole.present().map_err(text)
    }
}

fn panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    name: &str,
    color: RGBColor,
    points: &[(f64, f64)],
) -> Result<(), String> {
    let (x, y) = (
        range(points.iter().map(|it| it.0)),
        range(points.iter().map(|it| it.1)),
    );
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..x.1, y.0..y.1)
        .map_err(text)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .y_desc(name)
        .x_label_formatter(&|step| format!("{step:.0}"))
        .draw()
        .map_err(text)?;
    let line = LineSeries::new(points.iter().copied(), color);
    chart.draw_series(line).map_err(text)?;
    Ok(())
}

/// Returns a range that is never empty and holds all values.
pub(crate) fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let margin = match high > low {
        true => (high - low) * MARGIN,
        false => low.abs() * MARGIN + f64::MIN_POSITIVE,
    };
    (low - margin, high + margin)
}

fn text(cause: impl core::fmt::Display) -> String {
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(curve: &Curve) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("curve.svg");
        curve.draw(&path).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn panels_show_what_there_is() {
        let mut curve = Curve::default();
        assert!(svg(&curve).contains("</svg>"));
        for step in 1..40 {
            curve.add(&Line::Step {
                step,
                loss: 1.0 / step as f64,
                gradient_norm: 0.0,
                rate: 0.0,
                patches_per_second: 0.0,
                waited: 0.0,
                seconds: 0.0,
            });
        }
        assert!(!svg(&curve).contains("PSNR"));
        for (step, psnr_y) in [(0, Some(28.0)), (20, None), (30, Some(28.0))] {
            let seconds = 0.0;
            curve.add(&Line::Validation {
                step,
                psnr_y,
                seconds,
            });
        }
        let svg = svg(&curve);
        assert!(svg.contains("PSNR") && svg.contains("loss"));
        let points = svg.lines().filter(|it| it.contains("<polyline"));
        let longest = points.map(|it| it.matches(',').count()).max();
        assert_eq!(longest, Some(39));
    }

    #[test]
    fn ranges_are_never_empty() {
        for values in [vec![0.0], vec![5.0, 5.0], vec![-1.0, 2.0]] {
            let (low, high) = range(values.iter().copied());
            assert!(low < high && values.iter().all(|it| (low..=high).contains(it)));
        }
    }
}
