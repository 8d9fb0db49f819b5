//! The end of a program that failed: a message on both UARTs, then a halt.

#![expect(unsafe_code, reason = "takes the wire from code that never runs again")]

use core::panic::PanicInfo;

use mambalite_firmware_log as log;
use mambalite_firmware_riscv::{self as core_facts, Trap};

use crate::machine;

/// Any trap: no interrupt is taken, and no exception is expected. An overflow of the stack is one.
#[unsafe(no_mangle)]
extern "C" fn riscv_trap(trap: &Trap) -> ! {
    log::log_fault(trap);
    report("the firmware trapped; its log has the registers");
    halt()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    log::log_panic(info);
    report("the firmware panicked; its log has the place");
    halt()
}

/// Tells the host.
fn report(detail: &str) {
    // SAFETY: no interrupt is ever taken and this function's callers do not return.
    let uart = machine::running().and_then(|machine| unsafe { machine.wire() });
    if let Some(mut uart) = uart {
        log::report(|byte| while !uart.write(byte) {}, detail);
    }
}

fn halt() -> ! {
    loop {
        core_facts::wait_for_interrupt();
    }
}
