//! What a Cortex-M saves of a fault.

#![expect(unsafe_code, reason = "registers of the core, and what it pushed")]

use crate::fault::log_stack;

/// Fault status and address registers of the system control block.
const CFSR: *const u32 = 0xe000_ed28 as *const u32;
const HFSR: *const u32 = 0xe000_ed2c as *const u32;
const MMFAR: *const u32 = 0xe000_ed34 as *const u32;
const BFAR: *const u32 = 0xe000_ed38 as *const u32;

/// Bit of EXC_RETURN that is clear when registers of the floating-point unit were pushed too.
const BASIC_FRAME: u32 = 1 << 4;
/// Bytes of a frame without them, and with them.
const BASIC_BYTES: u32 = 8 * 4;
const EXTENDED_BYTES: u32 = BASIC_BYTES + 18 * 4;
/// Bit of the pushed xPSR that says that a word was left out to align the frame.
const ALIGNED: u32 = 1 << 9;

/// Logs the registers, the reason and the stack of a fault.
///
/// `exception_return` is the link register and `frame` the stack pointer on entry of the handler.
///
/// # Safety
/// `frame` is where the core pushed the eight registers of an exception.
pub unsafe fn log_fault(exception_return: u32, frame: *const [u32; 8]) {
    // SAFETY: the caller promises the frame.
    let [r0, r1, r2, r3, r12, lr, pc, xpsr] = unsafe { frame.read_volatile() };
    let frame_bytes = match exception_return & BASIC_FRAME {
        0 => EXTENDED_BYTES,
        _ => BASIC_BYTES,
    };
    let gap = if xpsr & ALIGNED == 0 { 0 } else { 4 };
    let sp = frame as u32 + frame_bytes + gap;
    defmt::error!(
        "fault regs r0={=u32:#010x} r1={=u32:#010x} r2={=u32:#010x} r3={=u32:#010x} \
         r12={=u32:#010x} lr={=u32:#010x} pc={=u32:#010x} xpsr={=u32:#010x} sp={=u32:#010x}",
        r0,
        r1,
        r2,
        r3,
        r12,
        lr,
        pc,
        xpsr,
        sp
    );
    let [cfsr, hfsr, mmfar, bfar] = [CFSR, HFSR, MMFAR, BFAR].map(|register| {
        // SAFETY: Armv7-M and Armv8-M Mainline have the register, and reading has no effect.
        unsafe { register.read_volatile() }
    });
    defmt::error!(
        "fault status cfsr={=u32:#010x} hfsr={=u32:#010x} mmfar={=u32:#010x} bfar={=u32:#010x}",
        cfsr,
        hfsr,
        mmfar,
        bfar
    );
    log_stack(sp);
}
