//! Checkpoints of trained networks: named tensors from files of other programs.

#![warn(clippy::indexing_slicing)]

mod pickle;
pub mod pth;
pub mod safetensors;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{Error, Result};

/// The largest checkpoint file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 32;

/// The largest number of values that a checkpoint may hold, all tensors together.
pub const MAX_ELEMENTS: usize = 1 << 28;

/// The largest number of dimensions of a tensor.
pub const MAX_RANK: usize = 8;

/// A tensor of `f32` values in row-major order; a scalar has an empty shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tensor {
    /// Length of each dimension, outermost first.
    pub shape: Vec<usize>,
    /// The values, as many as the product of `shape`.
    pub data: Vec<f32>,
}

/// Named tensors and what the file says about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Free text by key.
    pub metadata: BTreeMap<String, String>,
}

/// What is wrong with a checkpoint file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The content is of no known kind.
    #[error("its content is neither a PyTorch file (.pth, .pt) nor safetensors")]
    UnknownFormat,
    /// PyTorch's format from before version 1.6.
    #[error(
        "it is in PyTorch's format from before version 1.6; load it with PyTorch and save it \
         again, or save it as safetensors"
    )]
    LegacyPth,
    /// More bytes than are read.
    #[error("its {bytes} bytes are more than {limit}")]
    FileTooLarge {
        /// Bytes of the file.
        bytes: u64,
        /// The largest number of bytes.
        limit: u64,
    },
    /// More values than are read.
    #[error("its tensors hold more than {limit} values")]
    TooManyElements {
        /// The largest number of values.
        limit: usize,
    },
    /// The safetensors container is damaged.
    #[error("the safetensors data are damaged: {cause}")]
    Safetensors {
        /// The reader's answer.
        cause: String,
    },
    /// The zip container is damaged.
    #[error("the zip container is damaged: {cause}")]
    Zip {
        /// The reader's answer.
        cause: String,
    },
    /// The zip container holds no PyTorch checkpoint.
    #[error("it is a zip file with {found} entries named `*/data.pkl`; a PyTorch file has one")]
    NotPth {
        /// Number of such entries.
        found: usize,
    },
    /// Written on a big-endian machine.
    #[error("its byte order is `{found}`; only `little` is read")]
    ByteOrder {
        /// The byte order as named in the file.
        found: String,
    },
    /// An instruction that saving tensors never needs.
    #[error("unknown pickle instruction 0x{opcode:02x} at byte {offset}; {PLAIN_HINT}")]
    Opcode {
        /// The instruction.
        opcode: u8,
        /// Its position in `data.pkl`.
        offset: usize,
    },
    /// A Python object that saving tensors never needs.
    #[error("it refers to the Python object `{name}`, which is not read; {PLAIN_HINT}")]
    Global {
        /// Module and name.
        name: String,
    },
    /// The pickle program is inconsistent.
    #[error("its data.pkl is damaged at byte {offset}: {what}")]
    Pickle {
        /// What does not fit.
        what: &'static str,
        /// Position of the instruction in `data.pkl`.
        offset: usize,
    },
    /// No tensors where they are looked for.
    #[error(
        "no tensors found under `params_ema`, `params`, `state_dict` or at the top; \
         its keys are: {keys}"
    )]
    NoTensors {
        /// The keys that were there.
        keys: String,
    },
    /// A tensor of a number type that is not read.
    #[error("tensor `{name}` is of type {dtype}; known are f16, bf16, f32 and f64")]
    DataType {
        /// Name of the tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// A tensor whose shape, strides or storage do not fit together.
    #[error("tensor `{name}` is inconsistent: {what}")]
    Tensor {
        /// Name of the tensor.
        name: String,
        /// What does not fit.
        what: &'static str,
    },
}

/// The mend for checkpoints with more than tensors in them.
const PLAIN_HINT: &str = "save only the state_dict, or save it as safetensors";

/// Loads a PyTorch (`.pth`, `.pt`) or safetensors file; its content decides, not its extension.
///
/// # Errors
///
/// [`Error::Read`], or [`Error::Checkpoint`] with what is wrong with the content.
pub fn load(path: &Path) -> Result<Checkpoint> {
    let unreadable = |cause| Error::Read {
        path: path.to_path_buf(),
        cause,
    };
    let refused = |cause| Error::Checkpoint {
        path: path.to_path_buf(),
        cause,
    };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(refused(CheckpointError::FileTooLarge {
            bytes,
            limit: MAX_FILE_BYTES,
        }));
    }
    parse(&fs::read(path).map_err(unreadable)?).map_err(refused)
}

/// Reads a checkpoint from the bytes of a file.
///
/// # Errors
///
/// [`CheckpointError`] for content that is damaged or of an unknown kind.
pub fn parse(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    match bytes {
        [b'P', b'K', 3, 4, ..] => pth::parse(bytes),
        // A pickle of protocol 2 that starts with a long integer: the legacy magic number.
        [0x80, _, 0x8a, ..] => Err(CheckpointError::LegacyPth),
        [_, _, _, _, _, _, _, _, b'{', ..] => safetensors::parse(bytes),
        _ => Err(CheckpointError::UnknownFormat),
    }
}

/// The number types of which tensors are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Float {
    F16,
    Bf16,
    F32,
    F64,
}

impl Float {
    const fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::Bf16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// Returns the little-endian number in `bytes`, rounded to the nearest `f32`; `None` where
    /// they are not as many as [`Float::bytes`].
    fn decode(self, bytes: &[u8]) -> Option<f32> {
        Some(match self {
            Self::F16 => half::f16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::Bf16 => half::bf16::from_le_bytes(bytes.try_into().ok()?).to_f32(),
            Self::F32 => f32::from_le_bytes(bytes.try_into().ok()?),
            Self::F64 => narrow(f64::from_le_bytes(bytes.try_into().ok()?)),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest f32 is the purpose"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}
