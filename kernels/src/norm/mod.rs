//! Layer norm of one pixel: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta` over channels.

mod reference;

pub(crate) use reference::{fixed, float};

use crate::arith::Arithmetic;
use crate::dispatch::dispatch;

/// Added to the variance; that of DVMSR.
pub const EPSILON: f64 = 1e-5;

/// Parameters in floating point.
#[derive(Clone, Copy, Debug)]
pub struct FloatParams<'a> {
    /// Gain `[C]`.
    pub gamma: &'a [f32],
    /// Offset `[C]`.
    pub beta: &'a [f32],
}

/// Parameters in fixed point, for an input of scale `s` and an output of scale `t`.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams<'a> {
    /// `gamma sqrt(C) / t * 2^(2 + shift)`, `[C]`.
    pub gain: &'a [i32],
    /// `beta / t * 2^shift`, `[C]`.
    pub offset: &'a [i32],
    /// Fraction bits of the sum, `[1, 30]`.
    pub shift: u8,
    /// `epsilon C^3 / s^2`, at least 1.
    pub epsilon: u64,
}

dispatch! {
    /// Normalises one row of pixels.
    ///
    /// * `x`, `out` - `[w, width]`. * `acc` - `[width]`, scratch. * `convert` - clamps a result.
    pub fn row<A: Arithmetic, O: Copy, F: Fn(A::Acc) -> O>(
        params: &A::Norm<'_>,
        x: &[A::Act],
        acc: &mut [A::Acc],
        out: &mut [O],
        width: usize,
        convert: F,
    ) {
        let acc = &mut acc[..width];
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            A::norm(params, x, acc);
            for (out, &value) in out.iter_mut().zip(&*acc) {
                *out = convert(value);
            }
        }
    }
}
