//! 32-bit RISC-V in machine mode: start, traps, interrupts, critical sections, counters.
//!
//! A program defines `extern "C" fn riscv_main() -> !`, and `extern "C" fn riscv_trap(&Trap) -> !` for
//! what no program survives; one that takes interrupts `extern "C" fn riscv_interrupt(number: u32)` too,
//! and without it an interrupt is a trap. They are `#[unsafe(no_mangle)]`. It is linked with `riscv.x`.

#![no_std]

mod critical;
mod csr;
mod start;
mod trap;

pub use csr::{
    EXTERNAL, SOFTWARE, cycles, enable_interrupt, instructions, mask_interrupts, start_counters,
    take_interrupts, time, wait_for_interrupt,
};
pub use trap::Trap;
