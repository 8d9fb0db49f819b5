//! How near two pictures are: PSNR and SSIM on luma, as papers on super-resolution report them.

use rayon::prelude::*;
use serde::Serialize;

use crate::picture::Picture;
use crate::plane::Plane;
use crate::{Error, Result};

/// The largest sample value, `L` of PSNR and SSIM.
const PEAK: f64 = 255.0;

/// Side of the Gaussian window of SSIM, in pixels.
pub const SSIM_WINDOW: usize = 11;

/// Standard deviation of that window, in pixels.
const SSIM_SIGMA: f64 = 1.5;

/// The scores of one picture, or their means over a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Peak signal-to-noise ratio on luma in dB; infinite for equal pictures.
    pub psnr_y: f64,
    /// Structural similarity on luma, at most 1.
    pub ssim_y: f64,
}

impl Scores {
    /// Scores `found` against `truth` on unrounded [`luma`], leaving out `border` pixels at each
    /// side.
    ///
    /// # Errors
    ///
    /// [`Error::ShapeMismatch`] where the pictures differ in width, height or channels (luma of
    /// gray and of RGB have different ranges), [`Error::Border`] or [`Error::SsimSize`] where
    /// they are too small.
    pub fn of_pictures(truth: &Picture, found: &Picture, border: usize) -> Result<Self> {
        if truth.shape() != found.shape() {
            return Err(Error::ShapeMismatch {
                left: truth.shape(),
                right: found.shape(),
            });
        }
        Self::of_planes(&luma(truth), &luma(found), border)
    }

    /// Scores luma planes, leaving out `border` samples at each side.
    ///
    /// # Errors
    ///
    /// As [`Scores::of_pictures`].
    pub fn of_planes(truth: &Plane, found: &Plane, border: usize) -> Result<Self> {
        let (truth, found) = (truth.without_border(border)?, found.without_border(border)?);
        Ok(Self {
            psnr_y: psnr(&truth, &found)?,
            ssim_y: ssim(&truth, &found)?,
        })
    }

    /// Returns the means, in dB for PSNR, or `None` of nothing.
    #[expect(
        clippy::cast_precision_loss,
        reason = "sets hold far fewer than 2^53 pictures"
    )]
    pub fn mean(scores: &[Self]) -> Option<Self> {
        let count = scores.len() as f64;
        (!scores.is_empty()).then(|| Self {
            psnr_y: scores.iter().map(|it| it.psnr_y).sum::<f64>() / count,
            ssim_y: scores.iter().map(|it| it.ssim_y).sum::<f64>() / count,
        })
    }
}

/// Returns the luma of BT.601, `16 + (65.481 R + 128.553 G + 24.966 B) / 255` in 16..=235,
/// without rounding. A gray picture is used as it is, in 0..=255.
pub fn luma(picture: &Picture) -> Plane {
    let (width, height, channels) = picture.shape();
    let data = if channels == 1 {
        picture.data().iter().map(|&v| f64::from(v)).collect()
    } else {
        let pixels = picture.data().chunks_exact(3);
        pixels
            .map(|rgb| luma_of([rgb[0], rgb[1], rgb[2]].map(f64::from)))
            .collect()
    };
    Plane::from_parts(width, height, data)
}

fn luma_of([r, g, b]: [f64; 3]) -> f64 {
    (65.481 * r + 128.553 * g + 24.966 * b) / 255.0 + 16.0
}

/// Returns `10 log10(255^2 / MSE)` in dB, infinite for equal planes.
///
/// # Errors
///
/// [`Error::ShapeMismatch`].
#[expect(
    clippy::cast_precision_loss,
    reason = "planes hold far fewer than 2^53 samples"
)]
pub fn psnr(left: &Plane, right: &Plane) -> Result<f64> {
    same_size(left, right)?;
    let squares = left
        .data()
        .iter()
        .zip(right.data())
        .map(|(a, b)| (a - b) * (a - b));
    let mse = squares.sum::<f64>() / left.data().len() as f64;
    Ok(10.0 * (PEAK * PEAK / mse).log10())
}

/// Returns the mean structural similarity: Gaussian window of 11x11 pixels with sigma 1.5, only
/// where it lies wholly inside, K1 = 0.01, K2 = 0.03, L = 255.
///
/// # Errors
///
/// [`Error::ShapeMismatch`], or [`Error::SsimSize`] for planes smaller than the window.
#[expect(
    clippy::cast_precision_loss,
    reason = "planes hold far fewer than 2^53 samples"
)]
pub fn ssim(left: &Plane, right: &Plane) -> Result<f64> {
    same_size(left, right)?;
    let (width, height) = (left.width(), left.height());
    if width < SSIM_WINDOW || height < SSIM_WINDOW {
        return Err(Error::SsimSize {
            width,
            height,
            window: SSIM_WINDOW,
        });
    }
    let window = gaussian();
    let rows = height - SSIM_WINDOW + 1;
    // Sums are collected row by row and added in order, so that threads change no bit.
    let row_sums: Vec<f64> = (0..rows)
        .into_par_iter()
        .map_init(
            || vec![[0.0; 5]; width],
            |columns, y| {
                vertical_moments(columns, left, right, y, &window);
                columns
                    .windows(SSIM_WINDOW)
                    .map(|span| similarity(span, &window))
                    .sum()
            },
        )
        .collect();
    Ok(row_sums.iter().sum::<f64>() / (rows * (width - SSIM_WINDOW + 1)) as f64)
}

/// Fills `columns` with the window's vertical sums of a, b, a^2, b^2 and ab from row `y` on.
fn vertical_moments(
    columns: &mut [[f64; 5]],
    left: &Plane,
    right: &Plane,
    y: usize,
    window: &[f64; SSIM_WINDOW],
) {
    columns.fill([0.0; 5]);
    let width = left.width();
    for (row, weight) in (y..).zip(window) {
        let span = row * width..(row + 1) * width;
        let samples = left.data()[span.clone()].iter().zip(&right.data()[span]);
        for (sums, (&a, &b)) in columns.iter_mut().zip(samples) {
            for (sum, term) in sums.iter_mut().zip([a, b, a * a, b * b, a * b]) {
                *sum += weight * term;
            }
        }
    }
}

/// Returns the SSIM of one window from its columns' sums.
fn similarity(span: &[[f64; 5]], window: &[f64; SSIM_WINDOW]) -> f64 {
    const C1: f64 = (0.01 * PEAK) * (0.01 * PEAK);
    const C2: f64 = (0.03 * PEAK) * (0.03 * PEAK);
    let mut sums = [0.0; 5];
    for (column, weight) in span.iter().zip(window) {
        for (sum, term) in sums.iter_mut().zip(column) {
            *sum += weight * term;
        }
    }
    let [mean_a, mean_b, aa, bb, ab] = sums;
    let (var_a, var_b) = (aa - mean_a * mean_a, bb - mean_b * mean_b);
    let covariance = ab - mean_a * mean_b;
    let above = (2.0 * mean_a * mean_b + C1) * (2.0 * covariance + C2);
    above / ((mean_a * mean_a + mean_b * mean_b + C1) * (var_a + var_b + C2))
}

/// Returns the one-dimensional window, normalised to a sum of 1.
fn gaussian() -> [f64; SSIM_WINDOW] {
    let mut offset = -5.0;
    let mut window = [0.0; SSIM_WINDOW];
    for weight in &mut window {
        *weight = f64::exp(-(offset * offset) / (2.0 * SSIM_SIGMA * SSIM_SIGMA));
        offset += 1.0;
    }
    let sum: f64 = window.iter().sum();
    window.map(|weight| weight / sum)
}

fn same_size(left: &Plane, right: &Plane) -> Result<()> {
    let shape = |plane: &Plane| (plane.width(), plane.height(), 1);
    if shape(left) != shape(right) {
        return Err(Error::ShapeMismatch {
            left: shape(left),
            right: shape(right),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(37 x + 71 y + 53 c + 11 x y) mod 256`, 24 x 20 RGB.
    fn pattern() -> Picture {
        let sample = |i: usize| {
            let (x, y, c) = (i / 3 % 24, i / 72, i % 3);
            u8::try_from((37 * x + 71 * y + 53 * c + 11 * x * y) % 256).unwrap()
        };
        Picture::new(24, 20, 3, (0..24 * 20 * 3).map(sample).collect()).unwrap()
    }

    #[test]
    fn luma_has_the_range_of_bt601() {
        let picture = Picture::new(2, 1, 3, vec![0, 0, 0, 255, 255, 255]).unwrap();
        assert_eq!(luma(&picture).data(), [16.0, 235.0]);
        let first = luma(&pattern());
        for (found, wanted) in first
            .data()
            .iter()
            .zip([53.09688235, 84.87335294, 116.64982353])
        {
            assert!((found - wanted).abs() < 1e-7, "{found} {wanted}");
        }
        let gray = Picture::new(2, 1, 1, vec![0, 255]).unwrap();
        assert_eq!(luma(&gray).data(), [0.0, 255.0]);
    }

    #[test]
    fn equal_pictures_score_highest() {
        let scores = Scores::of_pictures(&pattern(), &pattern(), 2).unwrap();
        assert_eq!(
            scores,
            Scores {
                psnr_y: f64::INFINITY,
                ssim_y: 1.0
            }
        );
    }

    #[test]
    fn a_known_disturbance_scores_as_in_numpy() {
        let truth = pattern();
        // Adds (7 i mod 23) - 11 to sample i, limited to 0..=255.
        let noise = |(i, &v): (usize, &u8)| {
            let sum = usize::from(v) + 7 * i % 23;
            u8::try_from(sum.saturating_sub(11).min(255)).unwrap()
        };
        let data = truth.data().iter().enumerate().map(noise).collect();
        let noisy = Picture::new(24, 20, 3, data).unwrap();
        let scores = Scores::of_pictures(&truth, &noisy, 2).unwrap();
        assert!(
            (scores.psnr_y - 38.587_140_044_158_27).abs() < 1e-9,
            "{scores:?}"
        );
        assert!(
            (scores.ssim_y - 0.997_179_984_163_478_9).abs() < 1e-9,
            "{scores:?}"
        );
    }

    #[test]
    fn an_offset_of_one_gives_48_13_db() {
        let plane = |value: f64| Plane::new(12, 12, vec![value; 144]).unwrap();
        let found = psnr(&plane(100.0), &plane(101.0)).unwrap();
        assert!((found - 20.0 * 255.0_f64.log10()).abs() < 1e-12, "{found}");
    }

    #[test]
    fn pictures_that_cannot_be_scored_are_errors() {
        let picture = pattern();
        let scored = |other: &Picture, border| Scores::of_pictures(&picture, other, border);
        assert!(matches!(
            scored(&picture.to_gray(), 2),
            Err(Error::ShapeMismatch { .. })
        ));
        let part = picture.crop(0, 0, 23, 20).unwrap();
        assert!(matches!(scored(&part, 2), Err(Error::ShapeMismatch { .. })));
        assert!(matches!(scored(&picture, 10), Err(Error::Border { .. })));
        assert!(matches!(
            scored(&picture, 5),
            Err(Error::SsimSize { height: 10, .. })
        ));
        assert!(scored(&picture, 4).is_ok());
        assert_eq!(Scores::mean(&[]), None);
    }
}
