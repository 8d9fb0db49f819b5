#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(target_arch = "nvptx64", feature(abi_ptx, stdarch_nvptx))]

#[cfg(not(target_arch = "nvptx64"))]
extern crate alloc;

pub mod args;
mod device;
#[cfg(target_arch = "nvptx64")]
mod entries;
#[cfg(not(target_arch = "nvptx64"))]
pub mod host;
mod operators;
#[cfg(not(target_arch = "nvptx64"))]
pub mod program;
pub mod thread;

pub use device::Device;

/// The entry points for GPUs of compute capability 8.7 and later, as the driver compiles them.
#[cfg(not(target_arch = "nvptx64"))]
pub const PTX: &str = include_str!("../sm_87.ptx");

/// The same in the machine code of compute capability 8.7, where the repository keeps it.
#[cfg(not(target_arch = "nvptx64"))]
pub const CUBIN: Option<&[u8]> = None;
