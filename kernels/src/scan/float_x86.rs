//! The selective scan in single precision with AVX2 and AVX-512.

use super::{FloatParams, Kernel, Run, Tokens};
use crate::arith::Float;
use crate::config::Decay;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Column, ColumnMut, GROUP, Lanes, Simd, entry, exponential, part, part_mut};
use crate::rows::Rows;

/// As `super::reference::float`, a vector of channels after another and, of it, some states after
/// others, which stay in registers over all pixels; the outputs wait in `out`.
#[inline(always)]
fn run<S: Simd>(
    s: S,
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<f32>>,
    state: &mut [f32],
    _scratch: &mut [u64],
    out: &mut [f32],
) {
    let inner = params.skip.len().max(1);
    let pixels = out.len() / inner;
    let states = tokens.b.len().min(tokens.c.len());
    if !tokens.b.holds(pixels) || !tokens.c.holds(pixels) {
        return;
    }
    for e in (0..inner).step_by(S::LANES) {
        let Some(mut channels) = Channels::new(s, params, tokens, (e, pixels), out) else {
            return;
        };
        channels.skip(s);
        let mut n = 0;
        while n < states {
            let Some(advanced) = channels.advance_some(s, (n, states - n), state) else {
                return;
            };
            n += advanced;
        }
    }
}

/// A vector of channels over some pixels.
struct Channels<'a, S: Simd> {
    params: &'a FloatParams<'a>,
    tokens: &'a Tokens<'a, Float<f32>>,
    /// The first channel.
    e: usize,
    pixels: usize,
    u: Column<'a, S>,
    dt: Column<'a, S>,
    out: ColumnMut<'a, S>,
}

impl<'a, S: Simd> Channels<'a, S> {
    /// Takes the channels from `e` on; nothing where a slice is too short.
    #[inline(always)]
    fn new(
        s: S,
        params: &'a FloatParams<'a>,
        tokens: &'a Tokens<'a, Float<f32>>,
        (e, pixels): (usize, usize),
        out: &'a mut [f32],
    ) -> Option<Self> {
        let inner = params.skip.len();
        let lanes = Lanes::new(s, inner.checked_sub(e)?, pixels);
        Some(Self {
            params,
            tokens,
            e,
            pixels,
            u: lanes.of(tokens.u, e, inner)?,
            dt: lanes.of(tokens.dt, e, inner)?,
            out: lanes.of_mut(out, e, inner)?,
        })
    }

    /// Puts out `D u`.
    #[inline(always)]
    fn skip(&mut self, s: S) {
        let skip = s.load(part(self.params.skip, self.e, S::LANES));
        for i in 0..self.pixels {
            self.out.store(s, i, s.mul(skip, self.u.load(s, i)));
        }
    }

    /// Advances states `first..`, at most `states` of them, and adds them to the outputs; returns
    /// how many.
    #[inline(always)]
    fn advance_some(
        &mut self,
        s: S,
        (first, states): (usize, usize),
        state: &mut [f32],
    ) -> Option<usize> {
        match (self.params.decay, states) {
            (Decay::Full, GROUP..) => self.advance_full::<GROUP>(s, first, state),
            (Decay::Full, _) => self.advance_full::<1>(s, first, state),
            (Decay::Tied, 16..) => self.advance_tied::<16>(s, first, state),
            (Decay::Tied, 4..) => self.advance_tied::<4>(s, first, state),
            (Decay::Tied, _) => self.advance_tied::<1>(s, first, state),
        }
    }

    /// Returns states `first..first + N` of `values`, `[states, E]`.
    #[inline(always)]
    fn of_states<const N: usize>(&self, s: S, first: usize, values: &[f32]) -> [S::V; N] {
        let inner = self.params.skip.len();
        let lanes = S::LANES.min(inner - self.e);
        let mut vectors = [s.splat(0.0); N];
        for (n, v) in vectors.iter_mut().enumerate() {
            *v = s.load(part(values, (first + n) * inner + self.e, lanes));
        }
        vectors
    }

    /// Keeps states `first..first + N`.
    #[inline(always)]
    fn keep<const N: usize>(&self, s: S, first: usize, h: [S::V; N], state: &mut [f32]) {
        let inner = self.params.skip.len();
        let lanes = S::LANES.min(inner - self.e);
        for (n, h) in h.into_iter().enumerate() {
            s.store(part_mut(state, (first + n) * inner + self.e, lanes), h);
        }
    }

    /// Advances `N` states with a rate each.
    #[inline(always)]
    fn advance_full<const N: usize>(
        &mut self,
        s: S,
        first: usize,
        state: &mut [f32],
    ) -> Option<usize> {
        let rates = self.of_states::<N>(s, first, self.params.rate);
        let mut h = self.of_states::<N>(s, first, state);
        for i in 0..self.pixels {
            let b = weights::<N>(&self.tokens.b, i, first)?;
            let c = weights::<N>(&self.tokens.c, i, first)?;
            let dt = self.dt.load(s, i);
            let drive = s.mul(dt, self.u.load(s, i));
            let mut y = self.out.load(s, i);
            let mut decays = rates;
            for a in &mut decays {
                *a = s.mul(dt, *a);
            }
            let decays = exponential(s, decays);
            for n in 0..N {
                h[n] = s.fma(decays[n], h[n], s.mul(drive, s.splat(b[n])));
                y = s.fma(h[n], s.splat(c[n]), y);
            }
            self.out.store(s, i, y);
        }
        self.keep(s, first, h, state);
        Some(N)
    }

    /// Advances `N` states whose decays are powers of the first one's.
    #[inline(always)]
    fn advance_tied<const N: usize>(
        &mut self,
        s: S,
        first: usize,
        state: &mut [f32],
    ) -> Option<usize> {
        let [rate] = self.of_states::<1>(s, 0, self.params.rate);
        let mut h = self.of_states::<N>(s, first, state);
        for i in 0..self.pixels {
            let b = weights::<N>(&self.tokens.b, i, first)?;
            let c = weights::<N>(&self.tokens.c, i, first)?;
            let dt = self.dt.load(s, i);
            let drive = s.mul(dt, self.u.load(s, i));
            let mut y = self.out.load(s, i);
            let [base] = exponential(s, [s.mul(dt, rate)]);
            let mut a = base;
            for _ in 0..first {
                a = s.mul(a, base);
            }
            for n in 0..N {
                h[n] = s.fma(a, h[n], s.mul(drive, s.splat(b[n])));
                y = s.fma(h[n], s.splat(c[n]), y);
                a = s.mul(a, base);
            }
            self.out.store(s, i, y);
        }
        self.keep(s, first, h, state);
        Some(N)
    }
}

/// Returns the weights of states `first..first + N` of pixel `i`.
#[inline(always)]
fn weights<'a, const N: usize>(
    rows: &Rows<'a, f32>,
    i: usize,
    first: usize,
) -> Option<&'a [f32; N]> {
    rows.values()
        .get(i * rows.stride() + first..)?
        .first_chunk()
}

entry!(
    Avx2,
    "avx2,fma",
    fn run_avx2(
        params: &FloatParams<'_>,
        tokens: &Tokens<'_, Float<f32>>,
        state: &mut [f32],
        scratch: &mut [u64],
        out: &mut [f32],
    ) = run
);
entry!(
    Avx512,
    "avx512f",
    fn run_avx512(
        params: &FloatParams<'_>,
        tokens: &Tokens<'_, Float<f32>>,
        state: &mut [f32],
        scratch: &mut [u64],
        out: &mut [f32],
    ) = run
);

/// Returns the kernel with an entry point; it needs no scratch.
fn kernel(run: Run<Float<f32>>) -> Kernel<Float<f32>> {
    Kernel {
        scratch_words: |_| 0,
        run,
    }
}

/// Returns the entry point where this machine has AVX2 and FMA.
pub(super) fn avx2() -> Option<Kernel<Float<f32>>> {
    Avx2::is_there().then(|| kernel(run_avx2))
}

/// Returns the entry point where this machine has AVX-512F.
pub(super) fn avx512() -> Option<Kernel<Float<f32>>> {
    Avx512::is_there().then(|| kernel(run_avx512))
}
