//! Result codes of the driver API.

use std::ffi::{CStr, c_int};

/// What a call of the driver returns; 0 is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(pub(crate) c_int);

pub(crate) const SUCCESS: Code = Code(0);
pub(crate) const INVALID_VALUE: Code = Code(1);
pub(crate) const OUT_OF_MEMORY: Code = Code(2);
pub(crate) const NOT_INITIALIZED: Code = Code(3);
pub(crate) const NO_DEVICE: Code = Code(100);
pub(crate) const INVALID_DEVICE: Code = Code(101);
pub(crate) const INVALID_CONTEXT: Code = Code(201);
pub(crate) const NO_BINARY_FOR_GPU: Code = Code(209);
pub(crate) const INVALID_PTX: Code = Code(218);
pub(crate) const INVALID_HANDLE: Code = Code(400);
pub(crate) const NOT_FOUND: Code = Code(500);
pub(crate) const ILLEGAL_ADDRESS: Code = Code(700);
pub(crate) const LAUNCH_FAILED: Code = Code(719);
pub(crate) const NOT_SUPPORTED: Code = Code(801);

impl Code {
    /// Returns the name that NVIDIA gives the code.
    pub(crate) fn name(self) -> &'static CStr {
        match self {
            SUCCESS => c"CUDA_SUCCESS",
            INVALID_VALUE => c"CUDA_ERROR_INVALID_VALUE",
            OUT_OF_MEMORY => c"CUDA_ERROR_OUT_OF_MEMORY",
            NOT_INITIALIZED => c"CUDA_ERROR_NOT_INITIALIZED",
            NO_DEVICE => c"CUDA_ERROR_NO_DEVICE",
            INVALID_DEVICE => c"CUDA_ERROR_INVALID_DEVICE",
            INVALID_CONTEXT => c"CUDA_ERROR_INVALID_CONTEXT",
            NO_BINARY_FOR_GPU => c"CUDA_ERROR_NO_BINARY_FOR_GPU",
            INVALID_PTX => c"CUDA_ERROR_INVALID_PTX",
            INVALID_HANDLE => c"CUDA_ERROR_INVALID_HANDLE",
            NOT_FOUND => c"CUDA_ERROR_NOT_FOUND",
            ILLEGAL_ADDRESS => c"CUDA_ERROR_ILLEGAL_ADDRESS",
            LAUNCH_FAILED => c"CUDA_ERROR_LAUNCH_FAILED",
            NOT_SUPPORTED => c"CUDA_ERROR_NOT_SUPPORTED",
            _ => c"CUDA_ERROR_UNKNOWN",
        }
    }
}
