//! Helium (MVE): detection, and pieces of assembly that several operators share.
//!
//! Each function of a Helium variant is assembly of its own (`naked_asm!`), begun by
//! [`assembler!`], so that the compiler itself never makes vector code: vectors of floats flush
//! subnormal numbers, and the f32 kernels must not.

#![expect(unsafe_code, reason = "registers of the core")]

use core::arch::asm;

/// Media and floating-point feature register 1; bits 8 to 11 tell of Helium.
const MVFR1: *const u32 = 0xe000_ef44 as *const u32;

/// Tells whether this core has Helium.
///
/// The register is there in the privileged modes only, all others take the answer for no.
pub(crate) fn is_detected() -> bool {
    let (control, exception): (u32, u32);
    // SAFETY: reads a register that every mode may read.
    unsafe { asm!("mrs {}, control", out(reg) control, options(nomem, nostack, preserves_flags)) };
    // SAFETY: as before.
    unsafe { asm!("mrs {}, ipsr", out(reg) exception, options(nomem, nostack, preserves_flags)) };
    if control & 1 != 0 && exception == 0 {
        return false;
    }
    // SAFETY: every Armv8-M core with floating point, which the target has, has the register, and
    // this mode may read it.
    let features = unsafe { MVFR1.read_volatile() };
    (features >> 8) & 15 != 0
}

/// Lets the assembler, and nothing else, know a core with Helium.
macro_rules! assembler {
    () => {
        ".cpu cortex-m55"
    };
}

pub(crate) use assembler;
