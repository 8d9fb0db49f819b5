//! The causal convolution in fixed point with AVX2 and AVX-512.

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::fixed_avx2::Avx2;
use crate::num::fixed_avx512::Avx512;
use crate::num::lanes::{
    Lanes, Logistic, Scale, StoreInput, entries, load_shifts, saturate_i16, vector, vector_mut,
};
use crate::num::simd::{part, part_mut};
use crate::rows::Rows;

/// As `super::reference::fixed`, vectors of channels after another over all pixels.
#[inline(always)]
fn run<S: Lanes, I: StoreInput>(
    s: S,
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    if !x.holds(out.len() / x.len().max(1)) {
        return;
    }
    for e in (0..x.len()).step_by(S::TOGETHER * S::LANES) {
        match S::TOGETHER {
            2 => columns::<S, I, 2>(s, params, e, history, x, out),
            _ => columns::<S, I, 1>(s, params, e, history, x, out),
        }
    }
}

/// Convolves vectors of channels, the first of which is `e`.
#[inline(always)]
fn columns<S: Lanes, I: StoreInput, const K: usize>(
    s: S,
    params: &FixedParams<'_>,
    e: usize,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = x.len();
    let lanes = (inner - e).min(K * S::LANES);
    let logistic = Logistic::new(s, params.fraction);
    let to_output = Scale::splat(s, params.out_multiplier, params.out_shift);
    let of_lanes = |at: usize| (inner, at, S::LANES.min(inner.saturating_sub(at)));
    let mut columns = [Column::new(s, params, history, of_lanes(e)); K];
    for (k, column) in columns.iter_mut().enumerate().skip(1) {
        *column = Column::new(s, params, history, of_lanes(e + k * S::LANES));
    }
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        let x = part(x.values(), i * x.stride() + e, lanes);
        let out = part_mut(out, e, lanes);
        let mut c = [s.splat(0); K];
        for (k, column) in columns.iter_mut().enumerate() {
            c[k] = column.next(s, s.load16(vector::<S, _>(x, k)));
        }
        let silu = logistic.of(s, c);
        for k in 0..K {
            let y = to_output.requantise(s, s.mul(c[k], silu[k]));
            I::store(s, vector_mut::<S, _>(out, k), y);
        }
    }
    for (i, history) in history.chunks_exact_mut(inner).enumerate().take(3) {
        let history = part_mut(history, e, lanes);
        for (k, column) in columns.iter().enumerate() {
            s.store16(vector_mut::<S, _>(history, k), column.held[i]);
        }
    }
}

/// A vector of channels.
#[derive(Clone, Copy)]
struct Column<S: Lanes> {
    bias: S::V,
    scale: Scale<S>,
    /// The two older taps and the two newer ones.
    taps: [S::V; 2],
    /// Inputs before the next one, oldest first.
    held: [S::V; 3],
}

impl<S: Lanes> Column<S> {
    /// Takes channels `e..e + lanes`.
    #[inline(always)]
    fn new(
        s: S,
        params: &FixedParams<'_>,
        history: &[i16],
        (inner, e, lanes): (usize, usize, usize),
    ) -> Self {
        let shift = load_shifts(s, part(params.shift, e, lanes));
        let tap = |tap: usize| s.load8(part(params.taps, tap * inner + e, lanes));
        let held = |i: usize| s.load16(part(history, i * inner + e, lanes));
        Self {
            bias: s.load(part(params.bias, e, lanes)),
            scale: Scale::new(s, s.load(part(params.multiplier, e, lanes)), shift),
            taps: [pair(s, tap(0), tap(1)), pair(s, tap(2), tap(3))],
            held: [held(0), held(1), held(2)],
        }
    }

    /// Returns SiLU's input of the next pixel.
    #[inline(always)]
    fn next(&mut self, s: S, x: S::V) -> S::V {
        let ([h0, h1, h2], [older, newer]) = (self.held, self.taps);
        let acc = s.add(self.bias, s.mul_pairs(pair(s, h0, h1), older));
        let acc = s.add(acc, s.mul_pairs(pair(s, h2, x), newer));
        self.held = [h1, h2, x];
        saturate_i16(s, self.scale.requantise(s, acc))
    }
}

/// Returns 16-bit values as lower and upper halves.
#[inline(always)]
fn pair<S: Lanes>(s: S, lower: S::V, upper: S::V) -> S::V {
    s.or(s.and(lower, s.splat(0xffff)), s.shl(upper, s.splat(16)))
}

entries!(
    avx2_run_i16, avx512_run_i16(
        params: &FixedParams<'_>,
        history: &mut [i16],
        x: Rows<'_, i16>,
        out: &mut [i16],
    ) = run
);
entries!(
    avx2_run_i8, avx512_run_i8(
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
