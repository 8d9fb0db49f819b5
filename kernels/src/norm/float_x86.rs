//! The norm in single precision with AVX2 and AVX-512.

use super::{EPSILON, FloatParams, Kernel, Run};
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, part, part_mut};

/// Lanes of the widest vector.
const LANES_MAX: usize = 16;

/// As `super::reference::float`, as many pixels at a time as a vector has lanes: the sums of each
/// keep their order.
#[inline(always)]
fn run<S: Simd>(s: S, params: &FloatParams<'_>, x: &[f32], width: usize, out: &mut [f32]) {
    let width = width.max(1);
    let pixels = x.chunks(S::LANES * width);
    for (x, out) in pixels.zip(out.chunks_mut(S::LANES * width)) {
        let n = s.splat(width as f32);
        let zero = s.splat(0.0);
        let mut mean = zero;
        for_columns(s, x, width, |column| mean = s.add(mean, column));
        let mean = s.div(mean, n);
        let mut variance = zero;
        for_columns(s, x, width, |column| {
            let d = s.sub(column, mean);
            variance = s.fma(d, d, variance);
        });
        let variance = s.add(s.div(variance, n), s.splat(EPSILON as f32));
        let r = s.div(s.splat(1.0), s.sqrt(variance));
        let (mut means, mut factors) = ([0.0; LANES_MAX], [0.0; LANES_MAX]);
        s.store(&mut means, mean);
        s.store(&mut factors, r);
        let rows = x.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for ((x, out), (&mean, &r)) in rows.zip(means.iter().zip(&factors)) {
            scale_pixel(s, params, x, (s.splat(mean), s.splat(r)), out);
        }
    }
}

/// Calls `f` with each channel of up to `LANES` pixels, in ascending order.
#[inline(always)]
fn for_columns<S: Simd>(s: S, x: &[f32], width: usize, mut f: impl FnMut(S::V)) {
    for c in (0..width).step_by(S::LANES) {
        let channels = S::LANES.min(width - c);
        let mut block = s.block(s.splat(0.0));
        for (i, row) in block.as_mut().iter_mut().enumerate() {
            *row = s.load(part(x, i * width + c, channels));
        }
        let columns = s.transpose(block);
        for &column in columns.as_ref().iter().take(channels) {
            f(column);
        }
    }
}

/// Takes the mean off a pixel and scales it.
#[inline(always)]
fn scale_pixel<S: Simd>(
    s: S,
    params: &FloatParams<'_>,
    x: &[f32],
    (mean, r): (S::V, S::V),
    out: &mut [f32],
) {
    for c in (0..x.len()).step_by(S::LANES) {
        let d = s.sub(s.load(part(x, c, S::LANES)), mean);
        let gamma = s.load(part(params.gamma, c, S::LANES));
        let beta = s.load(part(params.beta, c, S::LANES));
        let y = s.fma(s.mul(d, r), gamma, beta);
        s.store(part_mut(out, c, S::LANES), y);
    }
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
