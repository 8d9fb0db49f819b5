//! What can be wrong with a model file.

use core::fmt;

use super::Param;
use crate::config::{ConfigError, Precision};

/// What is wrong with a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// The first bytes are not those of a model file.
    NotAModel,
    /// The file is of another version.
    Version {
        /// Its version.
        found: u16,
    },
    /// The file ends early.
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// The file is longer than its arrays.
    TrailingBytes {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        found: usize,
    },
    /// The file does not begin at a multiple of 16 bytes.
    Misaligned,
    /// The contents do not have the hash that the file states.
    Corrupted,
    /// The program that reads it was built without its precision.
    Precision {
        /// Its precision.
        found: Precision,
    },
    /// A field of the header has no meaning.
    Field {
        /// Its name.
        field: &'static str,
        /// Its value.
        value: usize,
    },
    /// The number of weights is not that of the dimensions.
    WeightCount {
        /// Weights of the dimensions.
        needed: usize,
        /// Weights stated.
        found: usize,
    },
    /// A dimension is out of the family.
    Config(ConfigError),
    /// A rank that its matrix cannot have.
    Rank {
        /// The weight.
        param: Param,
        /// Its rank.
        rank: usize,
    },
    /// A weight that is infinite or not a number.
    NotFinite {
        /// The parameter.
        param: Param,
    },
    /// A scale, shift or index out of its range.
    OutOfRange {
        /// The parameter.
        param: Param,
    },
    /// A matrix whose sums could pass 32 bits.
    Overflow {
        /// The weight.
        param: Param,
    },
    /// A parameter that a writer does not have, or has in another length.
    Missing {
        /// The parameter.
        param: Param,
        /// Its length in elements.
        needed: usize,
    },
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAModel => write!(f, "not a model file (it does not begin with \"MLSR\")"),
            Self::Version { found } => {
                write!(
                    f,
                    "model file of version {found}, this program reads {}",
                    super::VERSION
                )
            }
            Self::Truncated { needed, found } => {
                write!(f, "model file cut short: {found} bytes of {needed}")
            }
            Self::TrailingBytes { needed, found } => {
                write!(
                    f,
                    "model file of {found} bytes has arrays of {needed} bytes"
                )
            }
            Self::Misaligned => write!(f, "model file not at a multiple of 16 bytes in memory"),
            Self::Corrupted => write!(f, "model file corrupted: its SHA-256 does not fit"),
            Self::Precision { found } => {
                write!(
                    f,
                    "model of precision {found}, which this program is built without"
                )
            }
            Self::Field { field, value } => write!(f, "header field {field} is {value}"),
            Self::WeightCount { needed, found } => {
                write!(f, "{found} weight forms where the dimensions have {needed}")
            }
            Self::Config(error) => write!(f, "dimensions out of the family: {error}"),
            Self::Rank { param, rank } => write!(f, "{param} cannot have rank {rank}"),
            Self::NotFinite { param } => write!(f, "{param} has a value that is not finite"),
            Self::OutOfRange { param } => write!(f, "{param} has a value out of range"),
            Self::Overflow { param } => write!(f, "sums of {param} can pass 32 bits"),
            Self::Missing { param, needed } => {
                write!(f, "{param} is missing or has not {needed} elements")
            }
        }
    }
}

impl core::error::Error for ModelError {}
