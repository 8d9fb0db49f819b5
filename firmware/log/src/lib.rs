//! What a bare board says besides answering: its log, and what happened when it failed.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "fault/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "fault/riscv.rs")]
mod core_fault;
mod fault;
mod logger;

pub use core_fault::log_fault;
pub use fault::{log_panic, report};
pub use logger::{Board, start};
