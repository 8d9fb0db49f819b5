//! The matrix product with Helium, two pixels by three outputs at a time.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::{Kernel, Matrix, Taps, reference};
use crate::arith::{Fixed, FixedInput};
use crate::num::mve::{assembler, is_detected};

/// Outputs whose sums of two pixels are held at a time.
const CHUNK: usize = 48;
/// Outputs of an inner loop.
const TRIPLE: usize = 3;
/// Bytes from the sums of the first pixel to those of the second.
const PLANE: usize = CHUNK * size_of::<i32>();

/// Two pixels as [`Path::SUMS`] takes them.
#[repr(C)]
struct Pixels<X> {
    x: [*const X; 2],
    inputs: usize,
}

/// Where [`Path::REQUANTISE`] finds and leaves a chunk of outputs.
#[repr(C)]
struct Outputs<O> {
    bias: *const i32,
    multiplier: *const i32,
    shift: *const u8,
    out: [*mut O; 2],
}

/// Sums of two pixels by `3 triples` rows of weights, `sums[p][o] = sum_k w[o, k] x[p][k]`.
type Sums<X> =
    unsafe extern "C" fn(pixels: &Pixels<X>, weights: *const i8, triples: usize, sums: *mut i32);

/// Sums of two pixels to `n` outputs of each.
type Requantise<O> = unsafe extern "C" fn(outputs: &Outputs<O>, n: usize, sums: *const i32);

/// Types of inputs and outputs, and what takes the one to the other.
trait Path<I: FixedInput> {
    type X: Copy + 'static;
    type O: Copy;
    const SUMS: Sums<Self::X>;
    const REQUANTISE: Requantise<Self::O>;
    /// The specification, for what has too few outputs or arrays that are too short.
    const REFERENCE: super::Run<Fixed<I>, Self::X, Self::O>;
}

/// 8 bits to activations.
struct FromBytes;
/// Activations to activations.
struct FromActs;
/// Activations to results that are not clamped.
struct ToWide;

impl Path<i8> for FromBytes {
    type X = i8;
    type O = i16;
    const SUMS: Sums<i8> = sums_of_bytes;
    const REQUANTISE: Requantise<i16> = requantise_bytes;
    const REFERENCE: super::Run<Fixed<i8>, i8, i16> = reference().inputs;
}

impl<I: FixedInput> Path<I> for FromActs {
    type X = i16;
    type O = i16;
    const SUMS: Sums<i16> = sums_of_acts;
    const REQUANTISE: Requantise<i16> = requantise_acts;
    const REFERENCE: super::Run<Fixed<I>, i16, i16> = reference().acts;
}

impl<I: FixedInput> Path<I> for ToWide {
    type X = i16;
    type O = i32;
    const SUMS: Sums<i16> = sums_of_acts;
    const REQUANTISE: Requantise<i32> = requantise_wide;
    const REFERENCE: super::Run<Fixed<I>, i16, i32> = reference().wide;
}

/// Makes a [`Sums`].
///
/// r0, r2, r4 are the sums of the first pixel, r6, r8, r10 of the second; r1 and r9 its inputs;
/// r3, r5, r7 three rows of weights, r12 the next ones; r11 where sums go. 12 instructions for six
/// products of a vector.
macro_rules! sums {
    ($name:ident, $x:ty, $bits:literal, $load_x:literal, $load_w:literal, $w_bytes:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            pixels: &Pixels<$x>,
            weights: *const i8,
            triples: usize,
            sums: *mut i32,
        ) {
            naked_asm!(
                assembler!(),
                "push {{r3-r11, lr}}",
                "add r7, r2, r2, lsl #1",
                "add r7, r3, r7, lsl #2",
                "ldm r0, {{r4, r5, r6}}",
                "push {{r4, r5, r6, r7}}",
                "mov r12, r1",
                "mov r11, r3",
                "2:",
                "ldr lr, [sp, #8]",
                "ldrd r1, r9, [sp]",
                "mov r3, r12",
                "add r5, r3, lr",
                "add r7, r5, lr",
                "add r12, r7, lr",
                "movs r0, #0",
                "movs r2, #0",
                "movs r4, #0",
                "movs r6, #0",
                "mov r8, #0",
                "mov r10, #0",
                concat!("wlstp.", $bits, " lr, lr, 4f"),
                "3:",
                concat!($load_x, " q0, [r1], #16"),
                concat!($load_x, " q1, [r9], #16"),
                concat!($load_w, " q2, [r3], #", $w_bytes),
                concat!($load_w, " q3, [r5], #", $w_bytes),
                concat!("vmladava.s", $bits, " r0, q0, q2"),
                concat!("vmladava.s", $bits, " r6, q1, q2"),
                concat!($load_w, " q2, [r7], #", $w_bytes),
                concat!("vmladava.s", $bits, " r2, q0, q3"),
                concat!("vmladava.s", $bits, " r8, q1, q3"),
                concat!("vmladava.s", $bits, " r4, q0, q2"),
                concat!("vmladava.s", $bits, " r10, q1, q2"),
                "letp lr, 3b",
                "4:",
                "strd r6, r8, [r11, #{plane}]",
                "str r10, [r11, #{plane} + 8]",
                "stm r11!, {{r0, r2, r4}}",
                "ldr lr, [sp, #12]",
                "cmp r11, lr",
                "bne 2b",
                "add sp, #16",
                "pop {{r3-r11, pc}}",
                plane = const PLANE,
            )
        }
    };
}

sums!(sums_of_bytes, i8, "8", "vldrb.u8", "vldrb.u8", "16");
sums!(sums_of_acts, i16, "16", "vldrh.u16", "vldrb.s16", "8");

/// Makes a [`Requantise`]: `$up` shifts sums to the accumulator's unit, `$store` clamps and stores.
///
/// A rounding shift by a negative number of bits is exact, half up, as [`crate::num::fixed`] has it.
macro_rules! requantise {
    ($name:ident, $out:ty, [$($up:literal),*], [$($store:literal),*]) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(outputs: &Outputs<$out>, n: usize, sums: *const i32) {
            naked_asm!(
                assembler!(),
                "push {{r4, r5, r6, lr}}",
                "vpush {{d8, d9, d10, d11}}",
                "movw r3, #32767",
                "vdup.32 q4, r3",
                "vneg.s32 q5, q4",
                "ldm r0, {{r0, r3, r4, r5, r6}}",
                "wlstp.32 lr, r1, 3f",
                "2:",
                "vldrw.u32 q2, [r0], #16",
                "vldrw.u32 q1, [r2, #{plane}]",
                "vldrw.u32 q0, [r2], #16",
                $($up,)*
                "vadd.i32 q0, q0, q2",
                "vadd.i32 q1, q1, q2",
                "vldrw.u32 q2, [r3], #16",
                "vldrb.u32 q3, [r4], #4",
                "vneg.s32 q3, q3",
                "vmulh.s32 q0, q0, q2",
                "vmulh.s32 q1, q1, q2",
                "vrshl.s32 q0, q0, q3",
                "vrshl.s32 q1, q1, q3",
                $($store,)*
                "letp lr, 2b",
                "3:",
                "vpop {{d8, d9, d10, d11}}",
                "pop {{r4, r5, r6, pc}}",
                plane = const PLANE,
            )
        }
    };
}

requantise!(
    requantise_bytes,
    i16,
    ["vshl.i32 q0, q0, #8", "vshl.i32 q1, q1, #8"],
    [
        "vmin.s32 q0, q0, q4",
        "vmin.s32 q1, q1, q4",
        "vmax.s32 q0, q0, q5",
        "vmax.s32 q1, q1, q5",
        "vstrh.32 q0, [r5], #8",
        "vstrh.32 q1, [r6], #8"
    ]
);
requantise!(
    requantise_acts,
    i16,
    [],
    [
        "vmin.s32 q0, q0, q4",
        "vmin.s32 q1, q1, q4",
        "vmax.s32 q0, q0, q5",
        "vmax.s32 q1, q1, q5",
        "vstrh.32 q0, [r5], #8",
        "vstrh.32 q1, [r6], #8"
    ]
);
requantise!(
    requantise_wide,
    i32,
    [],
    ["vstrw.32 q0, [r5], #16", "vstrw.32 q1, [r6], #16"]
);

/// Copies bytes.
#[unsafe(naked)]
unsafe extern "C" fn copy(to: *mut u8, from: *const u8, bytes: usize) {
    naked_asm!(
        assembler!(),
        "push {{r7, lr}}",
        "wlstp.8 lr, r2, 3f",
        "2:",
        "vldrb.u8 q0, [r1], #16",
        "vstrb.8 q0, [r0], #16",
        "letp lr, 2b",
        "3:",
        "pop {{r7, pc}}",
    )
}

/// The bias of a matrix that has none.
static NO_BIAS: [i32; CHUNK] = [0; CHUNK];

/// Returns the outputs to take next: none is left over that is fewer than three.
fn chunk(rest: usize) -> usize {
    match rest {
        0..=CHUNK => rest,
        _ if rest < CHUNK + TRIPLE => CHUNK - TRIPLE,
        _ => CHUNK,
    }
}

/// Words that hold the inputs of two pixels.
fn scratch_words<X>(inputs: usize) -> usize {
    (2 * inputs * size_of::<X>()).div_ceil(size_of::<u64>())
}

/// Multiplies as `reference.rs`.
fn run<I: FixedInput, P: Path<I>>(
    matrix: &Matrix<'_, Fixed<I>>,
    taps: &Taps<'_, P::X>,
    scratch: &mut [u64],
    out: &mut [P::O],
) {
    let (outputs, inputs) = (matrix.outputs, matrix.inputs);
    let scale = &matrix.scale;
    let arrays_hold = matrix.weights.len() >= outputs * inputs
        && (matrix.bias.is_empty() || matrix.bias.len() >= outputs)
        && scale.multiplier.len() >= outputs
        && scale.shift.len() >= outputs;
    let pieces = taps.pieces();
    let held: usize = pieces.iter().map(|piece| piece.len).sum();
    let pieces_fit = pieces.iter().all(|piece| piece.k + piece.len <= inputs);
    let in_place = match pieces {
        [piece] if held == inputs => Some(piece.x),
        _ => None,
    };
    let scratch_holds = in_place.is_some() || scratch.len() >= scratch_words::<P::X>(inputs);
    if outputs < TRIPLE || !arrays_hold || !pieces_fit || !scratch_holds {
        return P::REFERENCE(matrix, taps, scratch, out);
    }
    if in_place.is_none() && held < inputs {
        // Inputs that no piece holds stay zero for all pixels.
        let used = scratch.iter_mut().take(scratch_words::<P::X>(inputs));
        used.for_each(|word| *word = 0);
    }
    let pixels = taps.pixels().min(out.len() / outputs);
    let gathered: *mut P::X = scratch.as_mut_ptr().cast();
    for i in (0..pixels).step_by(2) {
        let both = [i, (i + 1).min(pixels - 1)];
        let mut x: [*const P::X; 2] = [gathered; 2];
        for (place, (&pixel, x)) in both.iter().zip(&mut x).enumerate() {
            if let Some(inputs) = in_place {
                *x = at(inputs, pixel * taps.stride());
                continue;
            }
            let to = gathered.wrapping_add(place * inputs);
            *x = to;
            for piece in pieces {
                let from = at(piece.x, pixel * taps.stride());
                // SAFETY: `Taps` holds `len` inputs of each of its pixels from there on, and the
                // scratch memory, checked above, `inputs` inputs of two pixels.
                unsafe {
                    copy(
                        to.wrapping_add(piece.k).cast(),
                        from.cast(),
                        piece.len * size_of::<P::X>(),
                    );
                }
            }
        }
        let out = both.map(|pixel| out.as_mut_ptr().wrapping_add(pixel * outputs));
        // SAFETY: `x` are `inputs` inputs each, `out` `outputs` outputs each (the pixels are those
        // that `out` holds), the arrays of the matrix hold all outputs (checked above).
        unsafe { two_pixels::<I, P>(matrix, x, out) };
    }
}

/// Returns where an element lies.
fn at<T>(values: &[T], index: usize) -> *const T {
    values.as_ptr().wrapping_add(index)
}

/// Multiplies the inputs of two pixels, which may be the same.
///
/// # Safety
/// `x` points to `matrix.inputs` inputs each, `out` to `matrix.outputs` outputs each, which are at
/// least three and for which the arrays of the matrix hold values (no bias: none).
unsafe fn two_pixels<I: FixedInput, P: Path<I>>(
    matrix: &Matrix<'_, Fixed<I>>,
    x: [*const P::X; 2],
    out: [*mut P::O; 2],
) {
    let inputs = matrix.inputs;
    let pixels = Pixels { x, inputs };
    let mut sums = [MaybeUninit::<i32>::uninit(); 2 * CHUNK];
    let sums: *mut i32 = sums.as_mut_ptr().cast();
    let mut first = 0;
    while first < matrix.outputs {
        let n = chunk(matrix.outputs - first);
        let rows = |o| at(matrix.weights, (first + o) * inputs);
        // SAFETY: `n` rows of `inputs` weights are there, and room for `n` sums in each plane.
        unsafe { P::SUMS(&pixels, rows(0), n / TRIPLE, sums) };
        if n % TRIPLE != 0 {
            // SAFETY: as before, for the last three of the `n`, some of them once more.
            unsafe { P::SUMS(&pixels, rows(n - TRIPLE), 1, sums.wrapping_add(n - TRIPLE)) };
        }
        let bias = match matrix.bias {
            [] => NO_BIAS.as_ptr(),
            bias => at(bias, first),
        };
        let outputs = Outputs {
            bias,
            multiplier: at(matrix.scale.multiplier, first),
            shift: at(matrix.scale.shift, first),
            out: out.map(|out| out.wrapping_add(first)),
        };
        // SAFETY: all arrays hold `n` elements from `first` on, the sums have just been written.
        unsafe { P::REQUANTISE(&outputs, n, sums) };
        first += n;
    }
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    is_detected().then_some(Kernel {
        scratch_words: scratch_words::<i16>,
        inputs: run::<i16, FromActs>,
        acts: run::<i16, FromActs>,
        wide: run::<i16, ToWide>,
        ..reference()
    })
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    is_detected().then_some(Kernel {
        scratch_words: scratch_words::<i16>,
        inputs: run::<i8, FromBytes>,
        acts: run::<i8, FromActs>,
        wide: run::<i8, ToWide>,
        ..reference()
    })
}
