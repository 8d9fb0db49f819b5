//! RISC-V, machine mode: entry, traps, stack.

#![expect(unsafe_code, reason = "functions that the start-up code calls")]

use mambalite_firmware_image as image;
use mambalite_firmware_riscv::Trap;

use crate::{interrupts, semihosting};

#[unsafe(no_mangle)]
extern "C" fn riscv_main() -> ! {
    semihosting::run()
}

#[unsafe(no_mangle)]
extern "C" fn riscv_trap(trap: &Trap) -> ! {
    semihosting::abort(format_args!(
        "trap {} at {:#010x}, of {:#010x}",
        trap.cause, trap.place, trap.value
    ))
}

/// The check of interrupts.
pub(crate) const INTERRUPTS: Option<fn() -> Result<(), &'static str>> = Some(interrupts::check);

/// Returns the bytes of the stack that were ever in use, and those there are.
pub(crate) fn stack_bytes() -> Option<(u32, u32)> {
    Some((image::stack_used_bytes(), image::stack_bytes()))
}

/// Does nothing: floating point is software here.
pub(crate) fn flush_to_zero() {}
