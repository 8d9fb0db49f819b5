//! Causal convolution with the DSP extension of Armv7E-M and Armv8-M: two channels along several
//! pixels, then SiLU of four channels of each.

#![expect(unsafe_code, reason = "inner loops in assembly, raw rows")]

use core::arch::asm;

use super::{FixedParams, Run};
use crate::arith::{Fixed, FixedInput};
use crate::config::CONV1D_TAPS;
use crate::num::dsp::{Silu, less_half, requantise_bytes, requantise_halves, silu, silu_begin};
use crate::num::fixed::{logistic, requantise, saturate_i16};
use crate::rows::Rows;

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    Some(run::<i16>)
}

/// Returns the entry point.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    Some(run::<i8>)
}

/// Pixels at a time.
const CHUNK: usize = 16;
/// Channels of SiLU at a time.
const QUAD: usize = 4;

/// Constants of [`convolve`], each of two channels.
#[repr(C)]
struct Pair {
    bias: [i32; 2],
    /// The first two taps of each channel.
    early: [u32; 2],
    /// The last two taps of each channel.
    late: [u32; 2],
    multiplier: [i32; 2],
    /// Shifts less one.
    shift: [u32; 2],
    end: *const i16,
}

/// What [`activate`] reads and updates.
#[repr(C)]
struct Job {
    silu: Silu,
    out: *mut u8,
    stride: usize,
    multiplier: i32,
    less_half: i32,
    shift: u32,
    end: *const i16,
}

/// The pixels of a call: three of the history, then those of the input.
struct Sequence<'a> {
    history: *const i16,
    x: Rows<'a, i16>,
}

impl Sequence<'_> {
    /// Returns where pixel `i` begins, counted from the first of the history.
    fn pixel(&self, i: usize) -> *const i16 {
        match i.checked_sub(CONV1D_TAPS - 1) {
            None => self.history.wrapping_add(i * self.x.len()),
            Some(i) => self.x.values().as_ptr().wrapping_add(i * self.x.stride()),
        }
    }
}

/// One pixel of two channels: pairs of pixels in `$a` and `$b`, the pixel before in `$last`, the
/// pixel at hand goes to `$x`.
macro_rules! pixel {
    ($a:literal, $b:literal, $last:literal, $x:literal) => {
        concat!(
            "ldrd r8, r9, [r12]
             ldrd r10, r11, [r12, #8]
             smlad r8, r10, ",
            $a,
            ", r8
             smlad r9, r11, ",
            $b,
            ", r9
             ldr ",
            $x,
            ", [r6]
             add r6, lr
             pkhbt ",
            $a,
            ", ",
            $last,
            ", ",
            $x,
            ", lsl #16
             pkhtb ",
            $b,
            ", ",
            $x,
            ", ",
            $last,
            ", asr #16
             ldrd r10, r11, [r12, #16]
             smlad r8, r10, ",
            $a,
            ", r8
             smlad r9, r11, ",
            $b,
            ", r9
             ldrd r10, r11, [r12, #24]
             smmul r8, r8, r10
             smmul r9, r9, r11
             ldrd r10, r11, [r12, #32]
             asr r8, r8, r10
             asr r9, r9, r11
             sub r8, #1
             sub r9, #1
             ssat r8, #16, r8, asr #1
             ssat r9, #16, r9, asr #1
             pkhbt r8, r8, r9, lsl #16
             mov r10, #0x10001
             qadd16 r8, r8, r10
             str r8, [r7], #8"
        )
    };
}

/// Convolves two channels of an even number of pixels, not 0, from pixel `first` on, to inputs of
/// SiLU, eight bytes a pixel. Pixels are `stride` bytes apart.
///
/// # Safety
/// `sequence` holds the pixels and the three before them with two channels from `channel` on,
/// `out` has room for as many.
unsafe fn convolve(
    pair: &Pair,
    sequence: &Sequence<'_>,
    (first, channel): (usize, usize),
    stride: usize,
    out: *mut i16,
) {
    let pixel = |i| sequence.pixel(first + i).wrapping_add(channel);
    // SAFETY: two channels of each pixel before, which the caller says are there.
    let before = |i| unsafe { pixel(i).cast::<u32>().read_unaligned() };
    // SAFETY: reads two channels of each pixel and writes them at eight bytes' distance up to the
    // pair's end; the template restores r6, r7 and the stack.
    unsafe {
        asm!(
            "push {{r6, r7}}",
            "mov r6, r0",
            "mov r7, r1",
            "pkhbt r0, r2, r3, lsl #16",
            "pkhtb r1, r3, r2, asr #16",
            "pkhbt r2, r3, r4, lsl #16",
            "pkhtb r3, r4, r3, asr #16",
            "2:",
            pixel!("r0", "r1", "r4", "r5"),
            pixel!("r2", "r3", "r5", "r4"),
            "ldr r8, [r12, #40]",
            "cmp r7, r8",
            "bne 2b",
            "pop {{r6, r7}}",
            inout("r0") pixel(CONV1D_TAPS - 1) => _,
            inout("r1") out => _,
            inout("r2") before(0) => _,
            inout("r3") before(1) => _,
            inout("r4") before(2) => _,
            inout("r12") &raw const *pair => _,
            inout("lr") stride => _,
            out("r5") _, out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
}

/// Returns the constants of two channels.
///
/// # Safety
/// The parameters have them; there are `inner` channels.
unsafe fn pair(params: &FixedParams<'_>, inner: usize, channel: usize) -> Pair {
    // SAFETY: two elements that the caller says are there.
    unsafe fn two<T, U>(values: &[T], at: usize) -> U {
        // SAFETY: as above.
        unsafe {
            values
                .as_ptr()
                .wrapping_add(at)
                .cast::<U>()
                .read_unaligned()
        }
    }
    // SAFETY: two channels, as the caller says; so for those below.
    let tap = |tap: usize| unsafe { two::<_, u16>(params.taps, tap * inner + channel) };
    let taps = |first: usize| {
        let bytes = u32::from(tap(first)) | u32::from(tap(first + 1)) << 16;
        let (even, odd): (u32, u32);
        // SAFETY: reads and writes registers only.
        unsafe {
            asm!(
                "sxtb16 {even}, {bytes}",
                "sxtb16 {odd}, {bytes}, ror #8",
                bytes = in(reg) bytes, even = out(reg) even, odd = lateout(reg) odd,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        [even, odd]
    };
    // SAFETY: as before.
    let shift: [u8; 2] = unsafe { two(params.shift, channel) };
    Pair {
        // SAFETY: as before.
        bias: unsafe { two(params.bias, channel) },
        early: taps(0),
        late: taps(2),
        // SAFETY: as before.
        multiplier: unsafe { two(params.multiplier, channel) },
        shift: shift.map(|shift| u32::from(shift).wrapping_sub(1)),
        end: core::ptr::null(),
    }
}

/// Applies SiLU from lr until the job's end.
macro_rules! quads {
    ($job:expr, $x:expr, $requantise:expr, $store:literal) => {
        asm!(
            "push {{r6, r7}}",
            silu_begin!(),
            "mov r7, #0",
            "2:",
            silu!(),
            "ldr r12, [sp, #12]",
            "ldm r12, {{r4, r5, r6, r8, r9}}",
            $requantise,
            $store,
            "add r4, r5",
            "str r4, [r12]",
            "ldr r0, [r12, #20]",
            "cmp lr, r0",
            "bne 2b",
            "add sp, #16",
            "pop {{r6, r7}}",
            inout("r12") &raw mut *$job => _,
            inout("lr") $x => _,
            out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        )
    };
}

/// Applies SiLU to four channels of the pixels in `x`, not none.
///
/// # Safety
/// `out` and, the job's stride on, each further pixel have room for four outputs.
unsafe fn activate<I: FixedInput>(job: &mut Job, x: &[i16], out: *mut I) {
    job.out = out.cast();
    job.end = x.as_ptr_range().end;
    // SAFETY: reads `x`, whole pixels of four, and writes four outputs of 8 or 16 bits, as the
    // match says, for each; the template restores r6, r7 and the stack.
    unsafe {
        match I::BITS {
            8 => quads!(
                job,
                x.as_ptr(),
                requantise_bytes!("r6", "r8", "r9"),
                "str r0, [r4]"
            ),
            _ => quads!(
                job,
                x.as_ptr(),
                requantise_halves!("r6", "r8", "r9"),
                "str r0, [r4]
                 str r1, [r4, #4]"
            ),
        }
    }
}

/// Convolves the channels from 0 to a multiple of four, and returns that.
///
/// # Safety
/// `sequence` holds `pixels` pixels after those of the history, `out` the outputs, and the
/// parameters all channels.
unsafe fn quads<I: FixedInput>(
    params: &FixedParams<'_>,
    sequence: &Sequence<'_>,
    pixels: usize,
    out: *mut I,
) -> usize {
    let inner = sequence.x.len();
    let Some(silu) = Silu::new(params.fraction) else {
        return 0;
    };
    let mut job = Job {
        silu,
        out: core::ptr::null_mut(),
        stride: inner * size_of::<I>(),
        multiplier: params.out_multiplier,
        less_half: less_half(params.out_shift),
        shift: params.out_shift.into(),
        end: core::ptr::null(),
    };
    let stride = sequence.x.stride() * size_of::<i16>();
    let mut buffer = [0_i16; CHUNK * QUAD];
    for channel in (0..inner & !(QUAD - 1)).step_by(QUAD) {
        for first in (0..pixels).step_by(CHUNK) {
            let n = (pixels - first).min(CHUNK);
            let even = n & !1;
            for half in [0, 2] {
                let (channel, base) = (channel + half, buffer.as_mut_ptr().wrapping_add(half));
                // SAFETY: two channels that the caller says are there.
                let mut pair = unsafe { pair(params, inner, channel) };
                if even > 0 {
                    pair.end = base.wrapping_add(even * QUAD);
                    // SAFETY: pixels and channels that the caller says are there; the buffer has
                    // room for them.
                    unsafe { convolve(&pair, sequence, (first, channel), stride, base) };
                }
                if even < n {
                    // An odd pixel is made twice; the buffer has room for an even number.
                    pair.end = base.wrapping_add((even + 2) * QUAD);
                    let (at, out) = ((first + even, channel), base.wrapping_add(even * QUAD));
                    // SAFETY: as before.
                    unsafe { convolve(&pair, sequence, at, 0, out) };
                }
            }
            let Some(x) = buffer.get(..n * QUAD) else {
                return channel;
            };
            let out = out.wrapping_add(first * inner + channel);
            // SAFETY: outputs that the caller says are there.
            unsafe { activate(&mut job, x, out) };
        }
    }
    inner & !(QUAD - 1)
}

/// Convolves one channel.
///
/// # Safety
/// As [`quads`].
unsafe fn single<I: FixedInput>(
    params: &FixedParams<'_>,
    sequence: &Sequence<'_>,
    (pixels, channel): (usize, usize),
    out: *mut I,
) -> Option<()> {
    let inner = sequence.x.len();
    let bias = *params.bias.get(channel)?;
    let (multiplier, shift) = (
        *params.multiplier.get(channel)?,
        *params.shift.get(channel)?,
    );
    for pixel in 0..pixels {
        let mut acc = bias;
        for tap in 0..CONV1D_TAPS {
            let weight = *params.taps.get(tap * inner + channel)?;
            // SAFETY: a channel of a pixel that the caller says is there.
            let x = unsafe { sequence.pixel(pixel + tap).wrapping_add(channel).read() };
            acc += i32::from(weight) * i32::from(x);
        }
        let c = saturate_i16(requantise(acc, multiplier, shift));
        let silu = i32::from(c) * logistic(c, params.fraction);
        let value = I::saturate(requantise(silu, params.out_multiplier, params.out_shift));
        // SAFETY: an output that the caller says is there.
        unsafe { out.wrapping_add(pixel * inner + channel).write(value) };
    }
    Some(())
}

/// Convolves the next pixels; arguments as [`super::Run`].
fn run<I: FixedInput>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = x.len();
    let pixels = out.len().checked_div(inner).unwrap_or(0);
    let channels = [
        params.bias.len(),
        params.multiplier.len(),
        params.shift.len(),
        params.taps.len() / CONV1D_TAPS,
        history.len() / (CONV1D_TAPS - 1),
    ];
    if pixels == 0 || !x.holds(pixels) || channels.iter().any(|&len| len < inner) {
        return;
    }
    let sequence = Sequence {
        history: history.as_mut_ptr(),
        x,
    };
    let out = out.as_mut_ptr();
    // SAFETY: pixels and parameters are there, as just checked.
    let done = unsafe { quads(params, &sequence, pixels, out) };
    for channel in done..inner {
        // SAFETY: as before.
        unsafe { single(params, &sequence, (pixels, channel), out) };
    }
    for i in 0..CONV1D_TAPS - 1 {
        let (from, to) = (
            sequence.pixel(pixels + i),
            sequence.history.wrapping_add(i * inner),
        );
        // SAFETY: one of the last three pixels, and a pixel of the history, which is behind in
        // the sequence or the same.
        unsafe { from.copy_to(to.cast_mut(), inner) };
    }
}
