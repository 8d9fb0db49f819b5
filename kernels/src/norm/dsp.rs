//! Norm with the DSP extension of Armv7E-M and Armv8-M, four channels at a time.
//!
//! The squares of the deviations sum to `C (C sum(x x) - sum(x)^2)`. The reciprocal of the root is
//! in `[2^30, 2^31]`: twice that, less 2^32, is a signed factor, so that SMMLAR rounds
//! `d / sqrt(v)` as the specification does; where the reciprocal is 2^31 the factor is 0.

#![expect(unsafe_code, reason = "inner loops in assembly")]

use core::arch::asm;

use super::{FixedParams, Kernel};
use crate::arith::{Fixed, FixedInput};
use crate::num::dsp::{halved_bytes, halved_halves};
use crate::num::fixed::mulhi;

/// Returns the entry points.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Some(kernel())
}

/// Returns the entry points.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Some(kernel())
}

fn kernel<I: FixedInput>() -> Kernel<Fixed<I>> {
    Kernel {
        acts: run::<i16>,
        inputs: run::<I>,
    }
}

/// What the outputs of a pixel have in common.
struct Moments {
    /// `C`.
    channels: i32,
    /// Of the inputs.
    sum: i32,
    /// Reciprocal of the root and its exponent, as [`crate::num::fixed::reciprocal_sqrt`].
    mantissa: u32,
    halvings: u32,
}

/// Returns the root, rounded down, of a number that is `2^62` or more.
fn root(v: u64) -> u32 {
    let (high, low) = ((v >> 32) as u32, v as u32);
    // The upper half's, within 5 %, then by Newton's steps, which end at the root or one above.
    let mut s = 24_000 + (high >> 17) + (high >> 19);
    for _ in 0..2 {
        s = (s + high.checked_div(s).unwrap_or(0)) / 2;
    }
    s = s.min(0xffff);
    if s * s > high {
        s -= 1;
    }
    // The lower half's by one division: Zimmermann, "Karatsuba square root" (INRIA RR-3805).
    let rest = high - s * s;
    let half = rest << 15 | low >> 17;
    let quotient = half.checked_div(s).unwrap_or(0);
    let rest = u64::from(half - quotient * s) << 17 | u64::from(low & 0x1_ffff);
    let square = u64::from(quotient) * u64::from(quotient);
    let root = (s << 16).wrapping_add(quotient);
    root.wrapping_sub(u32::from(rest < square))
}

/// Returns a digit of 16 bits of a quotient, and the remainder: of `rest 2^16 / divisor`, for a
/// divisor of `2^31` or more above `rest`.
fn digit(rest: u32, divisor: u32) -> (u32, u32) {
    let (high, low) = (divisor >> 16, divisor & 0xffff);
    let mut quotient = rest.checked_div(high).unwrap_or(0).min(0xffff);
    let mut over = rest - quotient * high;
    // At most twice too large: Knuth, "The Art of Computer Programming" 2, 4.3.1.
    while over < 1 << 16 && quotient * low > over << 16 {
        quotient -= 1;
        over += high;
    }
    (quotient, (over << 16).wrapping_sub(quotient * low))
}

/// As [`crate::num::fixed::reciprocal_sqrt`], in words of 32 bits.
fn reciprocal_sqrt(v: u64) -> (u32, u32) {
    let halvings = v.leading_zeros() / 2;
    let root = root(v << (2 * halvings));
    let (high, rest) = digit(1 << 30, root);
    let (low, _) = digit(rest, root);
    (high << 16 | low, halvings)
}

/// Returns the moments of a pixel.
fn moments(x: &[i16], epsilon: u64) -> Moments {
    let quads = x.len() / 4;
    let (mut sum, mut low, mut high) = (0_i32, 0_u32, 0_u32);
    if quads > 0 {
        // SAFETY: reads four inputs in each of `quads` rounds, at least one.
        unsafe {
            asm!(
                "2:",
                "ldr {a}, [{x}], #4",
                "ldr {b}, [{x}], #4",
                "smlad {sum}, {a}, {ones}, {sum}",
                "smlald {low}, {high}, {a}, {a}",
                "smlad {sum}, {b}, {ones}, {sum}",
                "smlald {low}, {high}, {b}, {b}",
                "subs {quads}, #1",
                "bne 2b",
                x = inout(reg) x.as_ptr() => _,
                quads = inout(reg) quads => _,
                ones = in(reg) 0x0001_0001,
                sum = inout(reg) sum,
                low = inout(reg) low,
                high = inout(reg) high,
                a = out(reg) _,
                b = out(reg) _,
                options(readonly, nostack),
            );
        }
    }
    let mut squares = u64::from(high) << 32 | u64::from(low);
    for &x in x.iter().skip(4 * quads) {
        sum += i32::from(x);
        squares += i64::from(x).pow(2) as u64;
    }
    let n = x.len() as u64;
    let deviations = n * (n * squares - i64::from(sum).pow(2) as u64);
    let (mantissa, halvings) = reciprocal_sqrt(deviations + epsilon);
    Moments {
        channels: x.len() as i32,
        sum,
        mantissa,
        halvings,
    }
}

impl Moments {
    /// Returns a value in Q1.30.
    fn norm(&self, x: i16) -> i32 {
        let deviation = i64::from(self.channels * i32::from(x) - self.sum);
        let shift = 32 - self.halvings;
        ((deviation * i64::from(self.mantissa) + (1 << (shift - 1))) >> shift) as i32
    }
}

/// What [`quads`] reads and updates.
#[repr(C)]
struct Job {
    /// `C` and less the sum, times `2^(halvings - 1)`.
    scale: i32,
    less_sum: i32,
    /// Twice the mantissa, less 2^32.
    factor: u32,
    /// Shift less one.
    shift: u32,
    end: *const u8,
}

/// Norms from r8 until the job's end.
macro_rules! quads {
    ($job:expr, $params:expr, $x:expr, $out:expr, $store:expr) => {
        asm!(
            "push {{r6, r7}}",
            "2:",
            "ldm r12, {{r4-r7}}",
            "ldrsh r0, [r8], #8",
            "ldrsh r1, [r8, #-6]",
            "ldrsh r2, [r8, #-4]",
            "ldrsh r3, [r8, #-2]",
            "mla r0, r0, r4, r5",
            "mla r1, r1, r4, r5",
            "mla r2, r2, r4, r5",
            "mla r3, r3, r4, r5",
            "smmlar r0, r0, r6, r0",
            "smmlar r1, r1, r6, r1",
            "smmlar r2, r2, r6, r2",
            "smmlar r3, r3, r6, r3",
            "ldrd r4, r5, [r9], #8",
            "ldrd r6, lr, [r10], #8",
            "smmla r0, r0, r4, r6",
            "smmla r1, r1, r5, lr",
            "ldrd r4, r5, [r9], #8",
            "ldrd r6, lr, [r10], #8",
            "smmla r2, r2, r4, r6",
            "smmla r3, r3, r5, lr",
            "asr r0, r7",
            "asr r1, r7",
            "asr r2, r7",
            "asr r3, r7",
            "sub r0, #1",
            "sub r1, #1",
            "sub r2, #1",
            "sub r3, #1",
            $store,
            "ldr r4, [r12, #16]",
            "cmp r11, r4",
            "bne 2b",
            "pop {{r6, r7}}",
            inout("r8") $x => _,
            inout("r9") $params.gain.as_ptr() => _,
            inout("r10") $params.offset.as_ptr() => _,
            inout("r11") $out => _,
            in("r12") &raw const $job,
            out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("lr") _,
        )
    };
}

/// Norms the channels from 0 to a multiple of four, and returns that.
fn quads<O: FixedInput>(
    params: &FixedParams<'_>,
    moments: &Moments,
    x: &[i16],
    out: &mut [O],
) -> usize {
    let n = x
        .len()
        .min(out.len())
        .min(params.gain.len())
        .min(params.offset.len())
        & !3;
    let Some(shift) = moments.halvings.checked_sub(1) else {
        return 0;
    };
    if n == 0 {
        return 0;
    }
    let job = Job {
        scale: moments.channels << shift,
        less_sum: moments.sum.wrapping_neg() << shift,
        factor: moments.mantissa << 1,
        shift: u32::from(params.shift).wrapping_sub(1),
        end: out.as_ptr().wrapping_add(n).cast(),
    };
    // SAFETY: reads `n` inputs, gains and offsets, not 0, a multiple of four, and writes as many
    // outputs, of 8 or 16 bits as the match says; the template restores r6, r7 and the stack.
    unsafe {
        match O::BITS {
            8 => quads!(
                job,
                params,
                x.as_ptr(),
                out.as_mut_ptr(),
                concat!(
                    halved_bytes!(),
                    "
                str r0, [r11], #4"
                )
            ),
            _ => quads!(
                job,
                params,
                x.as_ptr(),
                out.as_mut_ptr(),
                concat!(
                    halved_halves!(),
                    "
                str r0, [r11], #4
                str r1, [r11], #4"
                )
            ),
        }
    }
    n
}

/// Norms pixels; arguments as [`super::Run`].
fn run<O: FixedInput>(params: &FixedParams<'_>, x: &[i16], width: usize, out: &mut [O]) {
    let width = width.max(1);
    let round = 1_i32.wrapping_shl(u32::from(params.shift).wrapping_sub(1));
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let moments = moments(x, params.epsilon);
        let done = quads(params, &moments, x, out);
        let terms = params.gain.iter().zip(params.offset);
        let rest = out.iter_mut().zip(x).zip(terms).skip(done);
        for ((out, &x), (&gain, &offset)) in rest {
            let sum = mulhi(moments.norm(x), gain) + offset + round;
            *out = O::saturate(sum.wrapping_shr(params.shift.into()));
        }
    }
}
