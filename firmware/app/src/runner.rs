//! What runs the network of a job.

use core::fmt::Display;

use mambalite_hil_wire::Fault;
use mambalite_kernels::{ExecError, Model, ModelError, Plan, Precision, Tap, Upscaler};

/// What runs the network of a job. A board's own is [`Streaming`].
pub trait Runner {
    /// Why it cannot; shown, it is the sentence for people.
    type Error: Display;
    /// A picture under way.
    type Run<'r>: Run<Error = Self::Error>
    where
        Self: 'r;

    /// Returns what the wire calls an error of [`Runner::start`].
    fn fault(error: &Self::Error) -> Fault {
        let _ = error;
        Fault::Exec
    }

    /// Reads the model in `flash`.
    ///
    /// # Errors
    /// What is wrong with it, or that it is not one for this runner.
    fn parse<'m>(&self, flash: &'m [u8]) -> Result<Model<'m>, ModelError> {
        Model::parse(flash)
    }

    /// Returns the bytes of the arena that rows of `width` pixels need.
    fn arena_bytes(&self, model: &Model<'_>, width: usize) -> usize;

    /// Begins a picture of `size`: LR pixels of a row, and LR rows.
    ///
    /// * `arena` - at least as long as [`Runner::arena_bytes`] says.
    ///
    /// # Errors
    /// Why it cannot.
    fn start<'r, 'm: 'r>(
        &'r mut self,
        model: &Model<'m>,
        size: (usize, usize),
        arena: &'r mut [u64],
    ) -> Result<Self::Run<'r>, Self::Error>;
}

/// A picture under way.
pub trait Run {
    /// Why it cannot go on.
    type Error: Display;
    /// Whether it shows its layers. Without them a job has neither digests nor a trace.
    const LAYERS: bool;

    /// Takes the next LR row. `tap` is shown every layer, where they are shown; `sink` gets the
    /// number of each magnified row that is done and its bytes, all of them by the end of the last
    /// LR row.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn push_row(
        &mut self,
        row: &[u8],
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), Self::Error>;
}

/// The kernels on this processor, row by row in the memory of a microcontroller; in the precisions of a
/// set of the kind of [`Precision::SET`], so that a small flash need not hold the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streaming<const SET: u8 = { Precision::SET }>;

impl Streaming {
    /// In every precision.
    pub const ALL: Self = Self;
}

impl<const SET: u8> Runner for Streaming<SET> {
    type Error = ExecError;
    type Run<'r> = Upscaler<'r, SET>;

    #[inline]
    fn parse<'m>(&self, flash: &'m [u8]) -> Result<Model<'m>, ModelError> {
        Model::parse_for::<SET>(flash)
    }

    #[inline]
    fn arena_bytes(&self, model: &Model<'_>, width: usize) -> usize {
        Plan::microcontroller_for::<SET>(model, width).arena_bytes
    }

    #[inline]
    fn start<'r, 'm: 'r>(
        &'r mut self,
        model: &Model<'m>,
        (width, height): (usize, usize),
        arena: &'r mut [u64],
    ) -> Result<Upscaler<'r, SET>, ExecError> {
        Upscaler::microcontroller(model, width, height, arena)
    }
}

impl<const SET: u8> Run for Upscaler<'_, SET> {
    type Error = ExecError;
    const LAYERS: bool = true;

    #[inline]
    fn push_row(
        &mut self,
        row: &[u8],
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), ExecError> {
        Upscaler::push_row(self, row, tap, sink)
    }
}
