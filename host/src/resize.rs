//! Bicubic resampling with antialiasing, value for value that of MATLAB's `imresize`.
//!
//! The kernel is Keys' cubic with a = -0.5. For a factor `s < 1` it is stretched to width `4 / s`
//! (antialiasing). Output sample `i` (from 1) lies at `u = i/s + (1 - 1/s)/2` of the input; its
//! weights are normalised to a sum of 1; the input continues by reflection at its edges. Rows
//! (the vertical direction) are resampled first, columns second. Sums run in `f64` from the
//! lowest input index to the highest.

use rayon::prelude::*;

use crate::picture::Picture;
use crate::plane::Plane;
use crate::{Error, Result};

/// The largest numerator and denominator of a [`Scale`].
pub const MAX_FACTOR: usize = 256;

/// A rational scale factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    numerator: usize,
    denominator: usize,
}

impl Scale {
    /// Enlarges by `factor`.
    pub const fn up(factor: usize) -> Self {
        Self {
            numerator: factor,
            denominator: 1,
        }
    }

    /// Reduces by `factor`.
    pub const fn down(factor: usize) -> Self {
        Self {
            numerator: 1,
            denominator: factor,
        }
    }

    /// Returns `ceil(length * scale)`, the length after resampling.
    fn output_length(self, length: usize) -> Option<usize> {
        let known = 1..=MAX_FACTOR;
        if !known.contains(&self.numerator) || !known.contains(&self.denominator) || length == 0 {
            return None;
        }
        Some(
            length
                .checked_mul(self.numerator)?
                .div_ceil(self.denominator),
        )
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "factors of pictures are far below 2^53"
    )]
    fn ratio(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// Resamples a picture of 8-bit samples to `ceil(width * scale)` x `ceil(height * scale)`.
///
/// As MATLAB does for `uint8`, samples are rounded half up and limited to 0..=255 after each of
/// the two passes.
///
/// # Errors
///
/// [`Error::Scale`] where a part of the factor is 0 or larger than [`MAX_FACTOR`].
pub fn resize(picture: &Picture, scale: Scale) -> Result<Picture> {
    let (width, height, channels) = picture.shape();
    let (out_width, out_height, data) = resample(picture.data(), width, height, channels, scale)?;
    Picture::new(out_width, out_height, channels, data)
}

/// Resamples a plane to `ceil(width * scale)` x `ceil(height * scale)`, without rounding.
///
/// # Errors
///
/// As [`resize`].
pub fn resize_plane(plane: &Plane, scale: Scale) -> Result<Plane> {
    let (out_width, out_height, data) =
        resample(plane.data(), plane.width(), plane.height(), 1, scale)?;
    Plane::new(out_width, out_height, data)
}

/// A number that pictures consist of; how it comes out of a pass is part of its type.
trait Sample: Copy + Default + Send + Sync {
    fn to_f64(self) -> f64;
    fn from_f64(value: f64) -> Self;
}

impl Sample for u8 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the value is a whole number in 0..=255"
    )]
    fn from_f64(value: f64) -> Self {
        (value + 0.5).floor().clamp(0.0, 255.0) as Self
    }
}

impl Sample for f64 {
    fn to_f64(self) -> f64 {
        self
    }

    fn from_f64(value: f64) -> Self {
        value
    }
}

/// The input samples of each output sample of one direction, and their weights.
struct Taps {
    /// Taps of each output sample.
    count: usize,
    /// Input indices, `[outputs, count]`.
    indices: Vec<usize>,
    /// Weights, `[outputs, count]`; those of one output add up to 1.
    weights: Vec<f64>,
}

impl Taps {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap,
        reason = "indices of picture samples are far below 2^53"
    )]
    fn new(inputs: usize, outputs: usize, ratio: f64) -> Self {
        let stretch = ratio.min(1.0);
        let width = 4.0 / stretch;
        let count = width.ceil() as usize + 2;
        let period = 2 * inputs as i64;
        let mut indices = Vec::with_capacity(outputs * count);
        let mut weights = Vec::with_capacity(outputs * count);
        for output in 1..=outputs {
            let centre = output as f64 / ratio + 0.5 * (1.0 - 1.0 / ratio);
            let first = (centre - width / 2.0).floor();
            let start = weights.len();
            for tap in 0..count {
                let position = first + tap as f64;
                weights.push(stretch * cubic(stretch * (centre - position)));
                let folded = (position as i64 - 1).rem_euclid(period);
                indices.push(folded.min(period - 1 - folded) as usize);
            }
            let sum: f64 = weights[start..].iter().sum();
            weights[start..]
                .iter_mut()
                .for_each(|weight| *weight /= sum);
        }
        Self {
            count,
            indices,
            weights,
        }
    }

    /// Returns input indices and weights of output sample `output`.
    fn of(&self, output: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = output * self.count..(output + 1) * self.count;
        let pairs = self.indices[range.clone()].iter().zip(&self.weights[range]);
        // A tap at the kernel's very edge adds nothing.
        pairs
            .filter(|&(_, &weight)| weight != 0.0)
            .map(|(&index, &weight)| (index, weight))
    }
}

/// Keys' cubic kernel with a = -0.5; 0 outside `[-2, 2]`.
fn cubic(x: f64) -> f64 {
    let x1 = x.abs();
    let x2 = x1 * x1;
    let x3 = x2 * x1;
    if x1 <= 1.0 {
        1.5 * x3 - 2.5 * x2 + 1.0
    } else if x1 <= 2.0 {
        -0.5 * x3 + 2.5 * x2 - 4.0 * x1 + 2.0
    } else {
        0.0
    }
}

fn resample<T: Sample>(
    data: &[T],
    width: usize,
    height: usize,
    channels: usize,
    scale: Scale,
) -> Result<(usize, usize, Vec<T>)> {
    let impossible = || Error::Scale {
        width,
        height,
        numerator: scale.numerator,
        denominator: scale.denominator,
        limit: MAX_FACTOR,
    };
    let out_width = scale.output_length(width).ok_or_else(impossible)?;
    let out_height = scale.output_length(height).ok_or_else(impossible)?;
    let line = width.checked_mul(channels).ok_or_else(impossible)?;
    let out_line = out_width.checked_mul(channels).ok_or_else(impossible)?;
    let out_samples = out_line.checked_mul(out_height).ok_or_else(impossible)?;

    let vertical = Taps::new(height, out_height, scale.ratio());
    let horizontal = Taps::new(width, out_width, scale.ratio());
    let mut output = vec![T::default(); out_samples];
    output
        .par_chunks_exact_mut(out_line)
        .enumerate()
        .for_each_init(
            || (vec![0.0; line], vec![T::default(); line]),
            |(sums, between), (y, out_row)| {
                sums.fill(0.0);
                for (row, weight) in vertical.of(y) {
                    for (sum, sample) in sums.iter_mut().zip(&data[row * line..]) {
                        *sum += weight * sample.to_f64();
                    }
                }
                for (sample, sum) in between.iter_mut().zip(sums.iter()) {
                    *sample = T::from_f64(*sum);
                }
                for (x, pixel) in out_row.chunks_exact_mut(channels).enumerate() {
                    for (channel, out) in pixel.iter_mut().enumerate() {
                        let terms = horizontal.of(x).map(|(column, weight)| {
                            weight * between[column * channels + channel].to_f64()
                        });
                        *out = T::from_f64(terms.fold(0.0, |sum, term| sum + term));
                    }
                }
            },
        );
    Ok((out_width, out_height, output))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(37 x + 71 y + 53 c + 11 x y) mod 256`.
    fn pattern(width: usize, height: usize, channels: usize) -> Picture {
        let sample = |i: usize| {
            let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
            u8::try_from((37 * x + 71 * y + 53 * c + 11 * x * y) % 256).unwrap()
        };
        let data = (0..width * height * channels).map(sample).collect();
        Picture::new(width, height, channels, data).unwrap()
    }

    #[test]
    fn weights_of_halving_are_those_of_the_stretched_kernel() {
        let taps = Taps::new(16, 8, 0.5);
        let inner: Vec<(usize, f64)> = taps.of(3).collect();
        let half = [-0.01171875, -0.03515625, 0.11328125, 0.43359375];
        let weights = half.iter().chain(half.iter().rev());
        let wanted: Vec<(usize, f64)> = (3..11).zip(weights.copied()).collect();
        assert_eq!(inner, wanted);
    }

    #[test]
    fn edges_are_reflected() {
        let columns = |output| {
            Taps::new(4, 8, 2.0)
                .of(output)
                .map(|it| it.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(columns(0), [1, 0, 0, 1]);
        assert_eq!(columns(7), [2, 3, 3, 2]);
    }

    #[test]
    fn bytes_equal_the_numpy_port_of_imresize() {
        let picture = pattern(7, 5, 1);
        let resized = |scale| resize(&picture, scale).unwrap();
        let half = [58, 119, 122, 180, 137, 100, 135, 148, 82, 113, 117, 33];
        assert_eq!(resized(Scale::down(2)).data(), half);
        assert_eq!(resized(Scale::down(3)).data(), [90, 128, 160, 107, 115, 93]);
        let double = resized(Scale::up(2));
        assert_eq!(double.shape(), (14, 10, 1));
        let row = [
            117, 143, 195, 169, 65, 33, 74, 91, 83, 101, 143, 179, 208, 223,
        ];
        assert_eq!(double.rows().nth(4).unwrap(), row);
        let first = [0, 5, 21, 38, 56, 73, 90, 115, 147, 172, 189, 207, 227, 236];
        assert_eq!(double.rows().next().unwrap(), first);

        let color = pattern(6, 6, 3);
        let quarter = [101, 130, 140, 126, 152, 124, 113, 142, 131, 121, 115, 115];
        assert_eq!(resize(&color, Scale::down(4)).unwrap().data(), quarter);
    }

    #[test]
    fn planes_are_not_rounded() {
        let picture = pattern(7, 5, 1);
        let data = picture.data().iter().map(|&v| f64::from(v)).collect();
        let plane = Plane::new(7, 5, data).unwrap();
        let third = resize_plane(&plane, Scale::down(3)).unwrap();
        let wanted = [
            90.1534827008078,
            127.739673830209,
            160.064167047706,
            106.983843926231,
            115.238530711782,
            93.1926535589087,
        ];
        assert_eq!((third.width(), third.height()), (3, 2));
        for (found, wanted) in third.data().iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-11, "{found} {wanted}");
        }
    }

    #[test]
    fn a_flat_picture_stays_flat() {
        let flat = Picture::new(13, 9, 3, vec![201; 13 * 9 * 3]).unwrap();
        for scale in [
            Scale::up(2),
            Scale::up(3),
            Scale::down(2),
            Scale::down(4),
            Scale::down(20),
        ] {
            assert!(
                resize(&flat, scale)
                    .unwrap()
                    .data()
                    .iter()
                    .all(|&v| v == 201)
            );
        }
    }

    #[test]
    fn factors_beyond_reason_are_errors() {
        let picture = pattern(7, 5, 1);
        for scale in [
            Scale::up(0),
            Scale::down(0),
            Scale::up(257),
            Scale::down(usize::MAX),
        ] {
            assert!(
                matches!(resize(&picture, scale), Err(Error::Scale { .. })),
                "{scale:?}"
            );
        }
    }
}
