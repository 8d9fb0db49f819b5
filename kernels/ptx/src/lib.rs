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
