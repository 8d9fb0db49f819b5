//! The specification of the causal convolution.

use super::{FixedParams, FloatParams};
use crate::arith::FixedInput;
use crate::config::CONV1D_TAPS;
use crate::num::fixed::{logistic, requantise, saturate_i16};
use crate::num::float::Real;

/// Convolves the next pixel in floating point and applies SiLU.
///
/// * `history` - `[3, E]`, the three pixels before, oldest first; zeros at the start; moved on.
/// * `x`, `out` - `[E]`.
///
/// A chain of fused multiply-adds from the bias, oldest tap first, then `c * logistic(c)`. Scratch:
/// 0 bytes. Error against f64: 5 ULP of the largest partial sum. Source: Mamba, `causal_conv1d`.
#[inline(always)]
pub(crate) fn float<R: Real>(params: &FloatParams<'_>, history: &mut [R], x: &[R], out: &mut [R]) {
    let inner = x.len();
    for (out, &bias) in out.iter_mut().zip(params.bias) {
        *out = R::of(bias);
    }
    for (taps, values) in params
        .taps
        .chunks_exact(inner)
        .zip(history.chunks_exact(inner))
    {
        for ((out, &tap), &value) in out.iter_mut().zip(taps).zip(values) {
            *out = R::of(tap).fma(value, *out);
        }
    }
    let newest = &params.taps[(CONV1D_TAPS - 1) * inner..];
    for ((out, &tap), &value) in out.iter_mut().zip(newest).zip(x) {
        let sum = R::of(tap).fma(value, *out);
        *out = sum * sum.logistic();
    }
    advance(history, x);
}

/// Convolves the next pixel in fixed point and applies SiLU.
///
/// * `history`, `x` - as [`float`], in the unit of the input projection. * `out` - `[E]`.
///
/// Exact in 32 bits, requantised to 16 bits with `fraction` fraction bits and clamped, multiplied
/// by [`logistic`] (Q0.15), requantised and clamped. Scratch: 0 bytes. Error against f64: half a unit
/// of SiLU's input, then 1.1 units of 2^-15 of its slope and half an output unit. Source: as
/// [`float`].
#[inline(always)]
pub(crate) fn fixed<I: FixedInput>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: &[i16],
    out: &mut [I],
) {
    let inner = x.len();
    for (e, (out, &newest)) in out.iter_mut().zip(x).enumerate() {
        let mut acc = params.bias[e] + i32::from(params.taps[3 * inner + e]) * i32::from(newest);
        for tap in 0..CONV1D_TAPS - 1 {
            let at = tap * inner + e;
            acc += i32::from(params.taps[at]) * i32::from(history[at]);
        }
        let c = saturate_i16(requantise(acc, params.multiplier[e], params.shift[e]));
        let silu = i32::from(c) * logistic(c, params.fraction);
        *out = I::saturate(requantise(silu, params.out_multiplier, params.out_shift));
    }
    advance(history, x);
}

/// Drops the oldest pixel and appends the newest.
#[inline(always)]
fn advance<T: Copy>(history: &mut [T], x: &[T]) {
    history.copy_within(x.len().., 0);
    let kept = history.len() - x.len();
    history[kept..].copy_from_slice(x);
}
