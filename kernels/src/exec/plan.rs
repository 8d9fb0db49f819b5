//! The memory of a run, to the byte, before anything runs.

use crate::arith::{Arithmetic, Fixed, Float};
use crate::config::Precision;
use crate::exec::arena::Measure;
use crate::exec::stream::Buffers;
use crate::model::Model;

/// Bound of the stack of a session of the firmware, kernels included, in bytes, on 32-bit targets.
///
/// Depends on the code, not on the model or the picture: nothing recurs and no buffer of the
/// network lies on the stack. Boards paint their stack; the harness checks the most that was used
/// (20,604 bytes on the virtual Cortex-M4F and M7) against this bound in every run.
pub const STACK_BYTES: usize = 24 * 1024;

/// Memory that a streamed run needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Model file, read in place.
    pub flash_bytes: usize,
    /// Arena given to [`crate::Upscaler::new`]; a multiple of 8.
    pub arena_bytes: usize,
    /// The [`crate::Upscaler`] itself, on this target.
    pub object_bytes: usize,
    /// Bound of the stack, see [`STACK_BYTES`].
    pub stack_bytes: usize,
}

impl Plan {
    /// Plans runs of pictures of `width` LR pixels a row, of any height.
    pub fn new(model: &Model<'_>, width: usize) -> Self {
        let arena_bytes = match model.precision() {
            Precision::F32 => arena_bytes::<Float<f32>>(model, width),
            Precision::W8A16 => arena_bytes::<Fixed<i16>>(model, width),
            Precision::W8A8 => arena_bytes::<Fixed<i8>>(model, width),
        };
        Self {
            flash_bytes: model.bytes_len(),
            arena_bytes,
            object_bytes: size_of::<crate::Upscaler<'_>>(),
            stack_bytes: STACK_BYTES,
        }
    }
}

/// Returns the bytes of the buffers of a run.
pub(crate) fn arena_bytes<A: Arithmetic>(model: &Model<'_>, width: usize) -> usize {
    let mut measure = Measure::default();
    let _ = Buffers::<A>::new(&mut measure, model, width);
    measure.bytes()
}
