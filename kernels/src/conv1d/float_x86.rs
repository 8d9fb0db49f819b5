//! The causal convolution in single precision with AVX2 and AVX-512.

use super::{FloatParams, Run};
use crate::arith::Float;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, logistic, part, part_mut};
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
    if !x.holds(pixels) {
        return;
    }
    for e in (0..inner).step_by(S::LANES) {
        let lanes = S::LANES.min(inner - e);
        let of_tap = |values, tap: usize| s.load(part(values, tap * inner + e, lanes));
        let taps = [0, 1, 2, 3].map(|tap| of_tap(params.taps, tap));
        let bias = of_tap(params.bias, 0);
        let mut past = [0, 1, 2].map(|tap| of_tap(history, tap));
        for i in 0..pixels {
            let newest = s.load(part(x.values(), i * x.stride() + e, lanes));
            let mut sum = bias;
            for (tap, value) in taps.into_iter().zip([past[0], past[1], past[2], newest]) {
                sum = s.fma(tap, value, sum);
            }
            let silu = s.mul(sum, logistic(s, sum));
            s.store(part_mut(out, i * inner + e, lanes), silu);
            past = [past[1], past[2], newest];
        }
        for (tap, value) in past.into_iter().enumerate() {
            s.store(part_mut(history, tap * inner + e, lanes), value);
        }
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
