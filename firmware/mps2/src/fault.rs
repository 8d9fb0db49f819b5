//! The end of a program that failed: a message on both UARTs, then a halt.

#![expect(unsafe_code, reason = "takes the wire from code that never runs again")]

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use mambalite_hil_wire::{Encoder, Fault, Response};

use crate::map;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    cortex_m::interrupt::disable();
    defmt::error!("{}", defmt::Display2Format(info));
    report("the firmware panicked; its log has the place");
    halt()
}

/// Any fault of the core: all others escalate to this one.
///
/// After an overflow of the stack there is none left to come here with: the core locks up, which
/// QEMU answers by ending.
#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    defmt::error!(
        "hard fault at {=u32:#010x}, called from {=u32:#010x}",
        frame.pc(),
        frame.lr()
    );
    report("the firmware took a hard fault; its log has the place");
    halt()
}

/// Tells the host, which would wait for a time-out otherwise.
fn report(detail: &str) {
    // SAFETY: interrupts are masked and this function's callers do not return.
    let mut uart = unsafe { map::wire_uart() };
    let mut encoder = Encoder::new();
    let response = Response::Error {
        job: 0,
        fault: Fault::Exec,
        detail,
    };
    // A frame opens with a delimiter, which also ends one that was cut short by the fault.
    if let Ok(line) = encoder.response(&response) {
        for &byte in line {
            while !uart.write(byte) {}
        }
    }
}

fn halt() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
