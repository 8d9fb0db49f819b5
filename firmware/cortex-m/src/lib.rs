//! What every Cortex-M board tells of itself: core, floating point, and what its image marks.

#![no_std]

mod core_id;
#[cfg_attr(not(target_abi = "eabihf"), path = "soft_float.rs")]
mod float;

pub use core_id::cpuid;
#[cfg(target_abi = "eabihf")]
pub use float::fresh_float_flags;
pub use float::{float_flags, set_default_float};
pub use mambalite_firmware_image::{build_id, model_region, stack_bytes, stack_used_bytes};

// cortex-m-rt paints the stack.
const _: () = assert!(cortex_m_rt::STACK_PAINT_VALUE == mambalite_firmware_image::STACK_PAINT);
