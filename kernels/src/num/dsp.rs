//! SiLU, exponential and clamps with the DSP extension of Armv7E-M and Armv8-M, four values at a
//! time: texts for the inner loops of the operators.
//!
//! A step of a polynomial in [`super::fixed`] is one SMMLA. Clamps are symmetric: the rounding
//! shift gives one less than the result, which saturates to -2^n, and a saturating increment
//! takes that up.

use super::fixed::{EXP2, LOG2_E_Q14};

/// Constants of [`silu`], which an inner loop finds on its stack.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silu {
    /// Coefficients of the exponential, from the highest power down.
    exp2: [i32; 7],
    /// 1 in Q0.16.
    one: i32,
    /// Takes `|x|` to its base-2 exponent: fraction in the lower, whole part in the upper word.
    factor: u32,
}

/// Bytes of [`Silu`]: what comes after it in an inner loop's constants.
const _: () = assert!(size_of::<Silu>() == 36);

/// Coefficients of the exponential, from the highest power down.
pub(crate) const fn exp2_down() -> [i32; 7] {
    let mut out = EXP2;
    let mut k = 0;
    while k < 7 {
        out[k] = EXP2[6 - k];
        k += 1;
    }
    out
}

impl Silu {
    /// Returns the constants for inputs of so many fraction bits; none below 8, where the whole
    /// part may pass the eight bits that a shift looks at.
    pub(crate) fn new(fraction: u8) -> Option<Self> {
        let shift = match fraction {
            8..=15 => 18 - fraction,
            _ => return None,
        };
        Some(Self {
            exp2: exp2_down(),
            one: 1 << 16,
            factor: (LOG2_E_Q14 as u32) << shift,
        })
    }
}

/// Returns what a rounding shift adds so that it gives one less than the result.
pub(crate) fn less_half(shift: u8) -> i32 {
    (-1_i32).wrapping_shl(u32::from(shift).wrapping_sub(1))
}

/// Puts [`Silu`] (at r12) and what follows it where [`silu`] wants them: 16 bytes of stack.
macro_rules! silu_begin {
    () => {
        "mov r9, r12
         add r10, r12, #16
         ldr r8, [r12, #32]
         add r11, r12, #36
         push {{r8-r11}}"
    };
}

/// Takes the four values at lr, which moves on, to `x * logistic(x)` with 15 more fraction bits,
/// plus half, in r0 to r3. Uses all registers but r7, and [sp] to [sp, #8] of `silu_begin`.
///
/// `x * logistic(x)` is `|x| logistic(|x|)` where x is positive and `|x|` less otherwise:
/// `|x| logistic(|x|) + (x - |x|) / 2`. The exponential of a negative number is below 1
/// (tested), so that SMMLAR can round it as a signed number.
macro_rules! silu {
    () => {
        "ldrsh r0, [lr], #8
         ldrsh r1, [lr, #-6]
         ldrsh r2, [lr, #-4]
         ldrsh r3, [lr, #-2]
         push {{r0-r3}}
         eor r4, r0, r0, asr #31
         eor r5, r1, r1, asr #31
         eor r6, r2, r2, asr #31
         eor r8, r3, r3, asr #31
         sub r0, r4, r0, asr #31
         sub r1, r5, r1, asr #31
         sub r2, r6, r2, asr #31
         sub r3, r8, r3, asr #31
         push {{r0-r3}}
         ldr r12, [sp, #32]
         umull r4, r9, r0, r12
         umull r5, r10, r1, r12
         umull r6, r11, r2, r12
         umull r8, r12, r3, r12
         push {{r9-r12}}
         eor r4, #0x80000000
         eor r5, #0x80000000
         eor r6, #0x80000000
         eor r8, #0x80000000
         ldr r12, [sp, #52]
         ldm r12, {{r9-r12}}
         smmla r0, r4, r9, r10
         smmla r1, r5, r9, r10
         smmla r2, r6, r9, r10
         smmla r3, r8, r9, r10
         smmla r0, r0, r4, r11
         smmla r1, r1, r5, r11
         smmla r2, r2, r6, r11
         smmla r3, r3, r8, r11
         smmla r0, r0, r4, r12
         smmla r1, r1, r5, r12
         smmla r2, r2, r6, r12
         smmla r3, r3, r8, r12
         ldr r12, [sp, #56]
         ldm r12, {{r9-r12}}
         smmla r0, r0, r4, r9
         smmla r1, r1, r5, r9
         smmla r2, r2, r6, r9
         smmla r3, r3, r8, r9
         smmla r0, r0, r4, r10
         smmla r1, r1, r5, r10
         smmla r2, r2, r6, r10
         smmla r3, r3, r8, r10
         smmla r0, r0, r4, r11
         smmla r1, r1, r5, r11
         smmla r2, r2, r6, r11
         smmla r3, r3, r8, r11
         pop {{r4, r5, r6, r8}}
         lsr r0, r4
         lsr r1, r5
         lsr r2, r6
         lsr r3, r8
         mov r4, #0x8000
         smmlar r0, r0, r12, r4
         smmlar r1, r1, r12, r4
         smmlar r2, r2, r12, r4
         smmlar r3, r3, r12, r4
         mov r12, #0x40000000
         add r4, r12, r0, lsr #1
         add r5, r12, r1, lsr #1
         add r6, r12, r2, lsr #1
         add r8, r12, r3, lsr #1
         udiv r0, r4, r0
         udiv r1, r5, r1
         udiv r2, r6, r2
         udiv r3, r8, r3
         pop {{r4, r5, r6, r8}}
         pop {{r9-r12}}
         sub r9, r9, r4
         sub r10, r10, r5
         sub r11, r11, r6
         sub r12, r12, r8
         mla r0, r0, r4, r7
         mla r1, r1, r5, r7
         mla r2, r2, r6, r7
         mla r3, r3, r8, r7
         add r0, r0, r9, lsl #14
         add r1, r1, r10, lsl #14
         add r2, r2, r11, lsl #14
         add r3, r3, r12, lsl #14"
    };
}

/// Halves r0 to r3, one less than twice a result, clamps to bytes and puts these into r0.
macro_rules! halved_bytes {
    () => {
        "ssat r0, #8, r0, asr #1
         ssat r1, #8, r1, asr #1
         ssat r2, #8, r2, asr #1
         ssat r3, #8, r3, asr #1
         bfi r0, r1, #8, #8
         bfi r2, r3, #8, #8
         pkhbt r0, r0, r2, lsl #16
         mov r1, #0x01010101
         qadd8 r0, r0, r1"
    };
}

/// As `halved_bytes`, with 16 bits in r0 and r1.
macro_rules! halved_halves {
    () => {
        "ssat r0, #16, r0, asr #1
         ssat r1, #16, r1, asr #1
         ssat r2, #16, r2, asr #1
         ssat r3, #16, r3, asr #1
         pkhbt r0, r0, r1, lsl #16
         pkhbt r1, r2, r3, lsl #16
         mov r2, #0x10001
         qadd16 r0, r0, r2
         qadd16 r1, r1, r2"
    };
}

/// Multiplies r0 to r3 with `$m`, shifts them by `$s` after `$h` was added ([`less_half`]), clamps
/// them to bytes and puts these into r0. Uses r1 to r3.
macro_rules! requantise_bytes {
    ($m:literal, $h:literal, $s:literal) => {
        concat!(
            "smmla r0, r0, ",
            $m,
            ", ",
            $h,
            "
             smmla r1, r1, ",
            $m,
            ", ",
            $h,
            "
             smmla r2, r2, ",
            $m,
            ", ",
            $h,
            "
             smmla r3, r3, ",
            $m,
            ", ",
            $h,
            "
             asr r0, r0, ",
            $s,
            "
             asr r1, r1, ",
            $s,
            "
             asr r2, r2, ",
            $s,
            "
             asr r3, r3, ",
            $s,
            "
             ssat r0, #8, r0
             ssat r1, #8, r1
             ssat r2, #8, r2
             ssat r3, #8, r3
             bfi r0, r1, #8, #8
             bfi r2, r3, #8, #8
             pkhbt r0, r0, r2, lsl #16
             mov r1, #0x01010101
             qadd8 r0, r0, r1"
        )
    };
}

/// As `requantise_bytes`, with 16 bits in r0 and r1.
macro_rules! requantise_halves {
    ($m:literal, $h:literal, $s:literal) => {
        concat!(
            "smmla r0, r0, ",
            $m,
            ", ",
            $h,
            "
             smmla r1, r1, ",
            $m,
            ", ",
            $h,
            "
             smmla r2, r2, ",
            $m,
            ", ",
            $h,
            "
             smmla r3, r3, ",
            $m,
            ", ",
            $h,
            "
             asr r0, r0, ",
            $s,
            "
             asr r1, r1, ",
            $s,
            "
             asr r2, r2, ",
            $s,
            "
             asr r3, r3, ",
            $s,
            "
             ssat r0, #16, r0
             ssat r1, #16, r1
             ssat r2, #16, r2
             ssat r3, #16, r3
             pkhbt r0, r0, r1, lsl #16
             pkhbt r1, r2, r3, lsl #16
             mov r2, #0x10001
             qadd16 r0, r0, r2
             qadd16 r1, r1, r2"
        )
    };
}

/// Takes exponents in Q.42 (lower words in r4 to r7, upper words in r0 to r3) to fractions less 1/2
/// in r4 to r7, as the exponential's polynomial wants them: 31 bits. Uses r12.
macro_rules! fraction {
    () => {
        "mov r12, #0x80000000
         lsr r4, #11
         lsr r5, #11
         lsr r6, #11
         lsr r7, #11
         add r4, r12, r4, lsl #1
         add r5, r12, r5, lsl #1
         add r6, r12, r6, lsl #1
         add r7, r12, r7, lsl #1
         add r4, r4, r0, lsl #22
         add r5, r5, r1, lsl #22
         add r6, r6, r2, lsl #22
         add r7, r7, r3, lsl #22"
    };
}

/// The exponential's polynomial at r4 to r7, to r0 to r3; the coefficients lie about lr, four
/// before and three after. Uses r8 to r11.
macro_rules! exp2 {
    () => {
        "ldmdb lr, {{r8-r11}}
         smmla r0, r4, r8, r9
         smmla r1, r5, r8, r9
         smmla r2, r6, r8, r9
         smmla r3, r7, r8, r9
         smmla r0, r0, r4, r10
         smmla r1, r1, r5, r10
         smmla r2, r2, r6, r10
         smmla r3, r3, r7, r10
         smmla r0, r0, r4, r11
         smmla r1, r1, r5, r11
         smmla r2, r2, r6, r11
         smmla r3, r3, r7, r11
         ldm lr, {{r8-r10}}
         smmla r0, r0, r4, r8
         smmla r1, r1, r5, r8
         smmla r2, r2, r6, r8
         smmla r3, r3, r7, r8
         smmla r0, r0, r4, r9
         smmla r1, r1, r5, r9
         smmla r2, r2, r6, r9
         smmla r3, r3, r7, r9
         smmla r0, r0, r4, r10
         smmla r1, r1, r5, r10
         smmla r2, r2, r6, r10
         smmla r3, r3, r7, r10"
    };
}

pub(crate) use {
    exp2, fraction, halved_bytes, halved_halves, requantise_bytes, requantise_halves, silu,
    silu_begin,
};
