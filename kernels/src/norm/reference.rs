//! The specification of the norm.

use super::{EPSILON, FixedParams, FloatParams, Kernel};
use crate::arith::{Arithmetic, Fixed, FixedInput, Float};
use crate::num::fixed::{mulhi, reciprocal_sqrt};
use crate::num::float::Real;

/// Normalises one pixel in floating point.
///
/// * `x`, `out` - `[C]`.
///
/// Sums in ascending order: `mean = sum(x) / C`, `variance = sum(d d) / C` with `d = x - mean` by
/// fused multiply-adds, `r = 1 / sqrt(variance + epsilon)`, `out = fma(d r, gamma, beta)`; division
/// and square root of IEEE 754. Scratch: 0 bytes. Error against f64: relative `(C + 4) 2^-24` of
/// `|d r gamma| + |beta|`. Source: DVMSR, PyTorch `LayerNorm`.
fn float<R: Real>(params: &FloatParams<'_>, x: &[R], out: &mut [R]) {
    let n = R::of_int(x.len() as i32);
    let mean = x.iter().fold(R::zero(), |sum, &x| sum + x) / n;
    let square = |sum, &x: &R| (x - mean).fma(x - mean, sum);
    let variance = x.iter().fold(R::zero(), square) / n;
    let r = R::one() / (variance + R::of(EPSILON as f32)).root();
    for ((out, &x), (&gamma, &beta)) in out
        .iter_mut()
        .zip(x)
        .zip(params.gamma.iter().zip(params.beta))
    {
        *out = ((x - mean) * r).fma(R::of(gamma), R::of(beta));
    }
}

/// Normalises one pixel in fixed point.
///
/// * `x` - `[C]`, `C` at most 256. * `out` - `[C]`. * `convert` - clamps a result in the output's
///   unit.
///
/// With `d = C x - sum(x)` and `v = sum(d d) + epsilon`, exact in 64 bits, `d / sqrt(v)` in Q1.30
/// (one rounding shift of the product with [`reciprocal_sqrt`]), then
/// `(mulhi(d / sqrt(v), gain) + offset + half) >> shift`. Scratch: 0 bytes. Error against f64:
/// below one output unit. Source: as [`float`].
fn fixed<O>(params: &FixedParams<'_>, x: &[i16], out: &mut [O], convert: impl Fn(i32) -> O) {
    let n = x.len() as i32;
    let sum: i32 = x.iter().map(|&x| i32::from(x)).sum();
    let deviation = |x: i16| n * i32::from(x) - sum;
    let squares = x.iter().map(|&x| i64::from(deviation(x)).pow(2) as u64);
    let (mantissa, halvings) = reciprocal_sqrt(squares.sum::<u64>() + params.epsilon);
    let shift = 32 - halvings;
    let half = 1i64 << (shift - 1);
    let round = 1i32 << (params.shift - 1);
    for ((out, &x), (&gain, &offset)) in out
        .iter_mut()
        .zip(x)
        .zip(params.gain.iter().zip(params.offset))
    {
        let normed = ((i64::from(deviation(x)) * mantissa + half) >> shift) as i32;
        *out = convert((mulhi(normed, gain) + offset + round) >> params.shift);
    }
}

/// Returns the entry points in floating point.
pub(crate) const fn float_kernel<R: Real>() -> Kernel<Float<R>> {
    fn run<R: Real>(params: &FloatParams<'_>, x: &[R], width: usize, out: &mut [R]) {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            float(params, x, out);
        }
    }
    Kernel {
        acts: run,
        inputs: run,
    }
}

/// Returns the entry points in fixed point.
pub(crate) const fn fixed_kernel<I: FixedInput>() -> Kernel<Fixed<I>> {
    Kernel {
        acts: |params, x, width, out| {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                fixed(params, x, out, Fixed::<I>::to_act);
            }
        },
        inputs: |params, x, width, out| {
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                fixed(params, x, out, Fixed::<I>::to_in);
            }
        },
    }
}
