//! Matrix product with the DSP extension of Armv7E-M and Armv8-M.
//!
//! Six pixels and one output at a time: for four inputs one word of weights, widened, and for two
//! pixels at a time one LDM of their inputs and four SMLAD, 24 multiply-accumulates in 18
//! instructions. What is left of the pixels goes four at a time, or two, or alone.
//!
//! Inputs are gathered as the specification widens them: bytes as upper bytes of 16 bits, so that
//! a sum may begin with the bias.

#![expect(unsafe_code, reason = "inner loops in assembly, raw rows")]

mod gather;

use core::arch::asm;
use core::ops::Range;

use gather::{Input, gather, padding};

use super::{Kernel, Matrix, Taps, microcontroller_scratch_words};
use crate::arith::{Fixed, FixedInput};

/// Returns the entry points.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Some(kernel())
}

/// Returns the entry points.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Some(kernel())
}

fn kernel<I: Input + FixedInput>() -> Kernel<Fixed<I>> {
    Kernel {
        scratch_words: microcontroller_scratch_words,
        packed_words: |_, _| 0,
        pack: |_, _, _| (),
        inputs: run::<I, I, i16>,
        acts: run::<I, i16, i16>,
        wide: run::<I, i16, i32>,
    }
}

/// Pixels at a time where there are as many.
const SIX: usize = 6;
/// Pixels at a time of the others.
const FOUR: usize = 4;
const TWO: usize = 2;
/// Inputs that a word of weights meets.
const GROUP: usize = 4;
/// Groups of a round of the loop.
const ROUND: usize = 8;

/// Outputs of a few pixels still to be made, as [`outputs!`] copies it to its stack.
#[repr(C)]
struct Job {
    multiplier: *const i32,
    shift: *const u8,
    /// Next output of the first pixel.
    out: *mut u8,
    /// Bytes from an output of a pixel to that of the next.
    stride: usize,
    /// What the next sum begins with, where there is a bias.
    bias: *const i32,
    /// Inputs of the pixels, see [`gather::place`]; where there is no bias, the zeros before them
    /// that sums begin with.
    x: *const i16,
    x_end: *const i16,
    /// End of the first pixel's outputs.
    end: *const u8,
    /// Where in the table of the loop's entries that of an output stands, in bytes.
    entry: usize,
    /// The same of what follows inputs that fill no group.
    rest: usize,
    /// The same of how a sum begins.
    begin: usize,
}

/// Multiplies four inputs of two pixels with the weights in r12 and lr.
macro_rules! two {
    ($a:literal, $b:literal) => {
        concat!(
            "ldm r1!, {{r2-r5}}
             smlad ",
            $a,
            ", r2, r12, ",
            $a,
            "
             smlad ",
            $b,
            ", r4, r12, ",
            $b,
            "
             smlad ",
            $a,
            ", r3, lr, ",
            $a,
            "
             smlad ",
            $b,
            ", r5, lr, ",
            $b,
            "\n"
        )
    };
}

/// Multiplies four inputs of each pixel with the four weights in lr.
macro_rules! weighted {
    (1) => {
        "sxtb16 r12, lr
         sxtb16 lr, lr, ror #8
         ldm r1!, {{r2-r5}}
         smlad r6, r2, r12, r6
         smlad r6, r3, lr, r6\n"
    };
    (6) => {
        concat!(weighted!(4), two!("r10", "r11"))
    };
    (4) => {
        concat!(weighted!(2), two!("r8", "r9"))
    };
    (2) => {
        concat!(
            "sxtb16 r12, lr
             sxtb16 lr, lr, ror #8\n",
            two!("r6", "r7")
        )
    };
}

/// Multiplies four inputs of each pixel with the next four weights.
macro_rules! group {
    ($pixels:tt) => {
        concat!("ldr lr, [r0], #4\n", weighted!($pixels))
    };
}

/// Begins the sum of each pixel like the first's.
macro_rules! repeat {
    (6) => {
        concat!(repeat!(4), "mov r10, r6\n mov r11, r6")
    };
    (4) => {
        "mov r7, r6
         mov r8, r6
         mov r9, r6\n"
    };
    (2) => {
        "mov r7, r6"
    };
    (1) => {
        ""
    };
}

/// Begins the sum of each pixel with what lies before the inputs.
macro_rules! zero {
    (6) => {
        "ldm r1!, {{r6-r11}}"
    };
    (4) => {
        "ldm r1!, {{r6-r9}}"
    };
    ($two:tt) => {
        "ldm r1!, {{r6, r7}}"
    };
}

/// Requantises the sum of a pixel: multiplier r12, shift lr, r5 what is added before the shift.
macro_rules! scaled {
    ($a:literal) => {
        concat!(
            "smmla ",
            $a,
            ", ",
            $a,
            ", r12, r5
             asr ",
            $a,
            ", ",
            $a,
            ", lr\n"
        )
    };
}

/// Clamps what is one less than a result, so that saturation and a saturating increment (by r5)
/// clamp symmetrically.
macro_rules! clamped {
    ($a:literal) => {
        concat!(
            "ssat ",
            $a,
            ", #16, ",
            $a,
            "
             qadd16 ",
            $a,
            ", ",
            $a,
            ", r5\n"
        )
    };
}

/// Applies a macro to the sum of each pixel.
macro_rules! each {
    (6, $what:ident) => {
        concat!(each!(4, $what), $what!("r10"), $what!("r11"))
    };
    (4, $what:ident) => {
        concat!(each!(2, $what), $what!("r8"), $what!("r9"))
    };
    (2, $what:ident) => {
        concat!(each!(1, $what), $what!("r7"))
    };
    (1, $what:ident) => {
        $what!("r6")
    };
}

/// Stores a value of each pixel.
macro_rules! store {
    (6, $store:literal, $bytes:literal) => {
        concat!(
            store!(from $store),
            $store,
            " r10, [r5, r4]\n",
            $store,
            " r11, [r5, r4, lsl #1]\n",
            store!(2, $store, $bytes)
        )
    };
    (4, $store:literal, $bytes:literal) => {
        concat!(store!(from $store), store!(2, $store, $bytes))
    };
    // The third pixel and the fourth, where r5 is left.
    (from $store:literal) => {
        concat!(
            "add r5, r3, r4
             add r5, r5, r4, lsl #1\n",
            $store,
            " r8, [r3, r4, lsl #1]\n",
            $store,
            " r9, [r5]\n"
        )
    };
    (2, $store:literal, $bytes:literal) => {
        concat!($store, " r7, [r3, r4]\n", store!(1, $store, $bytes))
    };
    (1, $store:literal, $bytes:literal) => {
        concat!($store, " r6, [r3], #", $bytes)
    };
}

/// Takes sums to activations.
macro_rules! narrow {
    ($pixels:tt) => {
        concat!(
            "mvn r5, #0
             lsl r5, lr
             asr r5, #1\n",
            each!($pixels, scaled),
            "mov r5, #1\n",
            each!($pixels, clamped),
            store!($pixels, "strh", 2)
        )
    };
}

/// Takes sums to results that are not clamped.
macro_rules! wide {
    ($pixels:tt) => {
        concat!(
            "mov r5, #1
             lsl r5, lr
             lsr r5, #1\n",
            each!($pixels, scaled),
            store!($pixels, "str", 4)
        )
    };
}

/// Makes outputs of some pixels, one by one, until the job's end. An output's loop is entered so
/// that it goes on with whole rounds of [`ROUND`].
macro_rules! outputs {
    ($job:expr, $weights:expr, $pixels:tt, $finish:ident) => {
        asm!(
            "push {{r6, r7}}",
            "ldrd r9, r10, [r12, #32]",
            "ldr r11, [r12, #40]",
            "adr lr, 9f",
            "ldr r9, [lr, r9]",
            "ldr r10, [lr, r10]",
            "ldr r11, [lr, r11]",
            "add r9, lr",
            "add r10, lr",
            "add r11, lr",
            "ldm r12, {{r1-r8}}",
            "push {{r1-r11}}",
            "bx r11",
            // Entries: by groups that are skipped, by inputs that fill no group, by bias.
            ".p2align 2",
            "9:",
            ".word 20f - 9b + 1",
            ".word 21f - 9b + 1",
            ".word 22f - 9b + 1",
            ".word 23f - 9b + 1",
            ".word 24f - 9b + 1",
            ".word 25f - 9b + 1",
            ".word 26f - 9b + 1",
            ".word 27f - 9b + 1",
            ".word 28f - 9b + 1",
            ".word 31f - 9b + 1",
            ".word 32f - 9b + 1",
            ".word 33f - 9b + 1",
            ".word 2f - 9b + 1",
            ".word 3f - 9b + 1",
            "33:",
            "ldrb lr, [r0], #1",
            "ldrh r2, [r0], #2",
            "lsl lr, #8",
            "orr lr, lr, r2, lsl #16",
            "b 34f",
            "32:",
            "ldrh lr, [r0], #2",
            "lsl lr, #16",
            "b 34f",
            "31:",
            "ldrb lr, [r0], #1",
            "lsl lr, #24",
            "34:",
            weighted!($pixels),
            "ldr pc, [sp, #36]",
            "20:",
            group!($pixels),
            "21:",
            group!($pixels),
            "22:",
            group!($pixels),
            "23:",
            group!($pixels),
            "24:",
            group!($pixels),
            "25:",
            group!($pixels),
            "26:",
            group!($pixels),
            "27:",
            group!($pixels),
            "28:",
            "ldr r2, [sp, #24]",
            "cmp r1, r2",
            "bne 20b",
            "ldm sp, {{r1-r4}}",
            "ldr r12, [r1], #4",
            "ldrb lr, [r2], #1",
            $finish!($pixels),
            "stm sp, {{r1-r3}}",
            "ldr r2, [sp, #28]",
            "cmp r3, r2",
            "it ne",
            "ldrne pc, [sp, #40]",
            "b 4f",
            "2:",
            "ldr r1, [sp, #16]",
            "ldr r6, [r1], #4",
            "str r1, [sp, #16]",
            repeat!($pixels),
            "ldr r1, [sp, #20]",
            "ldr pc, [sp, #32]",
            "3:",
            "ldr r1, [sp, #20]",
            zero!($pixels),
            "ldr pc, [sp, #32]",
            "4:",
            "add sp, #44",
            "pop {{r6, r7}}",
            inout("r0") $weights => _,
            inout("r12") &raw const *$job => _,
            out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("lr") _,
        )
    };
}

/// Makes outputs until the job's end, at least one of each pixel.
///
/// # Safety
/// The arrays hold all outputs from `weights` and the job's pointers on, for [`SIX`] pixels,
/// [`FOUR`], one, or [`TWO`] where `pixels` is none of these; one has the inputs of two.
#[inline(never)]
unsafe fn outputs(job: &Job, weights: *const i8, pixels: usize, is_wide: bool) {
    // SAFETY: as the caller says; the templates restore r6, r7 and the stack, read a row of
    // weights an output and write the outputs.
    unsafe {
        match (pixels, is_wide) {
            (SIX, false) => outputs!(job, weights, 6, narrow),
            (SIX, true) => outputs!(job, weights, 6, wide),
            (FOUR, false) => outputs!(job, weights, 4, narrow),
            (FOUR, true) => outputs!(job, weights, 4, wide),
            (1, false) => outputs!(job, weights, 1, narrow),
            (1, true) => outputs!(job, weights, 1, wide),
            (_, false) => outputs!(job, weights, 2, narrow),
            (_, true) => outputs!(job, weights, 2, wide),
        }
    }
}

/// An output of a product.
trait Output: Copy {
    /// Whether it is a result that is not clamped.
    const IS_WIDE: bool;
}

impl Output for i16 {
    const IS_WIDE: bool = false;
}

impl Output for i32 {
    const IS_WIDE: bool = true;
}

/// Tells whether a matrix has all its arrays, and inputs for all that the pieces hold.
fn is_whole<I: FixedInput, X>(matrix: &Matrix<'_, Fixed<I>>, taps: &Taps<'_, X>) -> bool {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let weights = outputs.checked_mul(inputs);
    inputs < 1 << 16
        && weights.is_some_and(|weights| weights <= matrix.weights.len())
        && (matrix.bias.is_empty() || outputs <= matrix.bias.len())
        && outputs <= matrix.scale.multiplier.len().min(matrix.scale.shift.len())
        && taps
            .pieces()
            .iter()
            .all(|piece| piece.k + piece.len <= inputs)
}

/// Multiplies; arguments as [`super::Run`]. Pixels without room in `out` are left out.
fn run<I: FixedInput, X: Input, O: Output>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    scratch: &mut [u64],
    out: &mut [O],
) {
    let scratch = scratch.get_mut(..microcontroller_scratch_words(matrix.inputs));
    let (Some(x), true) = (scratch, is_whole(matrix, taps)) else {
        return;
    };
    let x: &mut [i16] = bytemuck::must_cast_slice_mut(x);
    let pixels = out.len().checked_div(matrix.outputs).unwrap_or(0);
    let taps = taps.range(0, pixels);
    let pixels = taps.pixels();
    let sixes = pixels / SIX * SIX;
    let fours = sixes + (pixels - sixes) / FOUR * FOUR;
    batches::<I, X, O>(matrix, &taps, (0..sixes, SIX), x, out);
    batches::<I, X, O>(matrix, &taps, (sixes..fours, FOUR), x, out);
    batches::<I, X, O>(matrix, &taps, (fours..pixels, TWO), x, out);
}

/// Multiplies the inputs of some pixels, `n` at a time; arguments as [`run`] has checked them.
fn batches<I: FixedInput, X: Input, O: Output>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, X>,
    (pixels, n): (Range<usize>, usize),
    x: &mut [i16],
    out: &mut [O],
) {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let (padding, groups) = (padding(inputs), inputs / GROUP);
    if pixels.is_empty() {
        return;
    }
    let held: usize = taps.pieces().iter().map(|piece| piece.len).sum();
    // An accumulator of zero a pixel, then the inputs.
    let zeros = n * size_of::<i32>() / size_of::<i16>();
    let Some((zeros, x)) = x.split_at_mut_checked(zeros) else {
        return;
    };
    zeros.fill(0);
    let Some(x) = x.get_mut(..(inputs + padding) * n) else {
        return;
    };
    if held < inputs + padding {
        x.fill(0);
    }
    // Entries of the loop: by groups that its first round leaves out, at its end, by inputs
    // before the first group.
    let rest = match groups {
        0 => ROUND,
        groups => groups.wrapping_neg() % ROUND,
    };
    let entry = match padding {
        0 => rest,
        padding => ROUND + GROUP - padding,
    };
    let (begin, begins_at) = match matrix.bias {
        [] => (ROUND + GROUP + 1, zeros.as_ptr()),
        _ => (ROUND + GROUP, x.as_ptr()),
    };
    let mut first = pixels.start;
    while first < pixels.end {
        gather(taps, (first, n), padding, x);
        let row = out.as_mut_ptr().wrapping_add(first * outputs);
        let job = Job {
            multiplier: matrix.scale.multiplier.as_ptr(),
            shift: matrix.scale.shift.as_ptr(),
            out: row.cast(),
            stride: outputs * size_of::<O>(),
            bias: matrix.bias.as_ptr(),
            x: begins_at,
            x_end: x.as_ptr().wrapping_add((inputs + padding) * n),
            end: row.wrapping_add(outputs).cast(),
            entry: 4 * entry,
            rest: 4 * rest,
            begin: 4 * begin,
        };
        // SAFETY: `run` has checked that the arrays hold all outputs, of which there is one where
        // there is a pixel, `out` the rows of the pixels and `x` their inputs.
        unsafe {
            let left = pixels.end - first;
            self::outputs(&job, matrix.weights.as_ptr(), n.min(left), O::IS_WIDE);
        }
        first += n;
    }
}
