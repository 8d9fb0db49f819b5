//! The end of a program that failed: a message in the log and on the wire, then a halt.

use core::cell::Cell;
use core::panic::PanicInfo;

use critical_section::Mutex;
use mambalite_firmware_log as log;

use crate::processor;

/// What sends a byte to the host when all else has ended.
static LAST_WORDS: Mutex<Cell<Option<fn(u8)>>> = Mutex::new(Cell::new(None));

/// Sets what sends a byte to the host after a fault, and waits for room. Its caller never returns, so
/// that it may take the port from whoever had it.
pub fn set_last_words(write: fn(u8)) {
    critical_section::with(|section| LAST_WORDS.borrow(section).set(Some(write)));
}

/// Tells the host, and halts.
pub(crate) fn end(detail: &str) -> ! {
    let write = critical_section::with(|section| LAST_WORDS.borrow(section).get());
    if let Some(write) = write {
        log::report(write, detail);
    }
    loop {
        processor::sleep();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    processor::mask_interrupts();
    log::log_panic(info);
    end("the firmware panicked; its log has the place")
}
