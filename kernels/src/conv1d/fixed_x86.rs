//! The causal convolution in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{Lanes, Logistic, Scale, StoreInput, entries, load_shifts, saturate_i16};
use crate::num::simd::{part, part_mut};
use crate::rows::Rows;

/// As `super::reference::fixed`, a vector of channels after another over all pixels.
#[inline(always)]
fn run<S: Lanes, I: StoreInput>(
    s: S,
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = x.len().max(1);
    if !x.holds(out.len() / inner) {
        return;
    }
    let logistic = Logistic::new(s, params.fraction);
    let to_output = Scale::splat(s, params.out_multiplier, params.out_shift);
    for e in (0..inner).step_by(S::LANES) {
        let lanes = S::LANES.min(inner - e);
        let bias = s.load(part(params.bias, e, lanes));
        let shift = load_shifts(s, part(params.shift, e, lanes));
        let scale = Scale::new(s, s.load(part(params.multiplier, e, lanes)), shift);
        let tap = |tap: usize| s.load8(part(params.taps, tap * inner + e, lanes));
        let (older, newer) = (pair(s, tap(0), tap(1)), pair(s, tap(2), tap(3)));
        let held = |i: usize| s.load16(part(history, i * inner + e, lanes));
        let (mut h0, mut h1, mut h2) = (held(0), held(1), held(2));
        for (i, out) in out.chunks_exact_mut(inner).enumerate() {
            let x = s.load16(part(x.values(), i * x.stride() + e, lanes));
            let acc = s.add(bias, s.mul_pairs(pair(s, h0, h1), older));
            let acc = s.add(acc, s.mul_pairs(pair(s, h2, x), newer));
            (h0, h1, h2) = (h1, h2, x);
            let c = saturate_i16(s, scale.requantise(s, acc));
            let silu = s.mul(c, logistic.of(s, c));
            I::store(s, part_mut(out, e, lanes), to_output.requantise(s, silu));
        }
        for (i, h) in [h0, h1, h2].into_iter().enumerate() {
            s.store16(part_mut(history, i * inner + e, lanes), h);
        }
    }
}

/// Returns 16-bit values as lower and upper halves.
#[inline(always)]
fn pair<S: Lanes>(s: S, lower: S::V, upper: S::V) -> S::V {
    s.or(s.and(lower, s.splat(0xffff)), s.shl(upper, s.splat(16)))
}

entries!(
    fn avx2_run_i16, avx512_run_i16(
        params: &FixedParams<'_>,
        history: &mut [i16],
        x: Rows<'_, i16>,
        out: &mut [i16],
    ) = run
);
entries!(
    fn avx2_run_i8, avx512_run_i8(
        params: &FixedParams<'_>,
        history: &mut [i16],
        x: Rows<'_, i16>,
        out: &mut [i8],
    ) = run
);

/// Returns the entry point for `i16` where this machine has AVX2.
pub(super) fn avx2_i16() -> Option<Run<Fixed<i16>>> {
    Avx2::is_there().then_some(avx2_run_i16)
}

/// Returns the entry point for `i8` where this machine has AVX2.
pub(super) fn avx2_i8() -> Option<Run<Fixed<i8>>> {
    Avx2::is_there().then_some(avx2_run_i8)
}

/// Returns the entry point for `i16` where this machine has AVX-512.
pub(super) fn avx512_i16() -> Option<Run<Fixed<i16>>> {
    Avx512::is_there().then_some(avx512_run_i16)
}

/// Returns the entry point for `i8` where this machine has AVX-512.
pub(super) fn avx512_i8() -> Option<Run<Fixed<i8>>> {
    Avx512::is_there().then_some(avx512_run_i8)
}
