//! The specification of the selective scan.

use super::{FixedParams, FloatParams, Scratch, Token};
use crate::arith::{Arithmetic, Fixed, FixedInput, Float};
use crate::config::Decay;
use crate::num::fixed::{decay, mulhi, saturate_i16, saturate_i32};
use crate::num::float::Real;

/// Advances the scan by one pixel in floating point.
///
/// * `state` - `[N, E]`, zeros at the start. * `out` - `[E]`.
///
/// For each channel: `drive = dt u`; `y = D u`; then for each state in ascending order
/// `h = fma(a, h, drive B)`, `y = fma(h, C, y)`, with `a = exponential(dt A)`, or tied
/// `a_0 = exponential(dt A)`, `a_n = a_(n-1) a_0`. Scratch: [`Scratch`]. Error against f64: grows with
/// the memory of the state, 2^-20 relative on the shipped models' states. Source: Mamba (arXiv
/// 2312.00752) algorithm 2.
#[inline(always)]
pub(crate) fn float<R: Real>(
    params: &FloatParams<'_>,
    token: &Token<'_, Float<R>>,
    state: &mut [R],
    scratch: &mut Scratch<'_, Float<R>>,
    out: &mut [R],
) {
    let inner = out.len();
    for (e, out) in out.iter_mut().enumerate() {
        scratch.drive[e] = token.dt[e] * token.u[e];
        *out = R::of(params.skip[e]) * token.u[e];
    }
    for (n, state) in state.chunks_exact_mut(inner).enumerate() {
        let a = &mut scratch.decay[..inner];
        if n == 0 || params.decay == Decay::Full {
            for ((a, &dt), &rate) in a.iter_mut().zip(token.dt).zip(&params.rate[n * inner..]) {
                *a = (dt * R::of(rate)).exponential();
            }
            if n == 0 {
                scratch.base[..inner].copy_from_slice(a);
            }
        } else {
            for (a, &base) in a.iter_mut().zip(&*scratch.base) {
                *a = *a * base;
            }
        }
        let (b, c) = (token.b[n], token.c[n]);
        for (((h, &a), &drive), y) in state
            .iter_mut()
            .zip(&*a)
            .zip(&*scratch.drive)
            .zip(out.iter_mut())
        {
            *h = a.fma(*h, drive * b);
            *y = h.fma(c, *y);
        }
    }
}

/// Advances the scan by one pixel in fixed point.
///
/// * `state` - `[N, E]`, zeros at the start, 32 bits with a unit a channel. * `out` - `[E]`.
///
/// For each channel: `drive = round(dt u / 2^(bits - 1))`; for each state in ascending order
/// `h = sat32(round(h a / 2^31) + round(drive B / 2^state_shift))` and `sum += h C` in 64 bits, with
/// `a = decay(dt, rate)` in Q0.31, tied `a_n = round(a_(n-1) a_0 / 2^31)`; then
/// `y = sat16((mulhi(sat32(round(sum / 2^15)), multiplier) + mulhi(u 2^(32 - bits), skip) + half) >>
/// shift)`. All roundings half up. Scratch: [`Scratch`]. Error against f64: 2^-21 relative a decay
/// step, one unit of the state a step, below one unit of the output. Source: as [`float`].
#[inline(always)]
pub(crate) fn fixed<I: FixedInput>(
    params: &FixedParams<'_>,
    token: &Token<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &mut Scratch<'_, Fixed<I>>,
    out: &mut [i16],
) where
    Fixed<I>: Arithmetic<In = I, Act = i16, Wide = i32, ScanSum = i64>,
{
    let inner = out.len();
    for e in 0..inner {
        let product = i64::from(token.dt[e]) * i64::from(token.u[e].int());
        scratch.drive[e] = saturate_i32(round_shift(product, I::BITS - 1));
        scratch.sum[e] = 0;
    }
    for (n, state) in state.chunks_exact_mut(inner).enumerate() {
        let a = &mut scratch.decay[..inner];
        if n == 0 || params.decay == Decay::Full {
            for ((a, &dt), &rate) in a.iter_mut().zip(token.dt).zip(&params.rate[n * inner..]) {
                *a = decay(dt, rate) as i32;
            }
            if n == 0 {
                scratch.base[..inner].copy_from_slice(a);
            }
        } else {
            for (a, &base) in a.iter_mut().zip(&*scratch.base) {
                let product = u64::from(*a as u32) * u64::from(base as u32);
                *a = ((product + (1 << 30)) >> 31) as i32;
            }
        }
        let (b, c) = (i64::from(token.b[n]), i64::from(token.c[n]));
        for (e, h) in state.iter_mut().enumerate() {
            let kept = round_shift(i64::from(*h) * i64::from(a[e] as u32), 31);
            let driven = i64::from(scratch.drive[e]) * b;
            *h = saturate_i32(kept + round_shift(driven, u32::from(params.state_shift[e])));
            scratch.sum[e] += i64::from(*h) * c;
        }
    }
    for (e, out) in out.iter_mut().enumerate() {
        let sum = saturate_i32(round_shift(scratch.sum[e], 15));
        let u = token.u[e].int() << (32 - I::BITS);
        let y = mulhi(sum, params.multiplier[e]) + mulhi(u, params.skip[e]);
        *out = saturate_i16((y + (1 << (params.shift[e] - 1))) >> params.shift[e]);
    }
}

/// Returns `x / 2^bits` rounded half up.
#[inline(always)]
fn round_shift(x: i64, bits: u32) -> i64 {
    (x + (1 << (bits - 1))) >> bits
}
