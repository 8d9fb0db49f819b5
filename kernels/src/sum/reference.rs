//! The specification of the sum.

use super::FixedParams;
use crate::num::fixed::{mulhi, saturate_i16};
use crate::num::float::Real;

/// Adds `b` to `a`, any shape. Scratch: 0 bytes. Error: half a unit in the last place.
pub(crate) fn float<R: Real>((): &(), a: &mut [R], b: &[R]) {
    for (a, &b) in a.iter_mut().zip(b) {
        *a = *a + b;
    }
}

/// Adds `b` to `a` in fixed point, any shape, each with its own unit:
/// `(mulhi(a 2^16, ma) + mulhi(b 2^16, mb) + half) >> shift`, clamped to 16 bits.
///
/// Scratch: 0 bytes. Error against f64: below 1/2 + 2^(1 - shift) units.
pub(crate) fn fixed(params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let round = 1 << (params.shift - 1);
    for (a, &b) in a.iter_mut().zip(b) {
        let first = mulhi(i32::from(*a) << 16, params.a);
        let second = mulhi(i32::from(b) << 16, params.b);
        // Each factor is at most 2^30 (checked at load): each term below 2^29, the half 2^29.
        *a = saturate_i16((first + second + round) >> params.shift);
    }
}
