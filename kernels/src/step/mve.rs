//! step with mve.

use super::Run;
use crate::arith::Fixed;

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    None
}
