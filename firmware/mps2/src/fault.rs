//! The end of a program that failed: a message on both UARTs, then a halt.

#![expect(unsafe_code, reason = "takes the wire from code that never runs again")]

use core::arch::global_asm;
use core::panic::PanicInfo;

use mambalite_firmware_log as log;

use crate::machine;

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
    report("the firmware took a hard fault; its log has the registers");
    halt()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    log::log_panic(info);
    report("the firmware panicked; its log has the place");
    halt()
}

/// Tells the host.
fn report(detail: &str) {
    // SAFETY: interrupts are masked or below this handler, and this function's callers do not
    // return.
    let uart = machine::running().and_then(|machine| unsafe { machine.wire() });
    if let Some(mut uart) = uart {
        log::report(|byte| while !uart.write(byte) {}, detail);
    }
}

fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
