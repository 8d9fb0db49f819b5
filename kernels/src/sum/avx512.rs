//! sum with avx512.

use super::Run;
use crate::arith::{Fixed, Float};

/// Returns the entry points where this machine has the instructions.
pub(crate) fn f32() -> Option<Run<Float<f32>>> {
    super::float_x86::avx512()
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    super::fixed_x86::avx512()
}
