#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    target_arch = "nvptx64",
    feature(abi_ptx, asm_experimental_arch, stdarch_nvptx)
)]

#[cfg(not(target_arch = "nvptx64"))]
extern crate alloc;

pub mod args;
#[cfg(target_arch = "nvptx64")]
mod gpu;
pub mod layout;
#[cfg(not(target_arch = "nvptx64"))]
pub mod program;

/// The entry points for GPUs of compute capability 8.7 and later, as the driver compiles them.
#[cfg(not(target_arch = "nvptx64"))]
pub const PTX: &str = include_str!("../sm_87.ptx");

/// The same in the machine code of compute capability 8.7.
#[cfg(not(target_arch = "nvptx64"))]
pub const CUBIN: &[u8] = include_bytes!("../sm_87.cubin");
