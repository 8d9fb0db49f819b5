//! Cortex-M: start, cycles, faults.

#![expect(
    unsafe_code,
    reason = "the entry of faults, interrupts, and a counter that nobody else uses"
)]

use core::arch::global_asm;

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::{DCB, DWT, NVIC, Peripherals};
use mambalite_firmware_log as log;

use crate::counter::Counter;

pub(crate) use cortex_m::asm::wfi as sleep;
pub(crate) use cortex_m::interrupt::disable as mask_interrupts;
pub(crate) use mambalite_firmware_cortex_m::{cpuid, float_flags};

/// The counter of cycles, whose register has 32 bits.
static CYCLES: Counter = Counter::new();

/// Sets the number contract's floating point, and starts the cycle counter where there is one.
pub(crate) fn start() {
    mambalite_firmware_cortex_m::set_default_float();
    // SAFETY: called once at start-up; nothing else uses these two.
    let Peripherals {
        mut DCB, mut DWT, ..
    } = unsafe { Peripherals::steal() };
    DCB::enable_trace(&mut DCB);
    DWT::enable_cycle_counter(&mut DWT);
}

/// Lets an interrupt of the chip through, whose handler is there.
pub fn unmask(interrupt: impl InterruptNumber) {
    // SAFETY: what handlers share with the program lies behind critical sections, which mask all
    // interrupts; no code relies on this one alone being off.
    unsafe { NVIC::unmask(interrupt) };
}

/// Returns the cycles since start-up. An emulator has no counter.
pub(crate) fn cycles() -> Option<u64> {
    DWT::cycle_counter_enabled().then(|| CYCLES.count(DWT::cycle_count))
}

// Any fault of the core: all others escalate to this one. The handler of cortex-m-rt does not pass
// the link register on, which tells how much the core has pushed. After an overflow of the stack
// there is none left to come here with: the core locks up, which QEMU answers by ending.
global_asm!(
    ".section .HardFaultTrampoline, \"ax\"",
    ".global HardFault",
    ".type HardFault,%function",
    ".thumb_func",
    "HardFault:",
    "mov r0, lr",
    "mov r1, sp",
    "b {fault}",
    ".size HardFault, . - HardFault",
    fault = sym fault,
);

/// Continues the handler above.
unsafe extern "C" fn fault(exception_return: u32, frame: *const [u32; 8]) -> ! {
    // SAFETY: the core has pushed a frame to the main stack, which is the only one in use.
    unsafe { log::log_fault(exception_return, frame) };
    crate::fault::end("the firmware took a hard fault; its log has the registers")
}
