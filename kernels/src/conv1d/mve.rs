//! The causal convolution with Helium: four channels at a time, then SiLU of several pixels.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;
use core::mem::MaybeUninit;

use super::{FixedParams, Run, fixed};
use crate::arith::{Fixed, FixedInput};
use crate::config::CONV1D_TAPS;
use crate::num::mve::{Gated, Silu, assembler, is_detected};
use crate::rows::Rows;

/// Elements between the convolution and SiLU.
const CHUNK: usize = 192;

/// What [`convolve`] takes, in the order of its registers, r0 to r10.
#[repr(C)]
struct Channels {
    x: [*const i16; CONV1D_TAPS],
    taps: [*const i8; CONV1D_TAPS],
    bias: *const i32,
    multiplier: *const i32,
    shift: *const u8,
}

/// Convolves `n` channels of a pixel to SiLU's input.
#[unsafe(naked)]
unsafe extern "C" fn convolve(channels: &Channels, n: usize, out: *mut i32) {
    naked_asm!(
        assembler!(),
        "push {{r3-r11, lr}}",
        "vpush {{d8-d13}}",
        "mov r4, #0",
        "vidup.u32 q6, r4, #1",
        "movw r3, #32767",
        "vdup.32 q4, r3",
        "vneg.s32 q5, q4",
        "mov r11, r2",
        "mov lr, r1",
        "ldm r0, {{r0-r10}}",
        "wlstp.32 lr, lr, 3f",
        "2:",
        "vldrh.s32 q0, [r0], #8",
        "vldrb.s32 q1, [r4], #4",
        "vmul.i32 q0, q0, q1",
        "vldrw.u32 q3, [r8], #16",
        "vadd.i32 q0, q0, q3",
        "vldrh.s32 q1, [r1], #8",
        "vldrb.s32 q2, [r5], #4",
        "vmul.i32 q1, q1, q2",
        "vadd.i32 q0, q0, q1",
        "vldrh.s32 q1, [r2], #8",
        "vldrb.s32 q2, [r6], #4",
        "vmul.i32 q1, q1, q2",
        "vadd.i32 q0, q0, q1",
        "vldrh.s32 q1, [r3], #8",
        "vldrb.s32 q2, [r7], #4",
        "vmul.i32 q1, q1, q2",
        "vadd.i32 q0, q0, q1",
        "vldrw.u32 q1, [r9], #16",
        // Only r0 to r7 may be the base of a load that widens, but for one by lanes.
        "vldrb.u32 q2, [r10, q6]",
        "add r10, #4",
        "vneg.s32 q2, q2",
        "vmulh.s32 q0, q0, q1",
        "vrshl.s32 q0, q0, q2",
        "vmin.s32 q0, q0, q4",
        "vmax.s32 q0, q0, q5",
        "vstrw.32 q0, [r11], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d8-d13}}",
        "pop {{r3-r11, pc}}",
    )
}

/// Convolves as `reference.rs`.
fn run<I: FixedInput + Gated>(
    params: &FixedParams<'_>,
    history: &mut [i16],
    x: Rows<'_, i16>,
    out: &mut [I],
) {
    let inner = x.len();
    let arrays_hold = params.taps.len() >= CONV1D_TAPS * inner
        && params.bias.len() >= inner
        && params.multiplier.len() >= inner
        && params.shift.len() >= inner
        && history.len() == (CONV1D_TAPS - 1) * inner;
    let pixels = out.len().checked_div(inner);
    let Some(pixels) = pixels.filter(|&pixels| arrays_hold && x.holds(pixels)) else {
        return fixed(params, history, x, out);
    };
    let requantisation = (params.out_multiplier, params.out_shift);
    let mut args = Silu::new(params.fraction, requantisation, I::LARGEST);
    let mut buffer = [MaybeUninit::<i32>::uninit(); CHUNK];
    let buffer: *mut i32 = buffer.as_mut_ptr().cast();
    let group = (CHUNK / inner).max(1);
    for first in (0..pixels).step_by(group) {
        let group = group.min(pixels - first);
        for from in (0..inner).step_by(CHUNK) {
            let n = CHUNK.min(inner - from);
            for i in 0..group {
                let channels = channels(params, history, x, (first + i, from));
                // SAFETY: the arrays hold `n` channels from `from` on, each of the four pixels
                // is one of `history` or `x`, the buffer has room for `group` times `n`.
                unsafe { convolve(&channels, n, buffer.wrapping_add(i * n)) };
            }
            args.len = group * n;
            let out = out.as_mut_ptr().wrapping_add(first * inner + from);
            // SAFETY: so many have just been put into the buffer; where they are of several
            // pixels these are whole, so that they lie one after another in `out`.
            unsafe { I::SILU(&args, buffer, out, core::ptr::null()) };
        }
    }
    advance(history, x, pixels);
}

/// Returns the arrays of channels from `from` on, of a pixel and the three before it.
fn channels(
    params: &FixedParams<'_>,
    history: &[i16],
    x: Rows<'_, i16>,
    (pixel, from): (usize, usize),
) -> Channels {
    let inner = x.len();
    let mut channels = Channels {
        x: [core::ptr::null(); CONV1D_TAPS],
        taps: [core::ptr::null(); CONV1D_TAPS],
        bias: params.bias.as_ptr().wrapping_add(from),
        multiplier: params.multiplier.as_ptr().wrapping_add(from),
        shift: params.shift.as_ptr().wrapping_add(from),
    };
    let pointers = channels.x.iter_mut().zip(&mut channels.taps);
    for (tap, (value, weight)) in pointers.enumerate() {
        let row = match (pixel + tap).checked_sub(CONV1D_TAPS - 1) {
            None => history.as_ptr().wrapping_add((pixel + tap) * inner),
            Some(pixel) => x.values().as_ptr().wrapping_add(pixel * x.stride()),
        };
        *value = row.wrapping_add(from);
        *weight = params.taps.as_ptr().wrapping_add(tap * inner + from);
    }
    channels
}

/// Drops the oldest pixels and appends the newest.
fn advance(history: &mut [i16], x: Rows<'_, i16>, pixels: usize) {
    let (inner, len) = (x.len(), history.len());
    for tap in 0..CONV1D_TAPS - 1 {
        // What comes `pixels` later: a pixel of the history, or one of the new ones.
        let from = tap + pixels;
        let Some((before, after)) = history.split_at_mut_checked(len.min(from * inner)) else {
            return;
        };
        let values = match from.checked_sub(CONV1D_TAPS - 1) {
            None => &*after,
            Some(pixel) => x.values().get(pixel * x.stride()..).unwrap_or_default(),
        };
        let row = before.get_mut(tap * inner..).unwrap_or_default();
        for (value, &from) in row.iter_mut().zip(values).take(inner) {
            *value = from;
        }
    }
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Run<Fixed<i16>>> {
    is_detected().then_some(run::<i16>)
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Run<Fixed<i8>>> {
    is_detected().then_some(run::<i8>)
}
