//! RISC-V in machine mode: cycles, traps, critical sections.

#![expect(
    unsafe_code,
    reason = "the function that traps go to; critical sections"
)]

use mambalite_firmware_log as log;
use mambalite_firmware_riscv::{self as core_facts, Trap};

pub(crate) use core_facts::{mask_interrupts, wait_for_interrupt as sleep};

/// Critical sections: interrupts are never taken, so all code is in one.
struct AlwaysMasked;

critical_section::set_impl!(AlwaysMasked);

// SAFETY: there is one hart, and no interrupt is ever taken.
unsafe impl critical_section::Impl for AlwaysMasked {
    unsafe fn acquire() {}

    unsafe fn release((): ()) {}
}

/// Masks interrupts: a pending one still ends the sleep of a board.
pub(crate) fn start() {
    mask_interrupts();
}

/// Returns the cycles since reset.
pub(crate) fn cycles() -> Option<u64> {
    Some(core_facts::cycles())
}

/// Returns 0: RISC-V has no register of this kind.
pub(crate) fn cpuid() -> u32 {
    0
}

/// Returns 0: floating point is software, in the mode of the number contract.
pub(crate) fn float_flags() -> u32 {
    0
}

/// Any trap: no interrupt is taken, and no exception is expected. An overflow of the stack is one.
#[unsafe(no_mangle)]
extern "C" fn riscv_trap(trap: &Trap) -> ! {
    log::log_fault(trap);
    crate::fault::end("the firmware trapped; its log has the registers")
}
