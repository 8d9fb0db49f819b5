//! linear with avx512.

use super::Kernel;
use crate::arith::{Fixed, Float};

/// Returns the entry points where this machine has the instructions.
pub(crate) fn f32() -> Option<Kernel<Float<f32>>> {
    super::float_x86::avx512()
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    super::fixed_x86::avx512_i16()
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    super::fixed_x86::avx512_i8()
}
