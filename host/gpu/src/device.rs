//! The driver and the device: from finding them to the loaded kernels.
#![expect(unsafe_code, reason = "the driver's library is foreign code")]

use std::sync::Arc;

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{CudaContext, CudaModule, DriverError};
use cudarc::nvrtc::Ptx;
use miniz_oxide::inflate::decompress_to_vec;

use super::GpuError;

/// The entry points as the driver compiles them, and as machine code of the lowest compute
/// capability; compressed by the build script.
const PTX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sm_87.ptx"));
const CUBIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sm_87.cubin"));

/// The oldest driver, as 1000 * major + 10 * minor of its CUDA: that of JetPack 6.
pub(super) const DRIVER_MIN: i32 = 12060;
/// The lowest compute capability: the kernels' target.
pub(super) const CAPABILITY_MIN: (i32, i32) = (8, 7);

/// A device with the kernels.
pub(super) struct Device {
    pub(super) context: Arc<CudaContext>,
    pub(super) module: Arc<CudaModule>,
    pub(super) name: String,
}

impl Device {
    /// Opens the first device that the driver shows.
    pub(super) fn open() -> Result<Self, GpuError> {
        check_driver()?;
        let count = CudaContext::device_count().map_err(start_error)?;
        if count < 1 {
            return Err(GpuError::NoDevice);
        }
        let context = CudaContext::new(0).map_err(start_error)?;
        let name = context.name().map_err(start_error)?;
        let found = context
            .compute_capability()
            .map_err(GpuError::call(&name, "ask for the compute capability"))?;
        if found < CAPABILITY_MIN {
            let device = name;
            return Err(GpuError::Capability { device, found });
        }
        // SAFETY: work on one array is in one stream, or the host waits between two streams.
        unsafe { context.disable_event_tracking() };
        let module = load(&context, found).map_err(|error| GpuError::Module {
            device: name.clone(),
            code: error.0,
        })?;
        Ok(Self {
            context,
            module,
            name,
        })
    }
}

/// Checks that there is a driver and that it is new enough.
fn check_driver() -> Result<(), GpuError> {
    // SAFETY: it opens the driver's library, which may be opened at any time.
    if !unsafe { sys::is_culib_present() } {
        return Err(GpuError::NoDriver);
    }
    let mut found = 0;
    // SAFETY: the function writes the version; it needs nothing before it.
    let answered = unsafe { sys::cuDriverGetVersion(&raw mut found) };
    answered.result().map_err(start_error)?;
    match found < DRIVER_MIN {
        true => Err(GpuError::OldDriver { found }),
        false => Ok(()),
    }
}

fn start_error(error: DriverError) -> GpuError {
    match error.0 {
        CUresult::CUDA_ERROR_NO_DEVICE => GpuError::NoDevice,
        code => GpuError::Start { code },
    }
}

/// Loads the machine code that is made for the device, or else has the driver compile.
fn load(
    context: &Arc<CudaContext>,
    capability: (i32, i32),
) -> Result<Arc<CudaModule>, DriverError> {
    // Where a driver does not take it, there is still the text.
    if capability == CAPABILITY_MIN
        && let Ok(module) = context.load_module(Ptx::from_binary(inflate(CUBIN)))
    {
        return Ok(module);
    }
    let text = String::from_utf8(inflate(PTX)).unwrap_or_default();
    context.load_module(Ptx::from_src(text))
}

/// Returns what the build script compressed; a driver refuses the nothing of a damaged program.
fn inflate(compressed: &[u8]) -> Vec<u8> {
    decompress_to_vec(compressed).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_come_out_as_they_are_kept() {
        assert_eq!(inflate(PTX), mambalite_kernels_ptx::PTX.as_bytes());
        assert_eq!(inflate(CUBIN), mambalite_kernels_ptx::CUBIN);
    }
}
