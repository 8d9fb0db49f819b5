//! The sum with Helium.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;

use super::{FixedParams, Run};
use crate::arith::Fixed;
use crate::num::mve::{assembler, is_detected};

/// What [`add`] takes besides the tensors, in the order of its registers, r4 to r7.
#[repr(C)]
struct Terms {
    a: i32,
    b: i32,
    /// As a shift to the left.
    shift: i32,
    max: i32,
}

/// Adds `n` elements of `b` to `a`.
///
/// `2 (x 2^15 m) >> 32` is `mulhi(x 2^16, m)`.
#[unsafe(naked)]
unsafe extern "C" fn add(a: *mut i16, b: *const i16, n: usize, terms: &Terms) {
    naked_asm!(
        assembler!(),
        "push {{r4-r7, r11, lr}}",
        "ldm r3, {{r4-r7}}",
        "vdup.32 q2, r7",
        "vneg.s32 q3, q2",
        "wlstp.32 lr, r2, 3f",
        "2:",
        "vldrh.s32 q0, [r0]",
        "vldrh.s32 q1, [r1], #8",
        "vshl.i32 q0, q0, #15",
        "vqdmulh.s32 q0, q0, r4",
        "vshl.i32 q1, q1, #15",
        "vqdmulh.s32 q1, q1, r5",
        "vadd.i32 q0, q0, q1",
        "vrshl.s32 q0, r6",
        "vmin.s32 q0, q0, q2",
        "vmax.s32 q0, q0, q3",
        "vstrh.32 q0, [r0], #8",
        "letp lr, 2b",
        "3:",
        "pop {{r4-r7, r11, pc}}",
    )
}

/// Adds as `reference.rs`.
fn run(params: &FixedParams, a: &mut [i16], b: &[i16]) {
    let terms = Terms {
        a: params.a,
        b: params.b,
        shift: -i32::from(params.shift),
        max: 32767,
    };
    // SAFETY: both tensors hold so many elements.
    unsafe { add(a.as_mut_ptr(), b.as_ptr(), a.len().min(b.len()), &terms) };
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    is_detected().then_some(run)
}
