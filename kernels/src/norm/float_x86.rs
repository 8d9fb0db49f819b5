//! The norm in single precision with AVX2 and AVX-512.

use super::{EPSILON, FloatParams, Kernel, Run};
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Lanes, Simd, entry, part};

/// Lanes of the widest vector.
const LANES_MAX: usize = 16;
/// Channels whose transposed pixels wait from the first sum to the second.
const CHANNELS_MAX: usize = 64;

/// As `super::reference::float`, as many pixels at a time as a vector has lanes: the sums of each
/// keep their order.
#[inline(always)]
fn run<S: Simd>(s: S, params: &FloatParams<'_>, x: &[f32], width: usize, out: &mut [f32]) {
    let width = width.max(1);
    let pixels = x.chunks(S::LANES * width);
    for (x, out) in pixels.zip(out.chunks_mut(S::LANES * width)) {
        let (mean, r) = moments(s, x, width);
        let (mut means, mut factors) = ([0.0; LANES_MAX], [0.0; LANES_MAX]);
        s.store(&mut means, mean);
        s.store(&mut factors, r);
        let held = x.len().min(out.len()) / width;
        let pixels = held.min(LANES_MAX);
        for c in (0..width).step_by(S::LANES) {
            let lanes = Lanes::new(s, width - c, pixels);
            let (Some(x), Some(mut out)) = (lanes.of(x, c, width), lanes.of_mut(out, c, width))
            else {
                return;
            };
            let gamma = s.load(part(params.gamma, c, S::LANES));
            let beta = s.load(part(params.beta, c, S::LANES));
            for i in 0..pixels {
                let d = s.sub(x.load(s, i), s.splat(means[i]));
                let normed = s.mul(d, s.splat(factors[i]));
                out.store(s, i, s.fma(normed, gamma, beta));
            }
        }
    }
}

/// Returns the mean and `1 / sqrt(variance + epsilon)` of each of up to `LANES` pixels.
#[inline(always)]
fn moments<S: Simd>(s: S, x: &[f32], width: usize) -> (S::V, S::V) {
    let n = s.splat(width as f32);
    let mut kept = [s.splat(0.0); CHANNELS_MAX];
    let mut sum = s.splat(0.0);
    for c in (0..width).step_by(S::LANES) {
        let columns = columns(s, x, width, c);
        for (k, &column) in columns.as_ref().iter().enumerate().take(width - c) {
            sum = s.add(sum, column);
            if let Some(kept) = kept.get_mut(c + k) {
                *kept = column;
            }
        }
    }
    let mean = s.div(sum, n);
    let mut sum = s.splat(0.0);
    let mut add = |column| {
        let d = s.sub(column, mean);
        sum = s.fma(d, d, sum);
    };
    for &column in kept.iter().take(width) {
        add(column);
    }
    for c in (CHANNELS_MAX..width).step_by(S::LANES) {
        for &column in columns(s, x, width, c).as_ref().iter().take(width - c) {
            add(column);
        }
    }
    let variance = s.add(s.div(sum, n), s.splat(EPSILON as f32));
    (mean, s.div(s.splat(1.0), s.sqrt(variance)))
}

/// Returns channels `c..c + LANES` of up to `LANES` pixels, a vector each.
#[inline(always)]
fn columns<S: Simd>(s: S, x: &[f32], width: usize, c: usize) -> S::Block {
    let lanes = Lanes::new(s, width - c, x.len() / width);
    let mut rows = s.block(s.splat(0.0));
    if let Some(x) = lanes.of(x, c, width) {
        for (i, row) in rows.as_mut().iter_mut().enumerate() {
            *row = x.load(s, i);
        }
    }
    s.transpose(rows)
}

entry!(
    Avx2,
    "avx2,fma",
    fn run_avx2(params: &FloatParams<'_>, x: &[f32], width: usize, out: &mut [f32]) = run
);
entry!(
    Avx512,
    "avx512f",
    fn run_avx512(params: &FloatParams<'_>, x: &[f32], width: usize, out: &mut [f32]) = run
);

/// Returns the entry points: activations and inputs are the same numbers.
fn kernel(run: Run<Float<f32>, f32>) -> Kernel<Float<f32>> {
    Kernel {
        acts: run,
        inputs: run,
    }
}

/// Returns the entry points where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Kernel<Float<f32>>> {
    Avx2::is_there().then(|| kernel(run_avx2))
}

/// Returns the entry points where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Kernel<Float<f32>>> {
    Avx512::is_there().then(|| kernel(run_avx512))
}
