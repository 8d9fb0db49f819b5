//! The selective scan in single precision with AVX2 and AVX-512.

use super::{FloatParams, Kernel, Run, Tokens};
use crate::arith::Float;
use crate::config::Decay;
use crate::num::float_avx2::Avx2;
use crate::num::float_avx512::Avx512;
use crate::num::simd::{Simd, entry, exponential, part, part_mut};

/// As `super::reference::float`, a vector of channels after another: its states stay in registers
/// over all pixels, up to 16 at a time.
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
        let mut channels = Channels {
            params,
            tokens,
            inner,
            e,
            lanes: S::LANES.min(inner - e),
            pixels,
        };
        channels.skip(s, out);
        let mut n = 0;
        while n < states {
            n += match states - n {
                16.. => channels.advance::<S, 16>(s, n, state, out),
                8.. => channels.advance::<S, 8>(s, n, state, out),
                4.. => channels.advance::<S, 4>(s, n, state, out),
                _ => channels.advance::<S, 1>(s, n, state, out),
            };
        }
    }
}

/// A vector of channels over some pixels.
struct Channels<'a> {
    params: &'a FloatParams<'a>,
    tokens: &'a Tokens<'a, Float<f32>>,
    inner: usize,
    /// The first channel.
    e: usize,
    lanes: usize,
    pixels: usize,
}

impl Channels<'_> {
    /// Puts out `D u`.
    #[inline(always)]
    fn skip<S: Simd>(&self, s: S, out: &mut [f32]) {
        let skip = s.load(part(self.params.skip, self.e, self.lanes));
        for i in 0..self.pixels {
            let at = i * self.inner + self.e;
            let u = s.load(part(self.tokens.u, at, self.lanes));
            s.store(part_mut(out, at, self.lanes), s.mul(skip, u));
        }
    }

    /// Advances states `first..first + N` and adds them to the outputs; returns `N`.
    #[inline(always)]
    fn advance<S: Simd, const N: usize>(
        &mut self,
        s: S,
        first: usize,
        state: &mut [f32],
        out: &mut [f32],
    ) -> usize {
        let of_state =
            |values, n| s.load(part(values, (first + n) * self.inner + self.e, self.lanes));
        let mut h = [s.splat(0.0); N];
        let mut rates = [s.splat(0.0); N];
        for n in 0..N {
            h[n] = of_state(&*state, n);
        }
        let tied = matches!(self.params.decay, Decay::Tied);
        for n in 0..N {
            rates[n] = match tied {
                false => of_state(self.params.rate, n),
                true => s.load(part(self.params.rate, self.e, self.lanes)),
            };
        }
        for i in 0..self.pixels {
            let at = i * self.inner + self.e;
            let dt = s.load(part(self.tokens.dt, at, self.lanes));
            let drive = s.mul(dt, s.load(part(self.tokens.u, at, self.lanes)));
            let b = part(
                self.tokens.b.values(),
                i * self.tokens.b.stride() + first,
                N,
            );
            let c = part(
                self.tokens.c.values(),
                i * self.tokens.c.stride() + first,
                N,
            );
            let (Some(b), Some(c)) = (b.first_chunk::<N>(), c.first_chunk::<N>()) else {
                break;
            };
            let mut y = s.load(part(out, at, self.lanes));
            let mut a = s.splat(1.0);
            let mut base = a;
            if tied {
                base = exponential(s, s.mul(dt, rates[0]));
                a = base;
                for _ in 0..first {
                    a = s.mul(a, base);
                }
            }
            for n in 0..N {
                if !tied {
                    a = exponential(s, s.mul(dt, rates[n]));
                } else if n > 0 {
                    a = s.mul(a, base);
                }
                h[n] = s.fma(a, h[n], s.mul(drive, s.splat(b[n])));
                y = s.fma(h[n], s.splat(c[n]), y);
            }
            s.store(part_mut(out, at, self.lanes), y);
        }
        for n in 0..N {
            let at = (first + n) * self.inner + self.e;
            s.store(part_mut(state, at, self.lanes), h[n]);
        }
        N
    }
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
