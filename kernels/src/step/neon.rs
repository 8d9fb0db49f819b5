//! Step sizes of the selective scan with NEON.

use bytemuck::must_cast;

use super::Run;
use crate::arith::{Fixed, Float};
use crate::num::neon::{Lanes, fixed, float, for_blocks};

/// Returns the entry point.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    Some(|x, out| {
        for_blocks!(4, x.len().min(out.len()), |at, lanes| {
            let steps = float::soft_plus(float::load(lanes, x, at));
            float::store(lanes, out, at, steps);
        });
    })
}

/// Returns the entry point; no step size depends on the inputs' bits.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(|x, out| {
        for_blocks!(4, x.len().min(out.len()), |at, lanes| {
            let steps = fixed::soft_plus(fixed::load_i32(lanes, x, at));
            lanes.store::<i32, 4>(out, at, must_cast(steps));
        });
    })
}
