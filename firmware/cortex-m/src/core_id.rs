//! The identity of the core.

#![expect(unsafe_code, reason = "a register of the core")]

/// Returns the CPUID register: implementer, part and revision of the core.
pub fn cpuid() -> u32 {
    // SAFETY: the register exists on every Cortex-M and reading it has no effect.
    unsafe { (*cortex_m::peripheral::CPUID::PTR).base.read() }
}
