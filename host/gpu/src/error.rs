//! Why pictures cannot be run on a GPU.

use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;
use mambalite_kernels_ptx::program::ProgramError;

use super::device::{CAPABILITY_MIN, DRIVER_MIN};

// Of docs/exit-codes.md.
const EXIT_BUG: u8 = 1;
const EXIT_INPUT: u8 = 2;
const EXIT_DEVICE: u8 = 5;

/// Why pictures cannot be run on a GPU. Each message ends with the mend.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No library of a driver.
    #[error(
        "this machine has no driver of an NVIDIA GPU (libcuda.so); install one, or use \
         `--backend cpu`"
    )]
    NoDriver,
    /// The driver does not begin.
    #[error(
        "the GPU's driver does not start ({code:?}); see what `nvidia-smi` says, or use `--backend cpu`"
    )]
    Start {
        /// What it answered.
        code: CUresult,
    },
    /// A driver that is too old.
    #[error(
        "the GPU's driver is of CUDA {}.{}, and {}.{} is the oldest that will do; install a newer \
         driver, or use `--backend cpu`",
        found / 1000, found % 1000 / 10, DRIVER_MIN / 1000, DRIVER_MIN % 1000 / 10
    )]
    OldDriver {
        /// Its version, 1000 * major + 10 * minor.
        found: i32,
    },
    /// A driver without a device.
    #[error(
        "the driver finds no NVIDIA GPU (CUDA_VISIBLE_DEVICES may hide it); use `--backend cpu`"
    )]
    NoDevice,
    /// A device for which the kernels are not made.
    #[error(
        "{device} has compute capability {}.{}, and the kernels need {}.{} or later; use \
         `--backend cpu`",
        found.0, found.1, CAPABILITY_MIN.0, CAPABILITY_MIN.1
    )]
    Capability {
        /// Name of the device.
        device: String,
        /// Its compute capability.
        found: (i32, i32),
    },
    /// Kernels that the driver does not load.
    #[error(
        "the driver of {device} does not load the kernels ({code:?}); install a newer driver, or use \
         `--backend cpu`"
    )]
    Module {
        /// Name of the device.
        device: String,
        /// What the driver answered.
        code: CUresult,
    },
    /// A network, or a size, that has no program.
    #[error("{cause} (`--backend cpu`)")]
    Program {
        /// Why.
        cause: ProgramError,
    },
    /// A patch that does not fit the memory.
    #[error(
        "{width}x{height} pixels in one piece need {} MiB of {device}, which has {} MiB to give; \
         cut the picture by `--executor patch --tile 64`, or use `--backend cpu`",
        mebibytes_up(*needed), room >> 20
    )]
    Memory {
        /// Name of the device.
        device: String,
        /// LR pixels of a row.
        width: usize,
        /// LR rows.
        height: usize,
        /// Bytes that it needs.
        needed: usize,
        /// Bytes that are left for it.
        room: usize,
    },
    /// A call of the driver failed that has nothing to do with the kernels.
    #[error("{device}: {call}: {code:?}; use `--backend cpu`")]
    Call {
        /// Name of the device.
        device: String,
        /// What was to be done.
        call: &'static str,
        /// What the driver answered.
        code: CUresult,
    },
    /// The kernels gave other bytes than the CPU.
    #[error(
        "{device} gives other bytes than the CPU for a picture that it was tried with; use \
         `--backend cpu`, and please report it"
    )]
    Bytes {
        /// Name of the device.
        device: String,
    },
    /// A kernel was refused or failed.
    #[error("{device}: {what}: {code:?}; use `--backend cpu`, and please report it")]
    Launch {
        /// Name of the device.
        device: String,
        /// Entry point, or what is known of it.
        what: String,
        /// What the driver answered.
        code: CUresult,
    },
}

impl GpuError {
    /// Returns whether the CPU can well be taken instead: there is no usable device, or not for this
    /// network or size. A kernel that fails or errs is no such case.
    pub fn is_absence(&self) -> bool {
        !matches!(self, Self::Launch { .. } | Self::Bytes { .. })
    }

    /// Returns the exit code of a process that ends with this error.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoDriver
            | Self::Start { .. }
            | Self::OldDriver { .. }
            | Self::NoDevice
            | Self::Capability { .. }
            | Self::Module { .. }
            | Self::Call { .. } => EXIT_DEVICE,
            Self::Program { .. } | Self::Memory { .. } => EXIT_INPUT,
            Self::Launch { .. } | Self::Bytes { .. } => EXIT_BUG,
        }
    }

    /// Returns a function for the errors of a call.
    pub(super) fn call(device: &str, call: &'static str) -> impl FnOnce(DriverError) -> Self {
        move |error| Self::Call {
            device: device.to_owned(),
            call,
            code: error.0,
        }
    }
}

impl From<ProgramError> for GpuError {
    fn from(cause: ProgramError) -> Self {
        Self::Program { cause }
    }
}

/// Returns bytes in MiB, rounded up.
fn mebibytes_up(bytes: usize) -> usize {
    bytes.div_ceil(1 << 20)
}
