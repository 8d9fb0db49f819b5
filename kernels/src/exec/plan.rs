//! The memory of a run, to the byte, before anything runs.

use crate::arith::{Arithmetic, Fixed, Float};
use crate::config::Precision;
use crate::exec::arena::{Allocate, Measure};
use crate::exec::buffers::Buffers;
use crate::exec::packed::packed_words;
use crate::model::Model;
use crate::network::Section;
use crate::variant::Kernels;
use crate::{linear, scan};

/// Bound of the stack of a session of the firmware, kernels included, in bytes, on 32-bit targets.
///
/// Depends on the code, not on the model or the picture: nothing recurs and no buffer of the
/// network lies on the stack. Boards paint their stack; the harness checks the most that was used
/// against this bound in every run, a session's frames and digests included.
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

/// What the kernels of a machine take of memory beside the tensors of the network.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// Pixels that a mixer takes at a time.
    pub(crate) band: usize,
    /// 64-bit words of scratch for a matrix of so many inputs.
    pub(crate) linear: fn(inputs: usize) -> usize,
    /// 64-bit words of a packed matrix; see [`linear::Kernel::packed_words`].
    pub(crate) packed: fn(shape: (usize, usize), input_bytes: usize) -> usize,
    /// 64-bit words of scratch of the scan for `(inner, states)`.
    pub(crate) scan: fn(shape: (usize, usize)) -> usize,
}

impl Footprint {
    /// That of every microcontroller, whatever its instructions: the plan of a board can be made
    /// on any machine.
    pub const MICROCONTROLLER: Self = Self {
        band: 12,
        linear: linear::microcontroller_scratch_words,
        packed: |_, _| 0,
        scan: scan::microcontroller_scratch_words,
    };

    /// Returns that of this machine with these kernels.
    pub(crate) fn of<A: Arithmetic>(kernels: &Kernels<A>) -> Self {
        if cfg!(not(feature = "std")) {
            return Self::MICROCONTROLLER;
        }
        Self {
            band: 48,
            linear: kernels.linear.scratch_words,
            packed: kernels.linear.packed_words,
            scan: kernels.scan.scratch_words,
        }
    }
}

impl Plan {
    /// Plans runs on this machine of pictures of `width` LR pixels a row, of any height.
    pub fn new(model: &Model<'_>, width: usize) -> Self {
        match model.precision() {
            Precision::F32 => Self::with_kernels(&Kernels::<Float<f32>>::best(), model, width),
            Precision::W8A16 => Self::with_kernels(&Kernels::<Fixed<i16>>::best(), model, width),
            Precision::W8A8 => Self::with_kernels(&Kernels::<Fixed<i8>>::best(), model, width),
        }
    }

    /// Plans runs on a microcontroller.
    ///
    /// The object's size is that on this machine.
    pub fn microcontroller(model: &Model<'_>, width: usize) -> Self {
        Self::microcontroller_for::<{ Precision::SET }>(model, width)
    }

    /// As [`Plan::microcontroller`], by a program that is built for some precisions; `SET` is of the
    /// kind of [`Precision::SET`]. The arena of another is beyond any memory.
    pub fn microcontroller_for<const SET: u8>(model: &Model<'_>, width: usize) -> Self {
        let footprint = &Footprint::MICROCONTROLLER;
        Self::of(
            model,
            match model.precision() {
                Precision::F32 if Precision::F32.is_in(SET) => {
                    arena_bytes::<Float<f32>>(model, footprint, width)
                }
                Precision::W8A16 if Precision::W8A16.is_in(SET) => {
                    arena_bytes::<Fixed<i16>>(model, footprint, width)
                }
                Precision::W8A8 if Precision::W8A8.is_in(SET) => {
                    arena_bytes::<Fixed<i8>>(model, footprint, width)
                }
                _ => usize::MAX,
            },
        )
    }

    /// Plans runs on this machine with these kernels.
    pub fn with_kernels<A: Arithmetic>(
        kernels: &Kernels<A>,
        model: &Model<'_>,
        width: usize,
    ) -> Self {
        Self::of(
            model,
            arena_bytes::<A>(model, &Footprint::of(kernels), width),
        )
    }

    fn of(model: &Model<'_>, arena_bytes: usize) -> Self {
        Self {
            flash_bytes: model.bytes_len(),
            arena_bytes,
            object_bytes: size_of::<crate::Upscaler<'_>>(),
            stack_bytes: STACK_BYTES,
        }
    }
}

/// Returns the bytes of the buffers of a run.
pub(crate) fn arena_bytes<A: Arithmetic>(
    model: &Model<'_>,
    footprint: &Footprint,
    width: usize,
) -> usize {
    let mut measure = Measure::default();
    let _ = Buffers::<A>::new(&mut measure, model, footprint, width);
    let _: &mut [u32] = measure.take(Section::all(model.config()).count());
    let _: &mut [u64] = measure.take(packed_words::<A>(model, footprint));
    measure.bytes()
}
