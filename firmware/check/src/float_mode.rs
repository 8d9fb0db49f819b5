//! The floating-point mode: the number contract is round to nearest even with subnormals and NaNs
//! kept, which is what every register of these says with zeros.

#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "registers of the floating-point unit")
)]

use core::fmt;

/// Mode bits of the control register, and of the register that new contexts start with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mode {
    current: u64,
    fresh: u64,
}

impl Mode {
    /// Tells whether this is the mode of the number contract.
    pub(crate) fn is_default(self) -> bool {
        self.current == 0 && self.fresh == 0
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "mode bits {:#x}, of a fresh context {:#x}",
            self.current, self.fresh
        )
    }
}

/// Returns the mode, `None` where floating point is software and has none.
pub(crate) fn mode() -> Option<Mode> {
    #[cfg(all(target_arch = "arm", target_abi = "eabihf"))]
    return Some(Mode {
        current: mambalite_firmware_cortex_m::float_flags().into(),
        fresh: mambalite_firmware_cortex_m::fresh_float_flags().into(),
    });
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Some(Mode {
        current: bits(),
        fresh: 0,
    });
    #[cfg(not(any(
        all(target_arch = "arm", target_abi = "eabihf"),
        target_arch = "x86_64",
        target_arch = "aarch64"
    )))]
    return None;
}

/// Flush to zero, rounding mode and denormals are zeros of MXCSR.
#[cfg(target_arch = "x86_64")]
fn bits() -> u64 {
    const MODE_MASK: u32 = 1 << 15 | 3 << 13 | 1 << 6;
    let mut mxcsr = 0u32;
    // SAFETY: the instruction only writes the four bytes of the local variable.
    unsafe { core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut mxcsr, options(nostack)) };
    (mxcsr & MODE_MASK).into()
}

/// Alternative half precision, default NaN, flush to zero and rounding mode of FPCR.
#[cfg(target_arch = "aarch64")]
fn bits() -> u64 {
    const MODE_MASK: u64 = 0x07c8_0000;
    let fpcr: u64;
    // SAFETY: reading the register has no effect.
    unsafe { core::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack)) };
    fpcr & MODE_MASK
}
