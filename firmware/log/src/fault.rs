//! The end of a program that failed: what the host can decode, and what it is told.
//!
//! The log gets one line an item, in a fixed form that the host parses and walks with the ELF file:
//!
//! ```text
//! fault regs r0=0x00000000 r1=… r2=… r3=… r12=… lr=… pc=… xpsr=… sp=…      Cortex-M
//! fault status cfsr=… hfsr=… mmfar=… bfar=…
//! fault regs ra=… sp=… gp=… tp=… t0=… … t6=… a0=… … a7=…                   RISC-V
//! fault status mcause=… mepc=… mtval=…
//! fault stack 0x20001230: 0x00000000 …                                     eight words, four lines
//! ```
//!
//! `sp` is the stack pointer at the failed instruction. The stack is shown from there upwards; where
//! `sp` has left the stack, from the stack's nearest word.

use core::panic::PanicInfo;

use mambalite_firmware_image::stack_words;
use mambalite_hil_wire::{Encoder, Fault, Response};

/// Words of the stack in a line of the log.
const WORDS: usize = 8;
/// Lines of the stack.
const LINES: usize = 4;

/// Logs a panic.
pub fn log_panic(info: &PanicInfo<'_>) {
    defmt::error!("{}", defmt::Display2Format(info));
}

/// Logs the words of the stack from `sp` upwards.
pub(crate) fn log_stack(sp: u32) {
    let mut words = stack_words(sp);
    for _ in 0..LINES {
        let mut line = [0; WORDS];
        let mut start = None;
        for (place, (address, word)) in line.iter_mut().zip(&mut words) {
            start.get_or_insert(address);
            *place = word;
        }
        let [a, b, c, d, e, f, g, h] = line;
        defmt::error!(
            "fault stack {=u32:#010x}: {=u32:#010x} {=u32:#010x} {=u32:#010x} {=u32:#010x} \
             {=u32:#010x} {=u32:#010x} {=u32:#010x} {=u32:#010x}",
            start.unwrap_or(sp),
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

/// Tells the host of the end, over the wire: it would wait for a time-out otherwise.
pub fn report(mut write: impl FnMut(u8), detail: &str) {
    let mut encoder = Encoder::new();
    let response = Response::Error {
        job: 0,
        fault: Fault::Exec,
        detail,
    };
    // A frame opens with a delimiter, which also ends one that was cut short by the fault.
    if let Ok(line) = encoder.response(&response) {
        line.iter().copied().for_each(&mut write);
    }
}
