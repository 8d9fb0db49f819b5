//! The core's counter of cycles: it has one of its own in place of `mcycle`, with 32 bits.

#![expect(unsafe_code, reason = "registers of the core")]

use core::arch::asm;

use mambalite_firmware_bare::Counter;

static CYCLES: Counter = Counter::new();

/// Has the counter count cycles, and start at zero.
pub(crate) fn start() {
    // SAFETY: the registers of the counter change nothing else. They select what is counted, let it
    // count past its end, and hold the count.
    unsafe {
        asm!(
            "csrw 0x7e0, {one}",
            "csrw 0x7e2, zero",
            "csrw 0x7e1, {one}",
            one = in(reg) 1,
            options(nostack)
        );
    }
}

/// Returns the cycles since the start.
pub(crate) fn now() -> u64 {
    CYCLES.count(|| {
        let count;
        // SAFETY: reading the register has no effect. As the code may touch memory for all the compiler
        // knows, no access moves past it.
        unsafe { asm!("csrr {}, 0x7e2", out(reg) count, options(nostack)) };
        count
    })
}
