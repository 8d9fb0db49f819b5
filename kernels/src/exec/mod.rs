//! Executors: how a picture goes through the network with a given memory.
//!
//! [`stream`] runs row by row: every mixer is causal in raster order and every 3x3 convolution
//! needs one row of look-ahead, so that memory grows with the width only. [`patch`] cuts a picture
//! into tiles, each of which is one streamed picture.

pub mod arena;
mod buffers;
mod packed;
pub mod part;
pub mod patch;
pub mod plan;
mod stages;
pub mod stream;

use core::fmt;

use crate::arith::{Fixed, Float};
use crate::config::Precision;
use crate::model::{Model, ModelError};
use crate::tap::Tap;
use stream::Stream;

/// Largest width and height of a picture in LR pixels.
pub const SIDE_MAX: usize = 65_535;

/// Why a run cannot begin or go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExecError {
    /// The arena is too small.
    Memory {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The picture is empty or too large.
    Size {
        /// LR pixels.
        width: usize,
        /// LR pixels.
        height: usize,
    },
    /// A row has the wrong length.
    Row {
        /// Bytes expected.
        expected: usize,
        /// Bytes given.
        given: usize,
    },
    /// All rows were given already.
    Finished,
    /// The model is not as it was when it was read.
    Model(ModelError),
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Memory { needed, given } => write!(
                f,
                "{} bytes of memory are missing ({needed} needed, {given} given)",
                needed.saturating_sub(given)
            ),
            Self::Size { width, height } => {
                write!(
                    f,
                    "picture of {width}x{height} pixels; 1 to {SIDE_MAX} a side can be run"
                )
            }
            Self::Row { expected, given } => {
                write!(f, "row of {given} bytes where {expected} were expected")
            }
            Self::Finished => f.write_str("all rows of the picture were given already"),
            Self::Model(error) => write!(f, "model changed while it ran: {error}"),
        }
    }
}

impl core::error::Error for ExecError {}

impl From<ModelError> for ExecError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

/// A streamed run in the precision of its model.
///
/// Rows go in from the top; rows of the magnified picture come out of a sink as soon as they are
/// known, `groups + 3` rows later. `SET` says which precisions the program is built for, in the way of
/// [`Precision::SET`].
pub enum Upscaler<'a, const SET: u8 = { Precision::SET }> {
    /// Single precision.
    F32(Stream<'a, Float<f32>>),
    /// 16-bit activations.
    W8A16(Stream<'a, Fixed<i16>>),
    /// 8-bit matrix inputs.
    W8A8(Stream<'a, Fixed<i8>>),
}

impl<'a> Upscaler<'a> {
    /// Begins a run of a picture of `width` x `height` LR pixels.
    ///
    /// # Errors
    /// The missing bytes when `arena` is shorter than [`crate::Plan`] says; a picture without
    /// pixels or too large.
    pub fn new(
        model: &Model<'a>,
        width: usize,
        height: usize,
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        Ok(match model.precision() {
            Precision::F32 => Self::F32(Stream::new(model, width, height, arena)?),
            Precision::W8A16 => Self::W8A16(Stream::new(model, width, height, arena)?),
            Precision::W8A8 => Self::W8A8(Stream::new(model, width, height, arena)?),
        })
    }
}

impl<'a, const SET: u8> Upscaler<'a, SET> {
    /// As [`Upscaler::new`], in the memory of a microcontroller whatever this machine is: as long as
    /// [`crate::Plan::microcontroller`] says.
    ///
    /// # Errors
    /// As [`Upscaler::new`]; a model of a precision that is not in the set.
    pub fn microcontroller(
        model: &Model<'a>,
        width: usize,
        height: usize,
        arena: &'a mut [u64],
    ) -> Result<Self, ExecError> {
        let size = (width, height);
        Ok(match model.precision() {
            Precision::F32 if Precision::F32.is_in(SET) => {
                Self::F32(Stream::microcontroller(model, size, arena)?)
            }
            Precision::W8A16 if Precision::W8A16.is_in(SET) => {
                Self::W8A16(Stream::microcontroller(model, size, arena)?)
            }
            Precision::W8A8 if Precision::W8A8.is_in(SET) => {
                Self::W8A8(Stream::microcontroller(model, size, arena)?)
            }
            found => return Err(ModelError::Precision { found }.into()),
        })
    }

    /// Takes the next row, `[width, channels]`; the last one also completes the picture.
    ///
    /// `sink` gets the index and the bytes, `[width * scale, channels]`, of each magnified row, in
    /// order.
    ///
    /// # Errors
    /// A row of the wrong length or past the last.
    pub fn push_row(
        &mut self,
        row: &[u8],
        tap: &mut impl Tap,
        sink: &mut impl FnMut(usize, &[u8]),
    ) -> Result<(), ExecError> {
        // One that is not in the set was never begun.
        match self {
            Self::F32(stream) if Precision::F32.is_in(SET) => stream.push_row(row, tap, sink),
            Self::W8A16(stream) if Precision::W8A16.is_in(SET) => stream.push_row(row, tap, sink),
            Self::W8A8(stream) if Precision::W8A8.is_in(SET) => stream.push_row(row, tap, sink),
            Self::F32(_) | Self::W8A16(_) | Self::W8A8(_) => Err(ExecError::Finished),
        }
    }
}
