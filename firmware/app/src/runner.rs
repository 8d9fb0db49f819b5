//! What runs the network of a job.

use core::fmt::Display;

use mambalite_hil_wire::Fault;
use mambalite_kernels::{ExecError, Model, Plan, Tap, Upscaler};

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

/// The kernels on this processor, row by row in the memory of a microcontroller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Streaming;

impl Runner for Streaming {
    type Error = ExecError;
    type Run<'r> = Upscaler<'r>;

    #[inline]
    fn arena_bytes(&self, model: &Model<'_>, width: usize) -> usize {
        Plan::microcontroller(model, width).arena_bytes
    }

    #[inline]
    fn start<'r, 'm: 'r>(
        &'r mut self,
        model: &Model<'m>,
        (width, height): (usize, usize),
        arena: &'r mut [u64],
    ) -> Result<Upscaler<'r>, ExecError> {
        Upscaler::microcontroller(model, width, height, arena)
    }
}

impl Run for Upscaler<'_> {
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
