//! RISC-V in machine mode: cycles, traps, interrupts.

#![expect(
    unsafe_code,
    reason = "the function that traps go to; what ends the masking of interrupts"
)]

use mambalite_firmware_log as log;
use mambalite_firmware_riscv::{self as core_facts, Trap};

pub(crate) use core_facts::wait_for_interrupt as sleep;

/// Masks all interrupts.
pub(crate) fn mask_interrupts() {
    core_facts::mask_interrupts();
}

/// Masks interrupts until a board unmasks one: a pending one still ends the sleep of a board.
pub(crate) fn start() {
    mask_interrupts();
}

/// Lets the interrupt of a number below 32 through, whose handler is `riscv_interrupt`.
///
/// # Safety
/// No critical section is open: this would end it.
pub unsafe fn unmask(number: u32) {
    core_facts::enable_interrupt(number);
    // SAFETY: the caller's promise.
    unsafe { core_facts::take_interrupts() };
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

/// Any trap: no exception is expected, and no interrupt that a board has no handler for. An overflow of
/// the stack is one.
#[unsafe(no_mangle)]
extern "C" fn riscv_trap(trap: &Trap) -> ! {
    log::log_fault(trap);
    crate::fault::end("the firmware trapped; its log has the registers")
}
