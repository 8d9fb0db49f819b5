//! What a call says.

#![expect(unsafe_code, reason = "the name of an exported function")]

use core::ffi::{CStr, c_char};

use mambalite_kernels::{ExecError, ModelError};

/// What a call says; zero is good. A call that says something else has done nothing.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done.
    Ok,
    /// A pointer is null.
    NullPointer,
    /// A pointer is not at the multiple of bytes that it has to be at.
    Misaligned,
    /// A length that no object can have.
    Length,
    /// The model was not opened, or the run not begun.
    NotOpen,
    /// The run is at work: it was called from its own sink.
    Busy,
    /// The bytes are not those of a model file.
    NotAModel,
    /// The model file is of another version.
    ModelVersion,
    /// The model file ends early.
    ModelTruncated,
    /// The model file does not have the hash that it states.
    ModelCorrupted,
    /// The model file has a value that it may not have.
    ModelInvalid,
    /// The memory is too small: mambalite_memory_bytes() says what is needed.
    MemoryTooSmall,
    /// The picture is empty or too large.
    PictureSize,
    /// The row does not have the bytes of a row.
    RowLength,
    /// All rows of the picture were given already.
    Finished,
    /// A fault that this version has no name for.
    Other,
}

impl Status {
    /// All there are, by value.
    const ALL: [Self; 16] = [
        Self::Ok,
        Self::NullPointer,
        Self::Misaligned,
        Self::Length,
        Self::NotOpen,
        Self::Busy,
        Self::NotAModel,
        Self::ModelVersion,
        Self::ModelTruncated,
        Self::ModelCorrupted,
        Self::ModelInvalid,
        Self::MemoryTooSmall,
        Self::PictureSize,
        Self::RowLength,
        Self::Finished,
        Self::Other,
    ];

    /// Returns the name of it.
    fn name(self) -> &'static CStr {
        match self {
            Self::Ok => c"ok",
            Self::NullPointer => c"null pointer",
            Self::Misaligned => c"misaligned pointer",
            Self::Length => c"length that no object can have",
            Self::NotOpen => c"model not opened or run not begun",
            Self::Busy => c"run called from its own sink",
            Self::NotAModel => c"not a model file",
            Self::ModelVersion => c"model file of another version",
            Self::ModelTruncated => c"model file cut short",
            Self::ModelCorrupted => c"model file corrupted",
            Self::ModelInvalid => c"model file with a value out of range",
            Self::MemoryTooSmall => c"memory too small",
            Self::PictureSize => c"picture empty or too large",
            Self::RowLength => c"row of the wrong length",
            Self::Finished => c"all rows were given already",
            Self::Other => c"other fault",
        }
    }
}

impl From<ModelError> for Status {
    fn from(error: ModelError) -> Self {
        match error {
            ModelError::NotAModel => Self::NotAModel,
            ModelError::Version { .. } => Self::ModelVersion,
            ModelError::Truncated { .. } => Self::ModelTruncated,
            ModelError::Misaligned => Self::Misaligned,
            ModelError::Corrupted => Self::ModelCorrupted,
            _ => Self::ModelInvalid,
        }
    }
}

impl From<ExecError> for Status {
    fn from(error: ExecError) -> Self {
        match error {
            ExecError::Memory { .. } => Self::MemoryTooSmall,
            ExecError::Size { .. } => Self::PictureSize,
            ExecError::Row { .. } => Self::RowLength,
            ExecError::Finished => Self::Finished,
            ExecError::Model(error) => error.into(),
            _ => Self::Other,
        }
    }
}

impl From<Result<(), Status>> for Status {
    fn from(result: Result<(), Status>) -> Self {
        result.err().unwrap_or(Self::Ok)
    }
}

/// Returns a short text for a status, in English, ending with a zero; any number may be asked for.
// SAFETY: no other library has a function of this name.
#[unsafe(no_mangle)]
pub extern "C" fn mambalite_status_name(status: u32) -> *const c_char {
    let known = usize::try_from(status)
        .ok()
        .and_then(|i| Status::ALL.get(i));
    known
        .map_or(c"no such status", |status| status.name())
        .as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_has_its_place() {
        for (place, status) in Status::ALL.iter().enumerate() {
            assert_eq!(*status as usize, place);
        }
        let names = Status::ALL.map(Status::name);
        assert!((1..names.len()).all(|i| !names[..i].contains(&names[i])));
    }
}
