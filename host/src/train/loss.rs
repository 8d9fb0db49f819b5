//! How an output is compared with the truth, and the gradient of that.
//!
//! Outputs and targets are `[h, w, channels]` with 1 for white. The kinds are L1,
//! Charbonnier (`sqrt(d^2 + 1e-6)`, the differentiable L1 of LapSRN), and L1 with that of the
//! spectra. Sums run in `f64` from the first sample to the last.

use std::sync::Arc;

use rustfft::num_complex::Complex;
use rustfft::num_traits::Float;
use rustfft::{Fft, FftNum, FftPlanner};

use super::config::{LossKind, LossSection};

/// Weight of the spectra where none is given.
pub const FFT_WEIGHT: f64 = 0.05;

/// Difference below which [`LossKind::Charbonnier`] is round, `1e-3`.
const CHARBONNIER: f64 = 1e-3;

/// A number that losses are computed in: `f32`, and `f64` in tests.
pub trait Real: FftNum + Float {}

impl<T: FftNum + Float> Real for T {}

/// A loss over outputs of one shape.
pub struct Loss<T: Real = f32> {
    kind: LossKind,
    spectra: Option<(f64, Spectra<T>)>,
}

impl<T: Real> Loss<T> {
    /// Makes the loss of a configuration for outputs of `[height, width, channels]`.
    pub fn new(section: &LossSection, shape: [usize; 3]) -> Self {
        let weight = section.fft_weight.unwrap_or(FFT_WEIGHT);
        let with_spectra = section.kind == LossKind::L1Fft;
        Self {
            kind: section.kind,
            spectra: with_spectra.then(|| (weight, Spectra::new(shape))),
        }
    }

    /// Adds `share` times the loss's gradient to `gradient` and returns `share` times the loss.
    pub fn add(&self, output: &[T], target: &[T], share: f64, gradient: &mut [T]) -> f64 {
        match (self.kind, &self.spectra) {
            (LossKind::Charbonnier, _) => charbonnier(output, target, share, gradient),
            (_, None) => l1(output, target, share, gradient),
            (_, Some((weight, spectra))) => {
                l1(output, target, share, gradient)
                    + spectra.add(output, target, share * weight, gradient)
            }
        }
    }
}

impl<T: Real> core::fmt::Debug for Loss<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Loss")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

/// Adds `share` times the gradient of the mean absolute difference and returns `share` times that.
pub fn l1<T: Real>(output: &[T], target: &[T], share: f64, gradient: &mut [T]) -> f64 {
    let part = share / output.len() as f64;
    let slope = real::<T>(part);
    let mut sum = 0.0;
    for ((g, &s), &t) in gradient.iter_mut().zip(output).zip(target) {
        let difference = s - t;
        sum += double(difference.abs());
        *g = *g + slope * sign(difference);
    }
    part * sum
}

/// Adds `share` times the gradient of the squared difference over the square of the target, and
/// returns `share` times that ratio; nothing for a target of zeros.
pub fn relative_square<T: Real>(output: &[T], target: &[T], share: f64, gradient: &mut [T]) -> f64 {
    let square = target.iter().map(|&t| double(t * t)).sum::<f64>();
    if square == 0.0 {
        return 0.0;
    }
    let part = share / square;
    let slope = real::<T>(2.0 * part);
    let mut sum = 0.0;
    for ((g, &s), &t) in gradient.iter_mut().zip(output).zip(target) {
        let difference = s - t;
        sum += double(difference * difference);
        *g = *g + slope * difference;
    }
    part * sum
}

fn charbonnier<T: Real>(output: &[T], target: &[T], share: f64, gradient: &mut [T]) -> f64 {
    let part = share / output.len() as f64;
    let (slope, square) = (real::<T>(part), real::<T>(CHARBONNIER * CHARBONNIER));
    let mut sum = 0.0;
    for ((g, &s), &t) in gradient.iter_mut().zip(output).zip(target) {
        let difference = s - t;
        let value = (difference * difference + square).sqrt();
        sum += double(value);
        *g = *g + slope * difference / value;
    }
    part * sum
}

/// The spectra of pictures of one shape: unnormalised two-dimensional Fourier transforms.
struct Spectra<T: Real> {
    shape: [usize; 3],
    rows: [Arc<dyn Fft<T>>; 2],
    columns: [Arc<dyn Fft<T>>; 2],
}

impl<T: Real> Spectra<T> {
    fn new(shape: [usize; 3]) -> Self {
        let [height, width, _] = shape;
        // Without rustfft's vector code, for the same bits on every machine.
        let mut planner = FftPlanner::new();
        let mut both = |len| [planner.plan_fft_forward(len), planner.plan_fft_inverse(len)];
        Self {
            shape,
            rows: both(width),
            columns: both(height),
        }
    }

    /// The mean absolute difference over the real and imaginary parts of all coefficients.
    ///
    /// Two channels are one complex picture, `a + i b`: the spectra of both are parts of its own,
    /// and so are both gradients of one inverse transform.
    fn add(&self, output: &[T], target: &[T], share: f64, gradient: &mut [T]) -> f64 {
        let [height, width, channels] = self.shape;
        let part = share / (2 * output.len()) as f64;
        let slope = real::<T>(part);
        let zero = Complex::new(T::zero(), T::zero());
        let (mut pixels, mut turned) = (vec![zero; width * height], vec![zero; width * height]);
        let mut sum = 0.0;
        for first in (0..channels).step_by(2) {
            let second = (first + 1 < channels).then_some(first + 1);
            let samples = output
                .chunks_exact(channels)
                .zip(target.chunks_exact(channels));
            for (pixel, (s, t)) in pixels.iter_mut().zip(samples) {
                pixel.re = s[first] - t[first];
                pixel.im = second.map_or(T::zero(), |second| s[second] - t[second]);
            }
            self.transform(0, &mut pixels, &mut turned);
            sum += signs(&mut turned, height, width);
            // The signs lie in columns.
            self.columns[1].process(&mut turned);
            transpose(&turned, height, &mut pixels);
            self.rows[1].process(&mut pixels);
            for (g, pixel) in gradient.chunks_exact_mut(channels).zip(&pixels) {
                g[first] = g[first] + slope * pixel.re;
                if let Some(second) = second {
                    g[second] = g[second] + slope * pixel.im;
                }
            }
        }
        part * sum
    }

    /// Transforms `pixels` and leaves the result, column by column, in `turned`.
    fn transform(&self, direction: usize, pixels: &mut [Complex<T>], turned: &mut [Complex<T>]) {
        self.rows[direction].process(pixels);
        transpose(pixels, self.shape[1], turned);
        self.columns[direction].process(turned);
    }
}

/// Returns the sum of the absolute parts of both spectra in `z`, and leaves the gradient's there.
///
/// With `z[k] = p + iq` and `z[-k] = r + is`, the spectra are `(p + r) + i(q - s)` and
/// `(q + s) + i(r - p)`, halved.
fn signs<T: Real>(z: &mut [Complex<T>], height: usize, width: usize) -> f64 {
    let mut sum = 0.0;
    let half = real::<T>(0.5);
    for x in 0..width {
        for y in 0..height {
            let at = x * height + y;
            let mirrored = (width - x) % width * height + (height - y) % height;
            // Both of a pair are done at the first.
            if mirrored < at {
                continue;
            }
            let (Complex { re: p, im: q }, Complex { re: r, im: s }) = (z[at], z[mirrored]);
            let parts = [p + r, q - s, q + s, r - p].map(|it| it * half);
            let twice = if mirrored == at { 1.0 } else { 2.0 };
            sum += twice * parts.iter().map(|it| double(it.abs())).sum::<f64>();
            let [a_re, a_im, b_re, b_im] = parts.map(sign);
            // Spectra of real pictures: the mirrored coefficient is the conjugate one.
            z[mirrored] = Complex::new(a_re + b_im, b_re - a_im);
            z[at] = Complex::new(a_re - b_im, a_im + b_re);
        }
    }
    sum
}

/// Turns rows of `width` into columns.
fn transpose<T: Copy>(from: &[T], width: usize, to: &mut [T]) {
    let height = from.len() / width;
    for (x, column) in to.chunks_exact_mut(height).enumerate() {
        for (value, row) in column.iter_mut().zip(from.chunks_exact(width)) {
            *value = row[x];
        }
    }
}

/// Returns -1, 0 or 1.
fn sign<T: Real>(value: T) -> T {
    if value > T::zero() {
        T::one()
    } else if value < T::zero() {
        -T::one()
    } else {
        T::zero()
    }
}

fn real<T: Real>(value: f64) -> T {
    // Every such type takes every f64, rounded.
    T::from_f64(value).unwrap_or_else(T::nan)
}

fn double<T: Real>(value: T) -> f64 {
    value.to_f64().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests;
