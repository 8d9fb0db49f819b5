//! Cortex-M: start, faults, stack.

#![expect(
    unsafe_code,
    reason = "an exception handler and a register of the core"
)]

use cortex_m_rt::{ExceptionFrame, entry, exception};
use mambalite_firmware_cortex_m as core_facts;

use crate::semihosting;

/// The floating-point mode is left as the core starts with it: it is one of the things checked.
#[entry]
fn main() -> ! {
    semihosting::run()
}

/// Any fault of the core. After an overflow of the stack there is none left to come here with: the
/// core locks up, which QEMU answers by ending.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    semihosting::abort(format_args!("hard fault at {:#010x}", frame.pc()))
}

/// None: start-up code and critical sections are not ours here.
pub(crate) const INTERRUPTS: Option<fn() -> Result<(), &'static str>> = None;

/// Returns the bytes of the stack that were ever in use, and those there are.
pub(crate) fn stack_bytes() -> Option<(u32, u32)> {
    Some((core_facts::stack_used_bytes(), core_facts::stack_bytes()))
}

/// Sets the flush-to-zero bit of FPSCR; does nothing without a floating-point unit.
pub(crate) fn flush_to_zero() {
    // SAFETY: the mode changes results, as it is meant to, and no memory.
    #[cfg(target_abi = "eabihf")]
    unsafe {
        core::arch::asm!("vmsr fpscr, {}", in(reg) 1u32 << 24, options(nomem, nostack));
    };
}
