//! The specification of the selective scan.

use super::{FixedParams, FloatParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput, Float};
use crate::config::Decay;
use crate::num::fixed::{decay, mulhi, saturate_i16, saturate_i32};
use crate::num::float::Real;

/// Advances the scan in floating point; arguments as [`super::Run`].
///
/// For each channel of each pixel: `drive = dt u`; `y = D u`; then for each state in ascending order
/// `h = fma(a, h, drive B)`, `y = fma(h, C, y)`, with `a = exponential(dt A)`, or tied
/// `a_0 = exponential(dt A)`, `a_n = a_(n-1) a_0`. Scratch: none. Error against f64: grows with
/// the memory of the state, 2^-20 relative on the shipped models' states. Source: Mamba (arXiv
/// 2312.00752) algorithm 2.
fn float<R: Real>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<R>>,
    state: &mut [R],
    _scratch: &mut [u64],
    out: &mut [R],
) {
    let inner = params.skip.len();
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        for (e, out) in out.iter_mut().enumerate() {
            *out = float_channel(params, tokens, state, (i, e), (e, inner));
        }
    }
}

/// Advances channel `e` by pixel `i` in floating point.
///
/// * `(first, stride)` - state `n` of the channel is `state[first + n * stride]`.
#[inline(always)]
pub fn float_channel<R: Real>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<R>>,
    state: &mut [R],
    (i, e): (usize, usize),
    (first, stride): (usize, usize),
) -> R {
    let inner = params.skip.len();
    let (b, c) = (tokens.b.row(i), tokens.c.row(i));
    let (u, dt) = (tokens.u[i * inner + e], tokens.dt[i * inner + e]);
    let drive = dt * u;
    let mut y = R::of(params.skip[e]) * u;
    let base = (dt * R::of(params.rate[e])).exponential();
    let mut a = base;
    for (n, (&b, &c)) in b.iter().zip(c).enumerate() {
        if n > 0 {
            a = match params.decay {
                Decay::Full => (dt * R::of(params.rate[n * inner + e])).exponential(),
                Decay::Tied => a * base,
            };
        }
        let h = &mut state[n * stride + first];
        *h = a.fma(*h, drive * b);
        y = h.fma(c, y);
    }
    y
}

/// Advances the scan in fixed point; arguments as [`super::Run`], states of 32 bits with a unit a
/// channel.
///
/// For each channel of each pixel: `drive = sat32(round(dt u / 2^(bits - 1)))`; for each state in
/// ascending order `h = sat32(round(h a / 2^31) + round(drive B / 2^state_shift))` and `sum += h C` in
/// 64 bits, with `a = decay(dt, rate)` in Q0.31, tied `a_n = round(a_(n-1) a_0 / 2^31)`; then
/// `y = sat16((mulhi(sat32(round(sum / 2^15)), multiplier) + mulhi(u 2^(32 - bits), skip) + half) >>
/// shift)`. All roundings half up. Scratch: none. Error against f64: 2^-21 relative a decay
/// step, one unit of the state a step, below one unit of the output. Source: as [`float`].
fn fixed<I: FixedInput>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    _scratch: &mut [u64],
    out: &mut [i16],
) {
    let inner = params.skip.len();
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        for (e, out) in out.iter_mut().enumerate() {
            *out = fixed_channel(params, tokens, state, (i, e), (e, inner));
        }
    }
}

/// Advances channel `e` by pixel `i` in fixed point, as [`float_channel`].
#[inline(always)]
pub fn fixed_channel<I: FixedInput>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    (i, e): (usize, usize),
    (first, stride): (usize, usize),
) -> i16 {
    let inner = params.skip.len();
    let (b, c) = (tokens.b.row(i), tokens.c.row(i));
    let (u, dt) = (tokens.u[i * inner + e].int(), tokens.dt[i * inner + e]);
    let drive = saturate_i32(round_shift(i64::from(dt) * i64::from(u), I::BITS - 1));
    let base = decay(dt, params.rate[e]);
    let (mut a, mut sum) = (base, 0);
    for (n, (&b, &c)) in b.iter().zip(c).enumerate() {
        if n > 0 {
            a = match params.decay {
                Decay::Full => decay(dt, params.rate[n * inner + e]),
                Decay::Tied => ((u64::from(a) * u64::from(base) + (1 << 30)) >> 31) as u32,
            };
        }
        let h = &mut state[n * stride + first];
        let kept = round_shift(i64::from(*h) * i64::from(a), 31);
        let driven = i64::from(drive) * i64::from(b);
        let state_shift = u32::from(params.state_shift[e]);
        *h = saturate_i32(kept + round_shift(driven, state_shift));
        sum += i64::from(*h) * i64::from(c);
    }
    let shift = params.shift[e];
    let sum = saturate_i32(round_shift(sum, 15));
    let y = mulhi(sum, params.multiplier[e]) + mulhi(u << (32 - I::BITS), params.skip[e]);
    saturate_i16((y + (1 << (shift - 1))) >> shift)
}

/// Returns `x / 2^bits` rounded half up.
#[inline(always)]
fn round_shift(x: i64, bits: u32) -> i64 {
    (x + (1 << (bits - 1))) >> bits
}

/// Returns the entry point in floating point.
pub(crate) const fn float_kernel<R: Real>() -> Kernel<Float<R>> {
    Kernel {
        scratch_words: |_| 0,
        run: float::<R>,
    }
}

/// Returns the entry point in fixed point.
pub(crate) const fn fixed_kernel<I: FixedInput>() -> Kernel<Fixed<I>> {
    Kernel {
        scratch_words: |_| 0,
        run: fixed::<I>,
    }
}
