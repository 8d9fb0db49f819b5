//! The end of a program that failed: a message on both UARTs, then a halt.

#![expect(unsafe_code, reason = "takes the wire from code that never runs again")]

use core::panic::PanicInfo;

use cortex_m_rt::{ExceptionFrame, exception};
use mambalite_hil_wire::{Encoder, Fault, Response};

use crate::map;

/// The system control block.
const SCB: usize = 0xe000_ed00;

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
    log_fault(frame);
    report("the firmware took a hard fault; its log has the place");
    halt()
}

/// Logs what the host decodes: registers, why, and the stack of the code that took the fault.
fn log_fault(frame: &ExceptionFrame) {
    // SAFETY: the system control block is at this address on every Cortex-M; reads have no effect.
    let system = |offset: usize| unsafe { ((SCB + offset) as *const u32).read_volatile() };
    let place = core::ptr::from_ref(frame) as u32;
    // FPCAR is the room for floating-point registers in the last exception frame that has one.
    let extended = system(0x238) == place + 0x20;
    let gap = if frame.xpsr() & 1 << 9 == 0 { 0 } else { 4 };
    let sp = place + if extended { 0x68 } else { 0x20 } + gap;
    defmt::error!(
        "fault regs r0={=u32:#010x} r1={=u32:#010x} r2={=u32:#010x} r3={=u32:#010x} \
         r12={=u32:#010x} lr={=u32:#010x} pc={=u32:#010x} xpsr={=u32:#010x} sp={=u32:#010x}",
        frame.r0(),
        frame.r1(),
        frame.r2(),
        frame.r3(),
        frame.r12(),
        frame.lr(),
        frame.pc(),
        frame.xpsr(),
        sp
    );
    defmt::error!(
        "fault status cfsr={=u32:#010x} hfsr={=u32:#010x} mmfar={=u32:#010x} bfar={=u32:#010x}",
        system(0x28),
        system(0x2c),
        system(0x34),
        system(0x38)
    );
    for line in 0..4 {
        let start = sp + line * 32;
        // SAFETY: stack and variables lie in one RAM, and the stack ends far below its end.
        let word = |at: u32| unsafe { ((start + 4 * at) as *const u32).read_volatile() };
        let [a, b, c, d, e, f, g, h] = core::array::from_fn(|at| word(at as u32));
        defmt::error!(
            "fault stack {=u32:#010x}: {=u32:#010x} {=u32:#010x} {=u32:#010x} {=u32:#010x} \
             {=u32:#010x} {=u32:#010x} {=u32:#010x} {=u32:#010x}",
            start,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h
        );
    }
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
