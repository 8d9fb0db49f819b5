//! Step sizes of the selective scan with NEON.

use bytemuck::must_cast;

use super::Run;
use crate::arith::{Fixed, Float};
use crate::num::neon::{fixed, float, map};

/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(|x, out| {
        map(x, out, |x: [f32; 4]| {
            must_cast(float::soft_plus(must_cast(x)))
        })
    })
}

/// Returns the entry point; no step size depends on the inputs' bits.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(|x, out| {
        map(x, out, |x: [i32; 4]| {
            must_cast(fixed::soft_plus(must_cast(x)))
        })
    })
}
