//! Helium (MVE): detection, and pieces of assembly that several operators share.
//!
//! Each function of a Helium variant is assembly of its own (`naked_asm!`), begun by
//! [`assembler!`], so that the compiler itself never makes vector code: vectors of floats flush
//! subnormal numbers, and the f32 kernels must not.

#![expect(unsafe_code, reason = "registers of the core")]

use core::arch::{asm, naked_asm};

use super::fixed::{self, EXP2};

/// `log2(e)` in Q1.14.
const LOG2_E_Q14: u32 = fixed::LOG2_E_Q14 as u32;

/// Media and floating-point feature register 1; bits 8 to 11 tell of Helium.
const MVFR1: *const u32 = 0xe000_ef44 as *const u32;

/// Tells whether this core has Helium.
///
/// The register is there in the privileged modes only, all others take the answer for no.
pub(crate) fn is_detected() -> bool {
    let (control, exception): (u32, u32);
    // SAFETY: reads a register that every mode may read.
    unsafe { asm!("mrs {}, control", out(reg) control, options(nomem, nostack, preserves_flags)) };
    // SAFETY: as before.
    unsafe { asm!("mrs {}, ipsr", out(reg) exception, options(nomem, nostack, preserves_flags)) };
    if control & 1 != 0 && exception == 0 {
        return false;
    }
    // SAFETY: every Armv8-M core with floating point, which the target has, has the register, and
    // this mode may read it.
    let features = unsafe { MVFR1.read_volatile() };
    (features >> 8) & 15 != 0
}

/// Lets the assembler, and nothing else, know a core with Helium.
macro_rules! assembler {
    () => {
        ".cpu cortex-m55"
    };
}

/// Exponent of a product of Q.24 and Q.18 to its parts, as `soft_plus` and `decay` split it: `$lo` and `$hi` are the
/// halves of the product; leaves the fraction less 1/2, Q0.32, in `$lo`, and the whole part in `$hi`.
macro_rules! split {
    ($lo:literal, $hi:literal, $half:literal) => {
        concat!(
            "vshr.u32 ",
            $lo,
            ", ",
            $lo,
            ", #11\n",
            "vshl.i32 ",
            $lo,
            ", ",
            $lo,
            ", #1\n",
            "vsli.32 ",
            $lo,
            ", ",
            $hi,
            ", #22\n",
            "vadd.i32 ",
            $lo,
            ", ",
            $lo,
            ", ",
            $half,
            "\n",
            "vshr.u32 ",
            $hi,
            ", ",
            $hi,
            ", #10\n",
        )
    };
}

pub(crate) use {assembler, split};

/// Coefficients of `exp2_neg` in the order in which Horner's rule takes them.
pub(crate) const EXP2_FALLING: [i32; 7] = {
    let [e0, e1, e2, e3, e4, e5, e6] = EXP2;
    [e6, e5, e4, e3, e2, e1, e0]
};

/// Horner's rule of `exp2_neg`: `$sum` from `$x`, with [`EXP2_FALLING`] in `$top` (all lanes) and
/// r4 to r9. It is exact to the bit, as a high half of a product is.
macro_rules! horner {
    ($sum:literal, $x:literal, $top:literal) => {
        concat!(
            "vmulh.s32 ",
            $sum,
            ", ",
            $top,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r4\n",
            "vmulh.s32 ",
            $sum,
            ", ",
            $sum,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r5\n",
            "vmulh.s32 ",
            $sum,
            ", ",
            $sum,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r6\n",
            "vmulh.s32 ",
            $sum,
            ", ",
            $sum,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r7\n",
            "vmulh.s32 ",
            $sum,
            ", ",
            $sum,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r8\n",
            "vmulh.s32 ",
            $sum,
            ", ",
            $sum,
            ", ",
            $x,
            "\n",
            "vadd.i32 ",
            $sum,
            ", ",
            $sum,
            ", r9\n",
        )
    };
}

pub(crate) use horner;

/// What [`silu_i16`] and its like take: constants in the order of their registers, r3 to r12.
#[repr(C)]
pub(crate) struct Silu {
    /// `log2(e)` in Q1.14, such that a product is the fraction of the exponent in Q0.32.
    fraction: u32,
    /// [`EXP2_FALLING`] after the first.
    exp2: [i32; 6],
    /// `log2(e)` in Q1.14.
    log2_e: u32,
    /// Shift that leaves the whole part of the exponent.
    whole: i32,
    /// 1/2 in Q0.32.
    half: u32,
    /// The first of [`EXP2_FALLING`].
    exp2_top: i32,
    /// Requantisation of the product.
    multiplier: i32,
    /// As a shift to the left of twice the high half of the product.
    shift: i32,
    /// Largest magnitude of an output.
    max: i32,
    /// Elements to take.
    pub(crate) len: usize,
}

impl Silu {
    /// Takes inputs of so many fraction bits, a requantisation, and the largest output.
    pub(crate) fn new(fraction: u8, (multiplier, shift): (i32, u8), max: i32) -> Self {
        let point = u32::from(fraction.min(15)) + 14;
        let [exp2_top, exp2 @ ..] = EXP2_FALLING;
        Self {
            fraction: LOG2_E_Q14 << (32 - point),
            exp2,
            log2_e: LOG2_E_Q14,
            whole: -(point as i32),
            half: 1 << 31,
            exp2_top,
            multiplier,
            shift: -i32::from(shift) - 1,
            max,
            len: 0,
        }
    }
}

/// SiLU of four inputs with a gate of four more: `$load` takes inputs at r1 to q0, `$middle` goes on
/// from `x logistic(x)` in q1 with q0 and q2 free, `$store` puts q1 away at r2.
///
/// * The whole part of the exponent is cut to 64, where the power is 0 as it is beyond; the power
///   before that shift is below 1 (tested), so that nothing is to be cut off.
/// * q3 is never 0 in any lane where it divides, be the lane in use or not: a division by zero
///   may be a fault.
/// * `2 (a b) >> 32`, then a shift by one bit more, is the requantisation: the low word does not
///   count.
macro_rules! silu {
    ($name:ident, [$x:ty, $y:ty, $out:ty], $load:literal, $middle:literal, $store:literal) => {
        /// Takes `x` (and `y`) to `out`, `args.len` elements; see [`silu!`].
        ///
        /// # Safety
        /// All point to so many elements.
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name(
            args: &Silu,
            x: *const $x,
            out: *mut $out,
            y: *const $y,
        ) {
            naked_asm!(
                assembler!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "sub sp, #28",
                "mov r12, r0",
                "mov r0, r3",
                "ldrd r3, r4, [r12, #40]",
                "vdup.32 q7, r3",
                "ldrd r5, r6, [r12, #48]",
                "strd r4, r5, [sp, #16]",
                "vdup.32 q5, r6",
                "vneg.s32 q4, q5",
                "mov r3, #64",
                "vdup.32 q6, r3",
                "vdup.32 q3, r3",
                "ldr lr, [r12, #56]",
                "ldm r12, {{r3-r12}}",
                "wlstp.32 lr, lr, 3f",
                "2:",
                $load,
                "movw r10, #{log2_e}",
                "vabs.s32 q1, q0",
                "vmul.i32 q2, q1, r3",
                "vmul.i32 q1, q1, r10",
                "vshl.u32 q1, r11",
                "vmin.u32 q1, q1, q6",
                "vneg.s32 q1, q1",
                "vadd.i32 q2, q2, r12",
                horner!("q3", "q2", "q7"),
                "vshl.u32 q3, q3, q1",
                "vrshr.u32 q3, q3, #16",
                // The division: four registers are free from here to the `ldm`.
                "stm sp, {{r0-r3}}",
                "mov r3, #0x8000",
                "vadd.i32 q3, q3, r3",
                "mov r3, #0x40000000",
                "vmov r0, r1, q3[2], q3[0]",
                "add r2, r3, r0, lsr #1",
                "udiv r0, r2, r0",
                "add r2, r3, r1, lsr #1",
                "udiv r1, r2, r1",
                "vmov q3[2], q3[0], r0, r1",
                "vmov r0, r1, q3[3], q3[1]",
                "add r2, r3, r0, lsr #1",
                "udiv r0, r2, r0",
                "add r2, r3, r1, lsr #1",
                "udiv r1, r2, r1",
                "vmov q3[3], q3[1], r0, r1",
                // x l(x) = |x| l(|x|), and where x < 0: + 2^15 x.
                "mov r3, #0x8000",
                "vabs.s32 q1, q0",
                "vmul.i32 q1, q1, q3",
                "vpt.s32 lt, q0, zr",
                "vmlat.s32 q1, q0, r3",
                "ldm sp, {{r0-r3}}",
                $middle,
                "ldr r10, [sp, #16]",
                "vqdmulh.s32 q1, q1, r10",
                "ldr r10, [sp, #20]",
                "vrshl.s32 q1, r10",
                "vmin.s32 q1, q1, q5",
                "vmax.s32 q1, q1, q4",
                $store,
                "letp lr, 2b",
                "3:",
                "add sp, #28",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                log2_e = const LOG2_E_Q14,
            )
        }
    };
}

silu!(
    silu_i16,
    [i32, (), i16],
    "vldrw.u32 q0, [r1], #16",
    "",
    "vstrh.32 q1, [r2], #8"
);
silu!(
    silu_i8,
    [i32, (), i8],
    "vldrw.u32 q0, [r1], #16",
    "",
    "vstrb.32 q1, [r2], #4"
);
silu!(
    gate_i16,
    [i16, i16, i16],
    "vldrh.s32 q0, [r1], #8",
    "vrshr.s32 q1, q1, #15\nvldrh.s32 q0, [r0], #8\nvmul.i32 q1, q1, q0",
    "vstrh.32 q1, [r2], #8"
);
silu!(
    gate_i8,
    [i16, i16, i8],
    "vldrh.s32 q0, [r1], #8",
    "vrshr.s32 q1, q1, #15\nvldrh.s32 q0, [r0], #8\nvmul.i32 q1, q1, q0",
    "vstrb.32 q1, [r2], #4"
);

/// An output of [`silu!`].
pub(crate) trait Gated: Sized {
    /// Largest magnitude.
    const LARGEST: i32;
    /// SiLU; `y` is not used.
    const SILU: unsafe extern "C" fn(&Silu, x: *const i32, out: *mut Self, y: *const ());
    /// SiLU, rounded to the unit of `x`, times `y`.
    const GATE: unsafe extern "C" fn(&Silu, x: *const i16, out: *mut Self, y: *const i16);
}

impl Gated for i16 {
    const LARGEST: i32 = 32767;
    const SILU: unsafe extern "C" fn(&Silu, *const i32, *mut Self, *const ()) = silu_i16;
    const GATE: unsafe extern "C" fn(&Silu, *const i16, *mut Self, *const i16) = gate_i16;
}

impl Gated for i8 {
    const LARGEST: i32 = 127;
    const SILU: unsafe extern "C" fn(&Silu, *const i32, *mut Self, *const ()) = silu_i8;
    const GATE: unsafe extern "C" fn(&Silu, *const i16, *mut Self, *const i16) = gate_i8;
}

/// Returns what [`super::fixed::reciprocal_sqrt`] returns, by estimates of the floating-point unit
/// that integers then correct: exact whatever the estimates are.
pub(crate) fn reciprocal_sqrt(v: u64) -> (i64, u32) {
    let halvings = v.leading_zeros() / 2;
    let v = v << (2 * halvings);
    // Within 2^9 of the root, which has 32 bits.
    let estimate = (square_root((v >> 32) as u32 as f32) * 65_536.0) as u32;
    let rest = v.wrapping_sub(u64::from(estimate).pow(2)) as i64;
    let step = (rest >> 12) as i32 / (estimate >> 11).max(1) as i32;
    let mut root = i64::from(estimate) + i64::from(step);
    let mut rest = v.wrapping_sub(root.wrapping_mul(root) as u64) as i64;
    while rest < 0 {
        root -= 1;
        rest += 2 * root + 1;
    }
    while rest > 2 * root {
        rest -= 2 * root + 1;
        root += 1;
    }
    // Within 2^8 of the quotient, which has 31 bits.
    let estimate = (4_611_686_018_427_387_904.0 / root as u32 as f32) as u32;
    let rest = (1 << 62) - i64::from(estimate) * root;
    let step = (rest >> 12) as i32 / ((root >> 12) as i32).max(1);
    let mut quotient = i64::from(estimate) + i64::from(step);
    let mut rest = (1 << 62) - quotient * root;
    while rest < 0 {
        quotient -= 1;
        rest += root;
    }
    while rest >= root {
        quotient += 1;
        rest -= root;
    }
    (quotient, halvings)
}

/// Returns the square root.
fn square_root(x: f32) -> f32 {
    let mut bits = x.to_bits();
    // SAFETY: computes with a register that is given back.
    unsafe {
        asm!(
            "vmov s0, {x}",
            "vsqrt.f32 s0, s0",
            "vmov {x}, s0",
            x = inout(reg) bits,
            out("s0") _,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    f32::from_bits(bits)
}
