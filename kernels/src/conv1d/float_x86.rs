//! The causal convolution in single precision with AVX2 and AVX-512.

use super::{FloatParams, Run};
use crate::arith::Float;
use crate::config::CONV1D_TAPS;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Column, ColumnMut, GROUP, Lanes, Simd, entry, logistic, part};
use crate::rows::Rows;

/// As `super::reference::float`, a vector of channels after another, whose last pixels stay in
/// registers.
#[inline(always)]
fn run<S: Simd>(
    s: S,
    params: &FloatParams<'_>,
    history: &mut [f32],
    x: Rows<'_, f32>,
    out: &mut [f32],
) {
    let inner = x.len().max(1);
    let pixels = out.len() / inner;
    for e in (0..inner).step_by(S::LANES) {
        let lanes = Lanes::new(s, inner - e, pixels);
        let of_tap = Lanes::new(s, inner - e, CONV1D_TAPS);
        let past = Lanes::new(s, inner - e, CONV1D_TAPS - 1);
        let x = lanes.of(x.values(), e, x.stride());
        let (Some(x), Some(out)) = (x, lanes.of_mut(out, e, inner)) else {
            return;
        };
        let taps = of_tap.of(params.taps, e, inner);
        let (Some(taps), Some(past)) = (taps, past.of_mut(history, e, inner)) else {
            return;
        };
        let bias = s.load(part(params.bias, e, S::LANES));
        channels(s, (taps, bias), past, x, out);
    }
}

/// Convolves a vector of channels.
#[inline(always)]
fn channels<S: Simd>(
    s: S,
    (taps, bias): (Column<'_, S>, S::V),
    mut history: ColumnMut<'_, S>,
    x: Column<'_, S>,
    mut out: ColumnMut<'_, S>,
) {
    let taps = [
        taps.load(s, 0),
        taps.load(s, 1),
        taps.load(s, 2),
        taps.load(s, 3),
    ];
    let mut past = [history.load(s, 0), history.load(s, 1), history.load(s, 2)];
    for i in (0..x.pixels()).step_by(GROUP) {
        let mut sums = [bias; GROUP];
        for (k, sum) in sums.iter_mut().enumerate() {
            let newest = x.load(s, i + k);
            *sum = s.fma(taps[0], past[0], *sum);
            *sum = s.fma(taps[1], past[1], *sum);
            *sum = s.fma(taps[2], past[2], *sum);
            *sum = s.fma(taps[3], newest, *sum);
            if i + k < x.pixels() {
                past = [past[1], past[2], newest];
            }
        }
        let factors = logistic(s, sums);
        for k in 0..GROUP {
            out.store(s, i + k, s.mul(sums[k], factors[k]));
        }
    }
    for (tap, value) in past.into_iter().enumerate() {
        history.store(s, tap, value);
    }
}

entry!(
    Avx2,
    "avx2,fma",
    fn run_avx2(
        params: &FloatParams<'_>,
        history: &mut [f32],
        x: Rows<'_, f32>,
        out: &mut [f32],
    ) = run
);
entry!(
    Avx512,
    "avx512f",
    fn run_avx512(
        params: &FloatParams<'_>,
        history: &mut [f32],
        x: Rows<'_, f32>,
        out: &mut [f32],
    ) = run
);

/// Returns the entry point where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Run<Float<f32>>> {
    Avx2::is_there().then_some(run_avx2)
}

/// Returns the entry point where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Run<Float<f32>>> {
    Avx512::is_there().then_some(run_avx512)
}
