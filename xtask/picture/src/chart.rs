//! A test chart, for machines where no photograph can be had.

use std::f64::consts::PI;

use anyhow::Result;
use mambalite::picture::Picture;

/// Draws a square chart: zone plate, colours, strokes, star.
pub(crate) fn draw(side: usize) -> Result<Picture> {
    let half = side / 2;
    let mut data = Vec::with_capacity(side * side * 3);
    for y in 0..side {
        for x in 0..side {
            let at = |size: usize, place: usize| (place % size) as f64 / size as f64;
            let (u, v) = (at(half, x), at(half, y));
            let pixel = match (x < half, y < half) {
                (true, true) => zone_plate(u, v),
                (false, true) => [u, v, 1.0 - (u + v) / 2.0],
                (true, false) => strokes(u, v),
                (false, false) => star(u, v),
            };
            // In 0..=255: every drawing stays within 0..=1.
            data.extend(pixel.map(|value| (value * 255.0).round() as u8));
        }
    }
    Ok(Picture::new(side, side, 3, data)?)
}

/// Rings that grow finer from the centre, up to one cycle in eight pixels.
fn zone_plate(u: f64, v: f64) -> [f64; 3] {
    let square = (u - 0.5).powi(2) + (v - 0.5).powi(2);
    [0.5 + 0.5 * (square * 16.0 * PI).cos(); 3]
}

/// Strokes like those of letters, finer to the right, on a tint.
fn strokes(u: f64, v: f64) -> [f64; 3] {
    let period = 0.05 + 0.15 * (1.0 - u);
    let line = (v / 0.125).floor();
    let ink = ((u + 0.03 * line) / period).fract() < 0.4 && (v / 0.125).fract() < 0.7;
    if ink {
        [0.1, 0.1, 0.2]
    } else {
        [0.95, 0.9, 0.8]
    }
}

/// A star of 24 rays in two colours.
fn star(u: f64, v: f64) -> [f64; 3] {
    let angle = (v - 0.5).atan2(u - 0.5);
    if (angle * 12.0).sin() > 0.0 {
        [0.9, 0.3, 0.1]
    } else {
        [0.1, 0.4, 0.6]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_has_detail_in_every_quarter() {
        let chart = draw(64).unwrap();
        for (x, y) in [(0, 0), (32, 0), (0, 32), (32, 32)] {
            let quarter = chart.crop(x, y, 32, 32).unwrap();
            let (low, high) = (quarter.data().iter().min(), quarter.data().iter().max());
            assert!(high.unwrap() - low.unwrap() > 100, "quarter at {x}, {y}");
        }
    }
}
