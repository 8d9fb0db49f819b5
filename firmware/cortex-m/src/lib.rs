//! What every Cortex-M board tells of itself: core, floating point, stack, build, model.
//!
//! The symbols used here are set by the linker scripts of the crate `board-facts`.

#![no_std]

mod core_id;
mod flash;
#[cfg(target_abi = "eabihf")]
mod float;
mod stack;

pub use core_id::cpuid;
pub use flash::{build_id, model_region};
#[cfg(target_abi = "eabihf")]
pub use float::{float_flags, fresh_float_flags, set_default_float};
pub use stack::{stack_bytes, stack_used_bytes};
