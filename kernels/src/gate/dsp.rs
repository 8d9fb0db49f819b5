//! Gate with the DSP extension of Armv7E-M and Armv8-M, four channels at a time.

#![expect(unsafe_code, reason = "inner loop in assembly")]

use core::arch::asm;

use super::{FixedParams, Run};
use crate::arith::{Fixed, FixedInput};
use crate::num::dsp::{Silu, less_half, requantise_bytes, requantise_halves, silu, silu_begin};
use crate::num::fixed::{logistic, requantise};
use crate::rows::Rows;

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run::<i16>)
}

/// Returns the entry point.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    Some(run::<i8>)
}

/// What [`quads`] reads and updates.
#[repr(C)]
struct Job {
    silu: Silu,
    y: *const i16,
    out: *mut u8,
    multiplier: i32,
    less_half: i32,
    shift: u32,
    end: *const i16,
}

/// Gates from lr until the job's end.
macro_rules! quads {
    ($job:expr, $z:expr, $requantise:expr, $store:literal) => {
        asm!(
            "push {{r6, r7}}",
            silu_begin!(),
            "mov r7, #0x4000",
            "2:",
            silu!(),
            "ldr r12, [sp, #12]",
            "ldm r12, {{r4, r5, r6, r8, r9}}",
            "ldr r10, [r4], #4",
            "ldr r11, [r4], #4",
            // The rounded upper halves are SiLU in z's unit.
            "lsl r0, #1",
            "lsl r1, #1",
            "lsl r2, #1",
            "lsl r3, #1",
            "smulbt r0, r10, r0",
            "smultt r1, r10, r1",
            "smulbt r2, r11, r2",
            "smultt r3, r11, r3",
            $requantise,
            $store,
            "stm r12, {{r4, r5}}",
            "ldr r0, [r12, #20]",
            "cmp lr, r0",
            "bne 2b",
            "add sp, #16",
            "pop {{r6, r7}}",
            inout("r12") &raw mut $job => _,
            inout("lr") $z => _,
            out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        )
    };
}

/// Gates some channels, four at a time, and returns how many; arguments of one length.
fn quads<I: FixedInput>(
    params: &FixedParams,
    silu: Silu,
    y: &[i16],
    z: &[i16],
    out: &mut [I],
) -> usize {
    let n = y.len().min(z.len()).min(out.len()) & !3;
    if n == 0 {
        return 0;
    }
    let mut job = Job {
        silu,
        y: y.as_ptr(),
        out: out.as_mut_ptr().cast(),
        multiplier: params.multiplier,
        less_half: less_half(params.shift),
        shift: params.shift.into(),
        end: z.as_ptr().wrapping_add(n),
    };
    // SAFETY: reads `n` values, not 0, a multiple of four, from `y` and `z`, and writes as many to
    // `out`, of 8 or 16 bits as the match says. The template restores r6, r7 and the stack.
    unsafe {
        match I::BITS {
            8 => quads!(
                job,
                z.as_ptr(),
                requantise_bytes!("r6", "r8", "r9"),
                "str r0, [r5], #4"
            ),
            _ => quads!(
                job,
                z.as_ptr(),
                requantise_halves!("r6", "r8", "r9"),
                "str r0, [r5], #4
                 str r1, [r5], #4"
            ),
        }
    }
    n
}

/// Gates pixels; arguments as [`super::Run`].
fn run<I: FixedInput>(params: &FixedParams, y: &[i16], z: Rows<'_, i16>, out: &mut [I]) {
    let len = z.len().max(1);
    let pixels = out.chunks_exact_mut(len).zip(y.chunks_exact(len));
    for (i, (out, y)) in pixels.enumerate() {
        let Some(z) = z.values().get(i * z.stride()..).and_then(|z| z.get(..len)) else {
            return;
        };
        let done = Silu::new(params.fraction).map_or(0, |silu| quads(params, silu, y, z, out));
        let rest = out.iter_mut().zip(y.iter().zip(z)).skip(done);
        for (out, (&y, &z)) in rest {
            let silu = (i32::from(z) * logistic(z, params.fraction) + (1 << 14)) >> 15;
            let gated = i32::from(y) * silu;
            *out = I::saturate(requantise(gated, params.multiplier, params.shift));
        }
    }
}
