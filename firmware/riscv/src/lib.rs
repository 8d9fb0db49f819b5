//! 32-bit RISC-V in machine mode: start, traps, counters.
//!
//! A program defines `extern "C" fn riscv_main() -> !`, and `extern "C" fn riscv_trap(&Trap) -> !` for
//! what no program survives; both are `#[unsafe(no_mangle)]`. It is linked with `riscv.x`.

#![no_std]

mod csr;
mod start;

pub use csr::{
    cycles, instructions, mask_interrupts, start_counters, time, unmask_external,
    wait_for_interrupt,
};
pub use start::Trap;
