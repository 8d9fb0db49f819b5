//! Matrix product with the DSP extension of Armv7E-M and Armv8-M.
//!
//! Two pixels and two outputs at a time: for four inputs one LDM of the two pixels' inputs, two
//! words of weights, widened, and eight SMLAD, 16 multiply-accumulates in 15 instructions.

#![expect(unsafe_code, reason = "inner loops in assembly, raw rows")]

use core::arch::asm;
use core::ops::Range;

use super::{Kernel, Matrix, Taps, microcontroller_scratch_words};
use crate::arith::{Fixed, FixedInput};
use crate::num::fixed::{requantise, saturate_i16};

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

/// Outputs of two pixels still to be made, as [`pairs`] reads and updates them.
#[repr(C)]
struct Job {
    /// Inputs of the two pixels, in the order of [`places`].
    x: *const i16,
    /// Inputs by 16.
    blocks: usize,
    /// Where the accumulators begin.
    zeros: [i32; 4],
    /// What the accumulators are given in the end, not read where there is none.
    bias: *const i32,
    multiplier: *const i32,
    shift: *const u8,
    /// Next outputs of the two pixels.
    out: [*mut u8; 2],
    /// End of the first pixel's outputs.
    end: *const u8,
    /// Inputs by four that are left, times 256, plus inputs that are left.
    rest: usize,
}

/// Multiplies four inputs of two pixels with two rows of weights.
macro_rules! group {
    () => {
        "ldm r6!, {{r2-r5}}
         ldr lr, [r0], #4
         sxtb16 r12, lr
         sxtb16 lr, lr, ror #8
         smlad r8, r12, r2, r8
         smlad r9, r12, r4, r9
         smlad r8, lr, r3, r8
         smlad r9, lr, r5, r9
         ldr lr, [r1], #4
         sxtb16 r12, lr
         sxtb16 lr, lr, ror #8
         smlad r10, r12, r2, r10
         smlad r11, r12, r4, r11
         smlad r10, lr, r3, r10
         smlad r11, lr, r5, r11"
    };
}

/// Makes outputs of two pixels, two by two, until the job's end.
///
/// `$bias` takes the sums in r8 (first pixel, first output), r9 (second pixel, first output), r10
/// (first, second) and r11 (second, second) to accumulators; `$finish` takes values less one,
/// doubled, to outputs.
macro_rules! pairs {
    ($job:expr, $weights:expr, $inputs:expr, $bias:expr, $finish:expr) => {
        asm!(
            "add r12, #24",
            "push {{r6, r7, r12}}",
            "2:",
            "ldmdb r12, {{r6-r11}}",
            "cbnz r7, 3f",
            "b 4f",
            "3:",
            group!(),
            group!(),
            group!(),
            group!(),
            "subs r7, #1",
            "bne 3b",
            "4:",
            "ldr r12, [sp, #8]",
            "ldr r7, [r12, #24]",
            "cbz r7, 8f",
            "subs r7, #0x100",
            "blo 6f",
            "5:",
            group!(),
            "subs r7, #0x100",
            "bhs 5b",
            "6:",
            "adds r7, #0x100",
            "beq 7f",
            "9:",
            "ldr r2, [r6], #4",
            "ldrsb r3, [r0], #1",
            "ldrsb r4, [r1], #1",
            "smlabb r8, r3, r2, r8",
            "smlabt r9, r3, r2, r9",
            "smlabb r10, r4, r2, r10",
            "smlabt r11, r4, r2, r11",
            "subs r7, #1",
            "bne 9b",
            "7:",
            "ldr r12, [sp, #8]",
            "8:",
            "ldm r12, {{r2-r6}}",
            $bias,
            // Requantise: the shift but for its last bit here. One less than the result, so that
            // saturation and a saturating increment clamp symmetrically.
            "ldrd r7, lr, [r3], #8",
            "smmul r8, r8, r7",
            "smmul r9, r9, r7",
            "smmul r10, r10, lr",
            "smmul r11, r11, lr",
            "ldrb r7, [r4], #1",
            "ldrb lr, [r4], #1",
            "sub r7, #1",
            "sub lr, #1",
            "asr r8, r8, r7",
            "asr r9, r9, r7",
            "asr r10, r10, lr",
            "asr r11, r11, lr",
            $finish,
            "stm r12, {{r2-r6}}",
            "ldr r7, [r12, #20]",
            // The first row's end is the second row's beginning.
            "sub lr, r1, r0",
            "mov r0, r1",
            "add r1, lr",
            "cmp r5, r7",
            "bne 2b",
            "pop {{r6, r7, r12}}",
            inout("r0") $weights => _,
            inout("r1") $weights.wrapping_add($inputs) => _,
            inout("r12") &raw mut $job => _,
            out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("lr") _,
        )
    };
}

/// Adds the bias of two outputs to sums of `2^$shift`.
macro_rules! bias {
    ($shift:literal) => {
        concat!(
            "ldrd r7, lr, [r2], #8
             add r8, r7, r8, lsl #",
            $shift,
            "
             add r9, r7, r9, lsl #",
            $shift,
            "
             add r10, lr, r10, lsl #",
            $shift,
            "
             add r11, lr, r11, lsl #",
            $shift
        )
    };
}

/// The unit of products with bytes, where there is no bias.
macro_rules! scale_bytes {
    () => {
        "lsl r8, #8
         lsl r9, #8
         lsl r10, #8
         lsl r11, #8"
    };
}

/// Clamps and stores activations; the second pixel's first, which may lie where the first's do.
macro_rules! activations {
    () => {
        "sub r8, #1
         sub r9, #1
         sub r10, #1
         sub r11, #1
         ssat r8, #16, r8, asr #1
         ssat r9, #16, r9, asr #1
         ssat r10, #16, r10, asr #1
         ssat r11, #16, r11, asr #1
         pkhbt r8, r8, r10, lsl #16
         pkhbt r9, r9, r11, lsl #16
         mov r7, #0x10001
         qadd16 r8, r8, r7
         qadd16 r9, r9, r7
         str r9, [r6], #4
         str r8, [r5], #4"
    };
}

/// Stores results that are not clamped.
macro_rules! results {
    () => {
        "add r8, #1
         add r9, #1
         add r10, #1
         add r11, #1
         asr r8, #1
         asr r9, #1
         asr r10, #1
         asr r11, #1
         strd r9, r11, [r6], #8
         strd r8, r10, [r5], #8"
    };
}

/// An input of a product.
trait Input: Copy + Default + 'static {
    /// Bits below its unit in the accumulator.
    const SHIFT: u32;

    /// Returns the integer.
    fn widen(self) -> i16;

    /// Puts inputs of two pixels where [`places`] says, four of each at a time.
    ///
    /// # Safety
    /// `x` points to `4 * groups` inputs each, `out` to `8 * groups` aligned numbers.
    unsafe fn gather(x: [*const Self; 2], out: *mut i16, groups: usize);
}

impl Input for i8 {
    const SHIFT: u32 = 8;

    fn widen(self) -> i16 {
        i16::from(self)
    }

    unsafe fn gather([a, b]: [*const Self; 2], out: *mut i16, groups: usize) {
        // SAFETY: reads four bytes of each pixel and writes sixteen in each of `groups` rounds,
        // which the caller says are there; there is at least one round.
        unsafe {
            asm!(
                "2:",
                "ldr r1, [{a}], #4",
                "ldr r3, [{b}], #4",
                "sxtb16 r0, r1",
                "sxtb16 r1, r1, ror #8",
                "sxtb16 r2, r3",
                "sxtb16 r3, r3, ror #8",
                "stm {out}!, {{r0-r3}}",
                "subs {groups}, #1",
                "bne 2b",
                a = inout(reg) a => _, b = inout(reg) b => _, out = inout(reg) out => _,
                groups = inout(reg) groups => _,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _,
                options(nostack),
            );
        }
    }
}

impl Input for i16 {
    const SHIFT: u32 = 0;

    fn widen(self) -> i16 {
        self
    }

    unsafe fn gather([a, b]: [*const Self; 2], out: *mut i16, groups: usize) {
        // SAFETY: reads eight bytes of each pixel and writes sixteen in each of `groups` rounds,
        // which the caller says are there; there is at least one round.
        unsafe {
            asm!(
                "2:",
                "ldr r0, [{a}], #4",
                "ldr r1, [{a}], #4",
                "ldr r2, [{b}], #4",
                "ldr r3, [{b}], #4",
                "pkhbt r8, r0, r1, lsl #16",
                "pkhtb r1, r1, r0, asr #16",
                "mov r0, r8",
                "pkhbt r8, r2, r3, lsl #16",
                "pkhtb r3, r3, r2, asr #16",
                "mov r2, r8",
                "stm {out}!, {{r0-r3}}",
                "subs {groups}, #1",
                "bne 2b",
                a = inout(reg) a => _, b = inout(reg) b => _, out = inout(reg) out => _,
                groups = inout(reg) groups => _,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r8") _,
                options(nostack),
            );
        }
    }
}

/// An output of a product.
trait Output: Copy {
    /// Whether it is a result that is not clamped.
    const IS_WIDE: bool;

    fn convert(result: i32) -> Self;
}

impl Output for i16 {
    const IS_WIDE: bool = false;

    fn convert(result: i32) -> Self {
        saturate_i16(result)
    }
}

impl Output for i32 {
    const IS_WIDE: bool = true;

    fn convert(result: i32) -> Self {
        result
    }
}

/// Returns the places of input `k` of both pixels among their `inputs` inputs: SXTB16 widens every
/// other byte of a word of weights, and LDM loads two words of each pixel. Inputs beyond the last
/// four stand in pairs, both pixels' together.
fn places(k: usize, inputs: usize) -> [usize; 2] {
    match k < (inputs & !3) {
        true => {
            let first = 2 * (k & !3) + 2 * (k & 1) + (k & 2) / 2;
            [first, first + 4]
        }
        false => [2 * k, 2 * k + 1],
    }
}

/// Gathers the inputs of two pixels of `taps`; zeros where no piece is.
fn gather<X: Input>(taps: &Taps<'_, X>, pixels: [usize; 2], inputs: usize, x: &mut [i16]) {
    if taps.pieces().iter().map(|piece| piece.len).sum::<usize>() < inputs {
        x.fill(0);
    }
    for piece in taps.pieces() {
        let rows = pixels.map(|pixel| {
            let row = piece.x.get(pixel * taps.stride()..);
            row.and_then(|row| row.get(..piece.len)).unwrap_or_default()
        });
        // Whole groups of four that stand where SXTB16 wants them.
        let groups = match piece.k % 4 {
            0 => (inputs & !3).saturating_sub(piece.k).min(piece.len) / 4,
            _ => 0,
        };
        let room = x.get_mut(2 * piece.k..).map_or(0, |x| x.len() / 8);
        let fast = groups.min(room);
        let is_held = rows.iter().all(|row| row.len() >= 4 * fast);
        if fast > 0
            && is_held
            && let Some(x) = x.get_mut(2 * piece.k..)
        {
            // SAFETY: both rows hold `4 * fast` inputs and `x` eight numbers a group, from a place
            // that is a multiple of 16 bytes after an aligned one.
            unsafe { X::gather(rows.map(<[X]>::as_ptr), x.as_mut_ptr(), fast) };
        }
        let [first, second] = rows;
        let values = first.iter().zip(second).enumerate();
        for (i, values) in values.skip(4 * fast) {
            let places = places(piece.k + i, inputs);
            for (at, value) in places.into_iter().zip([values.0, values.1]) {
                if let Some(x) = x.get_mut(at) {
                    *x = value.widen();
                }
            }
        }
    }
}

/// Tells whether a matrix has all its arrays, and inputs for all that the pieces hold.
fn is_whole<I: FixedInput, X>(matrix: &Matrix<'_, Fixed<I>>, taps: &Taps<'_, X>) -> bool {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let weights = outputs.checked_mul(inputs);
    weights.is_some_and(|weights| weights <= matrix.weights.len())
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
    let pixels = pixels.min(taps.pixels());
    for pixel in (0..pixels).step_by(2) {
        // A pixel without a neighbour is made twice, in one place.
        let second = (pixel + 1).min(pixels - 1);
        gather(taps, [pixel, second], matrix.inputs, x);
        let rows = [pixel, second].map(|pixel| pixel * matrix.outputs);
        if matrix.outputs == 1 {
            single::<I, X, O>(matrix, x, rows, out);
            continue;
        }
        outputs::<I, X, O>(matrix, x, 0..matrix.outputs & !1, rows, out);
        if matrix.outputs % 2 == 1 {
            // The last output with its neighbour, which comes out the same once more.
            outputs::<I, X, O>(matrix, x, matrix.outputs - 2..matrix.outputs, rows, out);
        }
    }
}

/// Makes an even number of outputs of two pixels, whose rows begin at `rows` in `out`.
fn outputs<I: FixedInput, X: Input, O: Output>(
    matrix: &Matrix<'_, Fixed<I>>,
    x: &[i16],
    range: Range<usize>,
    rows: [usize; 2],
    out: &mut [O],
) {
    let (first, inputs) = (range.start, matrix.inputs);
    let groups = inputs / 4;
    let base = out.as_mut_ptr();
    let out = rows.map(|row| base.wrapping_add(row + first).cast());
    let mut job = Job {
        x: x.as_ptr(),
        blocks: groups / 4,
        zeros: [0; 4],
        bias: matrix.bias.as_ptr().wrapping_add(first),
        multiplier: matrix.scale.multiplier.as_ptr().wrapping_add(first),
        shift: matrix.scale.shift.as_ptr().wrapping_add(first),
        out,
        end: base.wrapping_add(rows[0] + range.end).cast(),
        rest: (groups % 4) << 8 | inputs % 4,
    };
    let weights = matrix.weights.as_ptr().wrapping_add(first * inputs);
    // SAFETY: `run` has checked that the arrays hold all outputs, `out` both rows and `x` the
    // inputs of two pixels; the job says where those of `range` begin, which is not empty and of
    // even length, and end. The templates restore r6, r7 and the stack, read within a row of
    // weights only and write the outputs and the job.
    unsafe {
        match (X::SHIFT, O::IS_WIDE, matrix.bias.is_empty()) {
            (0, false, false) => pairs!(job, weights, inputs, bias!(0), activations!()),
            (0, false, true) => pairs!(job, weights, inputs, "", activations!()),
            (0, true, false) => pairs!(job, weights, inputs, bias!(0), results!()),
            (0, true, true) => pairs!(job, weights, inputs, "", results!()),
            (_, _, false) => pairs!(job, weights, inputs, bias!(8), activations!()),
            (_, _, true) => pairs!(job, weights, inputs, scale_bytes!(), activations!()),
        }
    }
}

/// Makes the one output of two pixels.
fn single<I: FixedInput, X: Input, O: Output>(
    matrix: &Matrix<'_, Fixed<I>>,
    x: &[i16],
    rows: [usize; 2],
    out: &mut [O],
) {
    let bias = matrix.bias.first().copied().unwrap_or_default();
    let scale = (matrix.scale.multiplier.first(), matrix.scale.shift.first());
    let (Some(&multiplier), Some(&shift)) = scale else {
        return;
    };
    for (pixel, row) in rows.into_iter().enumerate() {
        let weights = matrix.weights.iter().take(matrix.inputs).enumerate();
        let sum: i32 = weights
            .map(|(k, &weight)| {
                let [first, second] = places(k, matrix.inputs);
                let x = x.get(if pixel == 0 { first } else { second });
                i32::from(weight) * x.map_or(0, |&x| i32::from(x))
            })
            .sum();
        if let Some(out) = out.get_mut(row) {
            *out = O::convert(requantise(bias + (sum << X::SHIFT), multiplier, shift));
        }
    }
}
