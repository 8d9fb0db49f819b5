//! Control and status registers.

#![expect(unsafe_code, reason = "instructions that reach registers of the core")]

use core::arch::asm;

/// Bit of `mstatus`: interrupts are taken.
const MIE: u32 = 1 << 3;

/// Number of the software interrupt.
pub const SOFTWARE: u32 = 3;
/// Number of the external interrupt, that of a standard interrupt controller.
pub const EXTERNAL: u32 = 11;

/// Reads a counter of 64 bits: its upper half again, until no carry came between.
macro_rules! counter {
    ($low:literal, $high:literal) => {
        loop {
            let (high, low, again): (u32, u32, u32);
            // SAFETY: reading the registers has no effect. As the code may touch memory for all
            // the compiler knows, no access moves past it.
            unsafe {
                asm!(
                    concat!("csrr {}, ", $high),
                    concat!("csrr {}, ", $low),
                    concat!("csrr {}, ", $high),
                    out(reg) high, out(reg) low, out(reg) again, options(nostack)
                );
            }
            if high == again {
                break u64::from(high) << 32 | u64::from(low);
            }
        }
    };
}

/// Returns the instructions retired since reset (`minstret`).
pub fn instructions() -> u64 {
    counter!("minstret", "minstreth")
}

/// Returns the cycles since reset (`mcycle`).
pub fn cycles() -> u64 {
    counter!("mcycle", "mcycleh")
}

/// Returns the machine's time in its own unit (`time`).
pub fn time() -> u64 {
    counter!("time", "timeh")
}

/// Lets the counters of cycles and instructions run, on a core that stops them at reset.
pub fn start_counters() {
    // SAFETY: the counters change nothing else.
    unsafe { asm!("csrw mcountinhibit, zero", options(nostack)) };
}

/// Masks all interrupts: one that is pending and enabled still ends a `wfi`. Returns whether they were
/// taken before.
pub fn mask_interrupts() -> bool {
    let before: u32;
    // SAFETY: nothing here relies on an interrupt being taken. As the code may touch memory for all the
    // compiler knows, no access moves before it.
    unsafe {
        asm!("csrrci {}, mstatus, {mie}", out(reg) before, mie = const MIE, options(nostack));
    }
    before & MIE != 0
}

/// Takes the interrupts that are enabled.
///
/// # Safety
/// No critical section is open: this would end it.
pub unsafe fn take_interrupts() {
    // SAFETY: the caller's promise. As the code may touch memory for all the compiler knows, no access
    // moves past it.
    unsafe { asm!("csrsi mstatus, {mie}", mie = const MIE, options(nostack)) };
}

/// Enables the interrupt of a number below 32, once all that was written to devices has arrived. It is
/// taken where interrupts are not masked, and ends a `wfi` where they are.
pub fn enable_interrupt(number: u32) {
    // SAFETY: what handlers share with the program lies behind critical sections, which mask all
    // interrupts; a program without a handler masks them too, or the interrupt is a trap like another.
    unsafe { asm!("fence", "csrs mie, {}", in(reg) 1 << number, options(nostack)) };
}

/// Sleeps until an enabled interrupt is pending.
pub fn wait_for_interrupt() {
    // SAFETY: a hint that changes nothing.
    unsafe { asm!("wfi", options(nostack)) };
}
