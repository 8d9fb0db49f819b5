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
