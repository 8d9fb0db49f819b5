//! The floating-point mode.

#![expect(unsafe_code, reason = "registers of the floating-point unit")]

use core::arch::asm;

/// Alternative half precision, default NaN, flush to zero and rounding mode of FPSCR.
const MODE_MASK: u32 = 0x07c0_0000;

/// Address of FPDSCR, the mode that a new floating-point context starts with.
const FPDSCR: *mut u32 = 0xe000_ef3c as *mut u32;

/// Sets the mode of the number contract: round to nearest even, subnormals and NaNs kept.
///
/// That is also the state after reset; a start-up code of a vendor may have changed it.
pub fn set_default_float() {
    // SAFETY: the kernels assume exactly this mode, which is also the one Rust assumes.
    unsafe { asm!("vmsr fpscr, {}", in(reg) 0u32, options(nomem, nostack)) };
    // SAFETY: the register exists where there is a floating-point unit.
    unsafe { FPDSCR.write_volatile(0) };
}

/// Returns the mode bits of FPSCR; 0 is the mode of the number contract.
///
/// The condition and exception bits are left out: they tell of the past, not of the mode.
pub fn float_flags() -> u32 {
    let fpscr: u32;
    // SAFETY: reading the register has no effect.
    unsafe { asm!("vmrs {}, fpscr", out(reg) fpscr, options(nomem, nostack, preserves_flags)) };
    fpscr & MODE_MASK
}

/// Returns the mode bits of FPDSCR: those that a new floating-point context, such as that of an
/// exception handler, starts with.
pub fn fresh_float_flags() -> u32 {
    // SAFETY: the register exists where there is a floating-point unit, and reading has no effect.
    let fpdscr = unsafe { FPDSCR.read_volatile() };
    fpdscr & MODE_MASK
}
