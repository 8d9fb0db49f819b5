//! Control and status registers.

#![expect(unsafe_code, reason = "instructions that reach registers of the core")]

use core::arch::asm;

/// Bit of `mstatus`: interrupts are taken.
const MIE: u32 = 1 << 3;
/// Bit of `mie`: the external interrupt wakes the core.
const MEIE: u32 = 1 << 11;

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

/// Masks all interrupts: one that is pending and enabled still ends a `wfi`.
pub fn mask_interrupts() {
    // SAFETY: nothing here relies on an interrupt being taken.
    unsafe { asm!("csrc mstatus, {}", in(reg) MIE, options(nostack)) };
}

/// Enables the external interrupt, that of the interrupt controller.
pub fn unmask_external() {
    // SAFETY: it is taken only where interrupts are not masked, and then it is a trap like another.
    unsafe { asm!("csrs mie, {}", in(reg) MEIE, options(nostack)) };
}

/// Sleeps until an enabled interrupt is pending.
pub fn wait_for_interrupt() {
    // SAFETY: a hint that changes nothing.
    unsafe { asm!("wfi", options(nostack)) };
}
