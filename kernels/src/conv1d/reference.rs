//! The specification of the causal convolution.

use super::{FixedParams, FloatParams};
use crate::arith::FixedInput;
use crate::config::CONV1D_TAPS;
use crate::num::fixed::{logistic, requantise, saturate_i16};
use crate::num::float::Real;
use crate::rows::Rows;

/// Convolves the next pixels in floating point and applies SiLU; arguments as [`super::Run`].
///
/// A chain of fused multiply-adds from the bias, oldest tap first, then `c * logistic(c)`. Scratch:
/// 0 bytes. Error against f64: 5 ULP of the largest partial sum. Source: Mamba, `causal_conv1d`.
pub(crate) fn float<R: Real>(
    params: &FloatParams<'_>,
    history: &mut [R],
    x: Rows<'_, R>,
    out: &mut [R],
) {
    let inner = x.len();
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        let x = x.row(i);
        for (e, out) in out.iter_mut().enumerate() {
            *out = float_channel(params, inner, e, |tap| match tap {
                0..3 => history[tap * inner + e],
                _ => x[e],
            });
        }
        advance(history, x);
    }
}

/// Returns channel `e` of a pixel in floating point; `value(tap)` are the channel's values, oldest
/// first.
#[inline(always)]
pub fn float_channel<R: Real>(
    params: &FloatParams<'_>,
    inner: usize,
    e: usize,
    value: impl Fn(usize) -> R,
) -> R {
    let mut sum = R::of(params.bias[e]);
    for tap in 0..CONV1D_TAPS {
        sum = R::of(params.taps[tap * inner + e]).fma(value(tap), sum);
    }
    sum * sum.logistic()
}

/// Convolves the next pixels in fixed point and applies SiLU; arguments as [`super::Run`],
/// `history` and `x` in the unit of the input projection.
///
/// Exact in 32 bits, requantised to 16 bits with `fraction` fraction bits and clamped, multiplied
/// by [`logistic`] (Q0.15), requantised and clamped. Scratch: 0 bytes. Error against f64: half a unit
/// of SiLU's input, then 1.1 units of 2^-15 of its slope and half an output unit. Source: as
/// [`float`].
pub(crate) fn fixed<I: FixedInput>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = x.len();
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        let x = x.row(i);
        for (e, out) in out.iter_mut().enumerate() {
            *out = fixed_channel(params, inner, e, |tap| match tap {
                0..3 => history[tap * inner + e],
                _ => x[e],
            });
        }
        advance(history, x);
    }
}

/// Returns channel `e` of a pixel in fixed point, as [`float_channel`].
#[inline(always)]
pub fn fixed_channel<I: FixedInput>(
    params: &FixedParams<'_>,
    inner: usize,
    e: usize,
    value: impl Fn(usize) -> i16,
) -> I {
    let mut acc = params.bias[e];
    for tap in 0..CONV1D_TAPS {
        acc += i32::from(params.taps[tap * inner + e]) * i32::from(value(tap));
    }
    let c = saturate_i16(requantise(acc, params.multiplier[e], params.shift[e]));
    let silu = i32::from(c) * logistic(c, params.fraction);
    I::saturate(requantise(silu, params.out_multiplier, params.out_shift))
}

/// Drops the oldest pixel and appends the newest.
#[inline(always)]
fn advance<T: Copy>(history: &mut [T], x: &[T]) {
    history.copy_within(x.len().., 0);
    let kept = history.len() - x.len();
    history[kept..].copy_from_slice(x);
}
