//! conv1d with mve.

use super::Run;
use crate::arith::Fixed;

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    None
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    None
}
