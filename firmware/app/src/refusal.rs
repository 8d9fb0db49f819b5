//! Why a job does not start.

use core::fmt;

use mambalite_hil_wire::Fault;
use mambalite_kernels::ModelError;

/// Why a job does not start; shown, it is the sentence for people. `E` is the error of what runs the
/// network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal<E> {
    /// The job has the number 0.
    JobNumber,
    /// There is no valid model.
    Model(ModelError),
    /// The model has no layer of this index, or none that can be seen.
    UnknownLayer {
        /// The index.
        layer: u16,
    },
    /// The picture has no pixel.
    Empty,
    /// The picture is too large for the counters of the wire.
    TooLarge,
    /// The working memory is too small.
    Memory {
        /// Bytes that the job needs.
        needed: usize,
        /// Bytes there are.
        available: usize,
    },
    /// The network does not start.
    Exec {
        /// What the wire calls it.
        fault: Fault,
        /// Why not.
        error: E,
    },
}

impl<E> Refusal<E> {
    /// Returns the reason as the wire states it.
    pub(crate) fn fault(&self) -> Fault {
        match *self {
            Self::JobNumber => Fault::JobNumber,
            Self::Model(_) => Fault::NoModel,
            Self::UnknownLayer { layer } => Fault::UnknownLayer { layer },
            Self::Empty | Self::TooLarge => Fault::Geometry,
            Self::Memory { needed, available } => Fault::ArenaTooSmall {
                needed: saturated(needed),
                available: saturated(available),
            },
            Self::Exec { fault, .. } => fault,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Refusal<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::JobNumber => f.write_str("jobs are numbered from 1"),
            Self::Model(error) => write!(f, "{error}"),
            Self::UnknownLayer { layer } => write!(f, "the model has no layer {layer}"),
            Self::Empty => f.write_str("a picture has at least one pixel"),
            Self::TooLarge => f.write_str("the picture has 2^32 bytes or more"),
            Self::Memory { needed, available } => write!(
                f,
                "the job needs {needed} bytes of working memory, {} more than there are",
                needed.saturating_sub(available)
            ),
            Self::Exec { ref error, .. } => write!(f, "{error}"),
        }
    }
}

/// Returns bytes as the wire states them; a count it cannot state is as good as infinite.
pub(crate) fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
