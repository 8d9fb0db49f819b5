//! The step size with Helium.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;

use super::Run;
use crate::arith::Fixed;
use crate::num::fixed::{LN, LOG2_E_Q30};
use crate::num::mve::{EXP2_FALLING, assembler, horner, is_detected, split};

/// Constants of [`soft_plus`].
#[repr(C)]
struct Constants {
    /// `log2(e)` in Q1.30, coefficients after the first, 1/2 in Q0.32: r3 to r10 of the first loop.
    log2_e: u32,
    exp2: [i32; 6],
    half: u32,
    /// Coefficients after the first: r3 to r10 of the second loop.
    ln: [i32; 8],
    exp2_top: i32,
    ln_top: i32,
    /// Bounds of the input.
    min: i32,
    max: i32,
}

static CONSTANTS: Constants = {
    let [exp2_top, exp2 @ ..] = EXP2_FALLING;
    let [l0, l1, l2, l3, l4, l5, l6, l7, ln_top] = LN;
    Constants {
        log2_e: LOG2_E_Q30 as u32,
        exp2,
        half: 1 << 31,
        ln: [l7, l6, l5, l4, l3, l2, l1, l0],
        exp2_top,
        ln_top,
        min: -(16 << 12),
        max: 64 << 12,
    }
};

/// A step of Horner's rule: the sum in q2 times q1, plus a coefficient.
macro_rules! times_x_plus {
    ($coefficient:literal) => {
        concat!("vmulh.s32 q2, q2, q1\nvmlas.s32 q2, q6, ", $coefficient)
    };
}

/// Takes `n` values to their softplus.
///
/// The first loop leaves `e^-|x|` in `out`, below 1 in Q0.31 (tested); the second one goes on to
/// `ln(1 + e^-|x|)` by Horner's rule, whose `2 mulhi(sum, x) + c` is a multiplication by twos.
#[unsafe(naked)]
unsafe extern "C" fn soft_plus(x: *const i32, out: *mut i32, n: usize, constants: &Constants) {
    naked_asm!(
        assembler!(),
        "push {{r3-r11, lr}}",
        "vpush {{d8-d15}}",
        "mov r12, r3",
        "ldrd r4, r5, [r12, #64]",
        "ldrd r6, r7, [r12, #72]",
        "vdup.32 q7, r4",
        "vdup.32 q5, r7",
        "vdup.32 q4, r6",
        "ldr r3, [r12]",
        "vdup.32 q6, r3",
        "push {{r0, r1, r2, r5, r7, r12}}",
        "ldm r12, {{r3-r10}}",
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vmin.s32 q0, q0, q5",
        "vmax.s32 q0, q0, q4",
        "vabs.s32 q0, q0",
        "vmulh.u32 q1, q0, q6",
        "vmul.i32 q2, q0, r3",
        split!("q2", "q1", "r10"),
        "vneg.s32 q1, q1",
        horner!("q3", "q2", "q7"),
        "vshl.u32 q3, q3, q1",
        "vstrw.32 q3, [r1], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r0, r1, r2, r5, r7, r12}}",
        "vdup.32 q7, r5",
        "vdup.32 q5, r7",
        "vmov.i32 q4, #0",
        "vmov.i32 q6, #2",
        "add r12, #32",
        "ldm r12, {{r3-r10}}",
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrw.u32 q1, [r1]",
        "vbic.i32 q1, #1",
        "vmulh.s32 q2, q7, q1",
        "vmlas.s32 q2, q6, r3",
        times_x_plus!("r4"),
        times_x_plus!("r5"),
        times_x_plus!("r6"),
        times_x_plus!("r7"),
        times_x_plus!("r8"),
        times_x_plus!("r9"),
        times_x_plus!("r10"),
        "vqdmulh.s32 q2, q2, q1",
        "vshr.u32 q2, q2, #6",
        "vldrw.u32 q0, [r0], #16",
        "vmin.s32 q0, q0, q5",
        "vmax.s32 q0, q0, q4",
        "vshl.i32 q0, q0, #12",
        "vadd.i32 q0, q0, q2",
        "vstrw.32 q0, [r1], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d15}}",
        "pop {{r3-r11, pc}}",
    )
}

/// Takes results of the step-size projection to step sizes as `reference.rs`.
fn run(x: &[i32], out: &mut [i32]) {
    let n = x.len().min(out.len());
    // SAFETY: both hold so many elements.
    unsafe { soft_plus(x.as_ptr(), out.as_mut_ptr(), n, &CONSTANTS) };
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    is_detected().then_some(run)
}
