//! Step sizes with the DSP extension of Armv7E-M and Armv8-M, four at a time.

#![expect(unsafe_code, reason = "inner loop in assembly")]

use core::arch::asm;

use super::Run;
use crate::arith::Fixed;
use crate::num::dsp::{exp2, exp2_down, fraction};
use crate::num::fixed::{LN, LN_DEGREE, LOG2_E_Q30, soft_plus};

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run)
}

/// What the loop reads and updates; its pointer is to the fifth coefficient.
#[repr(C)]
struct Job {
    /// Coefficients of the exponential, from the highest power down.
    exp2: [i32; 7],
    log2_e: u32,
    /// What saturates at 2^31 with the largest argument, and with the smallest.
    upper: i32,
    lower: i32,
    x: *const i32,
    out: *mut i32,
    end: *mut i32,
    /// Coefficients of the logarithm, from the highest power down.
    ln: [i32; LN_DEGREE + 1],
}

const LN_DOWN: [i32; LN_DEGREE + 1] = {
    let mut out = LN;
    let mut k = 0;
    while k <= LN_DEGREE {
        out[k] = LN[LN_DEGREE - k];
        k += 1;
    }
    out
};

/// A step of the logarithm's polynomial on four values.
macro_rules! ln_step {
    ($c:literal) => {
        concat!(
            "smmul r4, r4, r0
             smmul r5, r5, r1
             smmul r6, r6, r2
             smmul r7, r7, r3
             add r4, ",
            $c,
            ", r4, lsl #1
             add r5, ",
            $c,
            ", r5, lsl #1
             add r6, ",
            $c,
            ", r6, lsl #1
             add r7, ",
            $c,
            ", r7, lsl #1"
        )
    };
}

/// Clamps r0 to r3 to -16 and 64, puts them on the stack and leaves their magnitudes.
macro_rules! clamped {
    () => {
        "ldrd r4, r5, [lr, #16]
             qadd r0, r0, r4
             qadd r1, r1, r4
             qadd r2, r2, r4
             qadd r3, r3, r4
             sub r0, r4
             sub r1, r4
             sub r2, r4
             sub r3, r4
             qadd r0, r0, r5
             qadd r1, r1, r5
             qadd r2, r2, r5
             qadd r3, r3, r5
             sub r0, r5
             sub r1, r5
             sub r2, r5
             sub r3, r5
             push {{r0-r3}}
             eor r4, r0, r0, asr #31
             eor r5, r1, r1, asr #31
             eor r6, r2, r2, asr #31
             eor r7, r3, r3, asr #31
             sub r0, r4, r0, asr #31
             sub r1, r5, r1, asr #31
             sub r2, r6, r2, asr #31
             sub r3, r7, r3, asr #31"
    };
}

/// The logarithm of 1 plus r0 to r3, in Q0.31 and below 1 (tested), to r4 to r7. In Q0.30 and
/// back these lose a bit.
macro_rules! logarithm {
    () => {
        concat!(
            "bic r0, #1
             bic r1, #1
             bic r2, #1
             bic r3, #1
             add r12, lr, #36
             ldm r12!, {{r8-r11}}
             smmul r4, r0, r8
             smmul r5, r1, r8
             smmul r6, r2, r8
             smmul r7, r3, r8
             add r4, r9, r4, lsl #1
             add r5, r9, r5, lsl #1
             add r6, r9, r6, lsl #1
             add r7, r9, r7, lsl #1
             ",
            ln_step!("r10"),
            "
             ",
            ln_step!("r11"),
            "
             ldm r12!, {{r8-r11}}
             ",
            ln_step!("r8"),
            "
             ",
            ln_step!("r9"),
            "
             ",
            ln_step!("r10"),
            "
             ",
            ln_step!("r11"),
            "
             ldr r8, [r12]
             ",
            ln_step!("r8"),
            "
             smmul r4, r4, r0
             smmul r5, r5, r1
             smmul r6, r6, r2
             smmul r7, r7, r3"
        )
    };
}

/// Takes results of the projection to step sizes; arguments as [`super::Run`].
fn run(x: &[i32], out: &mut [i32]) {
    let n = x.len().min(out.len()) & !3;
    if n > 0 {
        let mut job = Job {
            exp2: exp2_down(),
            log2_e: LOG2_E_Q30 as u32,
            upper: i32::MAX - (64 << 12),
            lower: i32::MIN + (16 << 12),
            x: x.as_ptr(),
            out: out.as_mut_ptr(),
            end: out.as_mut_ptr().wrapping_add(n),
            ln: LN_DOWN,
        };
        // SAFETY: reads `n` values of `x`, not 0, a multiple of four, and writes as many to `out`;
        // the template restores r6, r7 and the stack.
        unsafe { quads(&mut job) };
    }
    for (out, &x) in out.iter_mut().zip(x).skip(n) {
        *out = soft_plus(x);
    }
}

/// Makes step sizes up to the job's end, four by four, at least four.
///
/// # Safety
/// The job's pointers are to arrays of as many values.
unsafe fn quads(job: &mut Job) {
    // SAFETY: as the caller says.
    unsafe {
        asm!(
            "push {{r6, r7}}",
            "add lr, #16",
            "2:",
            "ldr r4, [lr, #24]",
            "ldm r4!, {{r0-r3}}",
            "str r4, [lr, #24]",
            clamped!(),
            // The exponent to base 2: whole part to the stack, fraction less 1/2 to r4 to r7.
            "ldr r12, [lr, #12]",
            "umull r4, r0, r0, r12",
            "umull r5, r1, r1, r12",
            "umull r6, r2, r2, r12",
            "umull r7, r3, r3, r12",
            "lsr r8, r0, #10",
            "lsr r9, r1, #10",
            "lsr r10, r2, #10",
            "lsr r11, r3, #10",
            "push {{r8-r11}}",
            fraction!(),
            exp2!(),
            "pop {{r8-r11}}",
            "lsr r0, r8",
            "lsr r1, r9",
            "lsr r2, r10",
            "lsr r3, r11",
            logarithm!(),
            "pop {{r8-r11}}",
            "bic r8, r8, r8, asr #31",
            "bic r9, r9, r9, asr #31",
            "bic r10, r10, r10, asr #31",
            "bic r11, r11, r11, asr #31",
            "asr r4, #5",
            "asr r5, #5",
            "asr r6, #5",
            "asr r7, #5",
            "add r4, r4, r8, lsl #12",
            "add r5, r5, r9, lsl #12",
            "add r6, r6, r10, lsl #12",
            "add r7, r7, r11, lsl #12",
            "ldrd r8, r9, [lr, #28]",
            "stm r8!, {{r4-r7}}",
            "str r8, [lr, #28]",
            "cmp r8, r9",
            "bne 2b",
            "pop {{r6, r7}}",
            inout("lr") &raw mut *job => _,
            out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
        );
    }
}
