//! Selective scan with the DSP extension of Armv7E-M and Armv8-M: a channel's states one after
//! another, in registers.
//!
//! A decay `a`, below 1 (tested), times a state is SMMLAR with `2 a` as a signed number, which is
//! `2^32` too small where `a` is 1/2 or more: the state is added once there. What drives a state,
//! `drive B / 2^state_shift`, is one SMMULR of `drive 2^k` and `B 2^(32 - common)`, with
//! `common = state_shift + k`, where that fits; a channel where it does not takes a slower path.

#![expect(unsafe_code, reason = "inner loops in assembly")]

use core::arch::asm;

use super::{FixedParams, Kernel, Tokens, microcontroller_scratch_words};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::dsp::{exp2, exp2_down, fraction};
use crate::num::fixed::{decay, mulhi, saturate_i16, saturate_i32};
use crate::rows::Rows;

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
        scratch_words: microcontroller_scratch_words,
        run: run::<I>,
    }
}

/// What [`decays`] reads and updates; the loop's pointer is to the fifth coefficient.
#[repr(C)]
struct Decays {
    exp2: [i32; 7],
    dt: *const i32,
    rate: *const u32,
    out: *mut u32,
    end: *mut u32,
}

/// Makes the decays of some channels: [`decay`], which is below 2^31.
fn decays(dt: &[i32], rate: &[u32], out: &mut [u32]) {
    let n = dt.len().min(rate.len()).min(out.len()) & !3;
    if n > 0 {
        let mut job = Decays {
            exp2: exp2_down(),
            dt: dt.as_ptr(),
            rate: rate.as_ptr(),
            out: out.as_mut_ptr(),
            end: out.as_mut_ptr().wrapping_add(n),
        };
        // SAFETY: reads `n` step sizes and rates, not 0, a multiple of four, and writes as many
        // decays; the template restores r6, r7 and the stack.
        unsafe {
            asm!(
                "push {{r6, r7}}",
                "add lr, #16",
                "2:",
                "ldrd r8, r9, [lr, #12]",
                "ldm r8!, {{r0-r3}}",
                "ldm r9!, {{r4-r7}}",
                "strd r8, r9, [lr, #12]",
                "umull r4, r0, r0, r4",
                "umull r5, r1, r1, r5",
                "umull r6, r2, r2, r6",
                "umull r7, r3, r3, r7",
                // The whole part, of which a shift looks at eight bits.
                "usat r8, #8, r0, asr #10",
                "usat r9, #8, r1, asr #10",
                "usat r10, #8, r2, asr #10",
                "usat r11, #8, r3, asr #10",
                "push {{r8-r11}}",
                fraction!(),
                exp2!(),
                "pop {{r8-r11}}",
                "lsr r0, r8",
                "lsr r1, r9",
                "lsr r2, r10",
                "lsr r3, r11",
                "ldrd r8, r9, [lr, #20]",
                "stm r8!, {{r0-r3}}",
                "str r8, [lr, #20]",
                "cmp r8, r9",
                "bne 2b",
                "pop {{r6, r7}}",
                inout("lr") &raw mut job => _,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("r12") _,
            );
        }
    }
    for (out, (&dt, &rate)) in out.iter_mut().zip(dt.iter().zip(rate)).skip(n) {
        *out = decay(dt, rate);
    }
}

/// States of a round of the loop.
const ROUND: usize = 8;

/// Channels of a pixel still to be advanced, as [`channels`] copies them to its stack.
#[repr(C)]
struct Job {
    /// Decays of the first state.
    decay: *const u32,
    dt: *const i32,
    u: *const u8,
    state_shift: *const u8,
    state: *mut i32,
    /// What the state shifts are made up to.
    common: u32,
    /// Bytes from a state of a channel to its next.
    stride: usize,
    /// `B 2^(32 - common)` and `C` of each state.
    weights: *const [u32; 2],
    end: *const [u32; 2],
    multiplier: *const i32,
    skip: *const i32,
    shift: *const u8,
    /// Next output: where [`channels`] leaves off.
    out: *mut i16,
    out_end: *const i16,
    /// Where in the table of the loops' entries that of a channel stands, in bytes, whose first
    /// decay is large and small.
    large: usize,
    small: usize,
}

/// One state: r0 decay, r1 twice the first state's decay, r4 and r5 sum, r8 stride, r9 weights,
/// r10 drive, r11 state, to be found at `$at`. Then the decay of the next state.
macro_rules! state {
    ($at:literal, large) => {
        state!(
            $at,
            "and r7, r12, r6, asr #31
             smmlar r12, r12, r6, r7",
            "smmlar r0, r0, r1, r0"
        )
    };
    ($at:literal, small) => {
        state!($at, "smmulr r12, r12, r6", "smmulr r0, r0, r1")
    };
    ($at:literal, $keep:literal, $next:literal) => {
        concat!(
            "ldrd r2, r3, [r9], #8
             ldr r12, ",
            $at,
            "
             lsl r6, r0, #1
             ",
            $keep,
            "
             ",
            $next,
            "
             smmulr r6, r10, r2
             qadd r12, r12, r6
             str r12, ",
            $at,
            "
             smlal r4, r5, r12, r3"
        )
    };
}

/// Two states of a channel, with labels.
macro_rules! two_states {
    ($size:tt, $a:expr, $b:expr) => {
        concat!(
            $a,
            ":\n",
            state!("[r11]", $size),
            "\n",
            $b,
            ":\n",
            state!("[r11, r8]", $size),
            "
             add r11, r11, r8, lsl #1\n"
        )
    };
}

/// All states of a channel, whose first decay is `large` (1/2 or more) or `small`; labels begin
/// with `$label`. The loop is entered so that it goes on with whole rounds of [`ROUND`].
macro_rules! states {
    ($size:tt, $label:literal) => {
        concat!(
            two_states!($size, concat!($label, 0), concat!($label, 1)),
            two_states!($size, concat!($label, 2), concat!($label, 3)),
            two_states!($size, concat!($label, 4), concat!($label, 5)),
            two_states!($size, concat!($label, 6), concat!($label, 7)),
            "cmp r9, lr
             bne ",
            $label,
            "0b"
        )
    };
}

/// Advances channels until the job's end, or one that needs the slower path.
macro_rules! channels {
    ($job:expr, $load_u:literal, $load_u_again:literal, $u_shift:literal) => {
        asm!(
            "push {{r6, r7, r12}}",
            "sub sp, #64",
            "mov lr, sp",
            "ldm r12!, {{r0-r7}}",
            "stm lr!, {{r0-r7}}",
            "ldm r12, {{r0-r7}}",
            // Entries of the loops.
            "adr r12, 9f",
            "ldr r6, [r12, r6]",
            "ldr r7, [r12, r7]",
            "add r6, r12",
            "add r7, r12",
            "stm lr, {{r0-r7}}",
            "b 2f",
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
            ".word 30f - 9b + 1",
            ".word 31f - 9b + 1",
            ".word 32f - 9b + 1",
            ".word 33f - 9b + 1",
            ".word 34f - 9b + 1",
            ".word 35f - 9b + 1",
            ".word 36f - 9b + 1",
            ".word 37f - 9b + 1",
            "2:",
            "ldm sp, {{r5, r6, r7, r8, r9}}",
            "ldrb r4, [r8], #1",
            "ldr r10, [sp, #20]",
            "ldr r2, [r6], #4",
            $load_u,
            "subs r4, r10, r4",
            "blo 8f",
            // dt u 2^(33 - bits), of which the upper word is the drive.
            "lsls r2, #1",
            "bmi 8f",
            concat!("lsl r3, #", $u_shift),
            "smmulr r2, r2, r3",
            "lsl r10, r2, r4",
            "asr r11, r10, r4",
            "cmp r11, r2",
            "bne 8f",
            "ldr r0, [r5], #4",
            "mov r11, r9",
            "add r9, #4",
            "stm sp, {{r5, r6, r7, r8, r9}}",
            "ldrd r8, r9, [sp, #24]",
            "ldr lr, [sp, #32]",
            // Half of the sum's rounding.
            "mov r4, #0x4000",
            "mov r5, #0",
            "lsls r1, r0, #1",
            "it pl",
            "ldrpl pc, [sp, #60]",
            "ldr pc, [sp, #56]",
            states!(large, 2),
            "b 7f",
            states!(small, 3),
            "7:",
            "ldr r9, [sp, #8]",
            $load_u_again,
            concat!("lsl r9, #", $u_shift),
            // The sum of 2^-15, saturated.
            "lsr r4, #15",
            "orr r4, r4, r5, lsl #17",
            "asr r6, r5, #14",
            "cmp r6, r4, asr #31",
            "itt ne",
            "mvnne r4, #0x80000000",
            "eorne r4, r4, r5, asr #31",
            "add r12, sp, #36",
            "ldm r12, {{r0-r3, r5}}",
            "ldr r6, [r0], #4",
            "ldr r7, [r1], #4",
            "ldrb r8, [r2], #1",
            "smmul r4, r4, r6",
            "smmla r4, r9, r7, r4",
            "sub r8, #1",
            "asr r4, r8",
            "sub r4, #1",
            "ssat r4, #16, r4, asr #1",
            "mov r6, #1",
            "qadd16 r4, r4, r6",
            "strh r4, [r3], #2",
            "stm r12, {{r0-r3}}",
            "cmp r3, r5",
            "bne 2b",
            "8:",
            "ldr r0, [sp, #48]",
            "add sp, #64",
            "pop {{r6, r7, r12}}",
            "str r0, [r12, #48]",
            inout("r12") &raw mut $job => _,
            out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _, out("lr") _,
        )
    };
}

/// The arrays of one pixel.
struct Pixel<'a, I> {
    u: &'a [I],
    dt: &'a [i32],
    b: &'a [i16],
    c: &'a [i16],
}

/// Returns `x / 2^bits` rounded half up.
fn round_shift(x: i64, bits: u32) -> i64 {
    (x + (1 << (bits - 1))) >> bits
}

/// Returns what drives the states of a channel: `dt u`.
fn drive<I: FixedInput>(dt: i32, u: I) -> i32 {
    saturate_i32(round_shift(i64::from(dt) * i64::from(u.int()), I::BITS - 1))
}

/// Advances one state of any drive and shift and returns it.
#[inline(always)]
fn advance(h: i32, decay: u32, drive: i32, b: i16, state_shift: u8) -> i32 {
    let factor = (decay << 1) as i32;
    let kept: i32;
    // SAFETY: reads and writes registers only.
    unsafe {
        asm!(
            "smmlar {kept}, {h}, {factor}, {once}",
            kept = lateout(reg) kept, h = in(reg) h, factor = in(reg) factor,
            once = in(reg) h & (factor >> 31),
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    let product = i64::from(drive) * i64::from(b);
    match state_shift {
        // The bits below the half are lost before the half is added: the same.
        17..=40 => {
            let shift = u32::from(state_shift) - 16;
            kept.saturating_add(((product >> 16) as i32 + (1 << (shift - 1))) >> shift)
        }
        _ => saturate_i32(i64::from(kept) + round_shift(product, u32::from(state_shift))),
    }
}

/// Returns the output of a channel from its sum over the states.
fn output<I: FixedInput>(params: &FixedParams<'_>, channel: usize, sum: i64, u: I) -> Option<i16> {
    let (multiplier, skip) = (*params.multiplier.get(channel)?, *params.skip.get(channel)?);
    let shift = *params.shift.get(channel)?;
    let sum = saturate_i32(round_shift(sum, 15));
    let y = mulhi(sum, multiplier) + mulhi(u.int() << (32 - I::BITS), skip);
    Some(saturate_i16((y + (1 << (shift - 1))) >> shift))
}

/// Advances a channel with tied decays whatever its drive.
fn single<I: FixedInput>(
    params: &FixedParams<'_>,
    pixel: &Pixel<'_, I>,
    (channel, base): (usize, u32),
    state: &mut [i32],
) -> Option<i16> {
    let (u, dt) = (*pixel.u.get(channel)?, *pixel.dt.get(channel)?);
    let state_shift = *params.state_shift.get(channel)?;
    let (drive, mut decay, mut sum) = (drive(dt, u), base, 0);
    let states = state
        .iter_mut()
        .skip(channel)
        .step_by(params.skip.len().max(1));
    for (h, (&b, &c)) in states.zip(pixel.b.iter().zip(pixel.c)) {
        *h = advance(*h, decay, drive, b, state_shift);
        sum += i64::from(*h) * i64::from(c);
        decay = ((u64::from(decay) * u64::from(base) + (1 << 30)) >> 31) as u32;
    }
    output(params, channel, sum, u)
}

/// Advances all channels of a pixel with tied decays.
///
/// * `common` - what state shifts are made up to, `[16, 32]`. * `decays` - of the first state.
/// * `weights` - `B 2^(32 - common)` and `C`.
fn tied<I: FixedInput>(
    params: &FixedParams<'_>,
    pixel: &Pixel<'_, I>,
    common: u32,
    (decays, weights): (&[u32], &[[u32; 2]]),
    state: &mut [i32],
    out: &mut [i16],
) {
    let inner = params.skip.len();
    let (first, stride) = (out.as_mut_ptr(), inner * size_of::<i32>());
    // States that the loop's first round leaves out, which takes them in pairs.
    let skipped = weights.len().wrapping_neg() % ROUND;
    let before = (skipped % 2) * stride;
    let mut done = 0;
    while done < inner {
        let mut job = Job {
            decay: decays.as_ptr().wrapping_add(done),
            dt: pixel.dt.as_ptr().wrapping_add(done),
            u: pixel.u.as_ptr().wrapping_add(done).cast(),
            state_shift: params.state_shift.as_ptr().wrapping_add(done),
            state: state
                .as_mut_ptr()
                .wrapping_add(done)
                .wrapping_byte_sub(before),
            common,
            stride,
            weights: weights.as_ptr(),
            end: weights.as_ptr_range().end,
            multiplier: params.multiplier.as_ptr().wrapping_add(done),
            skip: params.skip.as_ptr().wrapping_add(done),
            shift: params.shift.as_ptr().wrapping_add(done),
            out: first.wrapping_add(done),
            out_end: first.wrapping_add(inner),
            large: 4 * skipped,
            small: 4 * (ROUND + skipped),
        };
        if !weights.is_empty() {
            // SAFETY: `run` has checked that all arrays have the channels, and `state` the states
            // that `weights` has, at least one; the template goes on from channel `done`, which
            // there is, restores r6, r7 and the stack, and writes states, outputs and the job.
            unsafe {
                match I::BITS {
                    8 => channels!(job, "ldrsb r3, [r7], #1", "ldrsb r9, [r9, #-1]", 24),
                    _ => channels!(job, "ldrsh r3, [r7], #2", "ldrsh r9, [r9, #-2]", 16),
                }
            }
        }
        done = (job.out as usize - first as usize) / size_of::<i16>();
        if let (Some(out), Some(&base)) = (out.get_mut(done), decays.get(done)) {
            *out = single(params, pixel, (done, base), state).unwrap_or_default();
            done += 1;
        }
    }
}

/// Channels at a time of [`full`].
const CHUNK: usize = 16;

/// Advances all channels of a pixel with a decay for each state.
fn full<I: FixedInput>(
    params: &FixedParams<'_>,
    pixel: &Pixel<'_, I>,
    state: &mut [i32],
    out: &mut [i16],
) -> Option<()> {
    let inner = params.skip.len();
    for (i, out) in out.chunks_mut(CHUNK).enumerate() {
        let channels = i * CHUNK..i * CHUNK + out.len();
        let (dt, u) = (
            pixel.dt.get(channels.clone())?,
            pixel.u.get(channels.clone())?,
        );
        let state_shift = params.state_shift.get(channels.clone())?;
        let (mut decay, mut sum, mut drives) = ([0; CHUNK], [0; CHUNK], [0; CHUNK]);
        for (out, (&dt, &u)) in drives.iter_mut().zip(dt.iter().zip(u)) {
            *out = drive(dt, u);
        }
        let weights = pixel.b.iter().zip(pixel.c);
        for (n, (&b, &c)) in weights.enumerate() {
            let at = n * inner + channels.start..n * inner + channels.end;
            decays(dt, params.rate.get(at.clone())?, &mut decay);
            let channels = drives.iter().zip(state_shift).zip(&decay);
            let states = state.get_mut(at)?.iter_mut().zip(&mut sum);
            for ((h, sum), ((&drive, &state_shift), &decay)) in states.zip(channels) {
                *h = advance(*h, decay, drive, b, state_shift);
                *sum += i64::from(*h) * i64::from(c);
            }
        }
        for ((out, channel), (&sum, &u)) in out.iter_mut().zip(channels).zip(sum.iter().zip(u)) {
            *out = output(params, channel, sum, u)?;
        }
    }
    Some(())
}

/// Returns the weights of a pixel.
fn row<'a>(rows: &Rows<'a, i16>, pixel: usize, states: usize) -> &'a [i16] {
    let row = rows.values().get(pixel * rows.stride()..);
    row.and_then(|row| row.get(..states)).unwrap_or_default()
}

/// Advances the scan; arguments as [`super::Run`].
fn run<I: FixedInput>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &mut [u64],
    out: &mut [i16],
) {
    let inner = params.skip.len();
    let states = tokens.b.len().min(tokens.c.len());
    let pixels = out.len().checked_div(inner).unwrap_or(0);
    let rates = match params.decay {
        Decay::Tied => 1,
        Decay::Full => states,
    };
    let channels = [
        params.state_shift.len(),
        params.multiplier.len(),
        params.shift.len(),
    ];
    let scratch: &mut [u32] = bytemuck::must_cast_slice_mut(scratch);
    let (Some(values), Some(all_states), Some(all_rates)) = (
        pixels.checked_mul(inner),
        states.checked_mul(inner),
        rates.checked_mul(inner),
    ) else {
        return;
    };
    let is_whole = channels.iter().all(|&len| len >= inner)
        && tokens.u.len().min(tokens.dt.len()) >= values
        && tokens.b.holds(pixels)
        && tokens.c.holds(pixels)
        && state.len() >= all_states
        && params.rate.len() >= all_rates
        && scratch.len() >= inner + 2 * states;
    if !is_whole || inner == 0 {
        return;
    }
    let Some((first, rest)) = scratch.split_at_mut_checked(inner) else {
        return;
    };
    let Some(weights) = rest.as_chunks_mut::<2>().0.get_mut(..states) else {
        return;
    };
    let common = params.state_shift.iter().take(inner).max();
    let common = u32::from(common.copied().unwrap_or(0)).clamp(16, 32);
    for i in 0..pixels {
        let range = i * inner..(i + 1) * inner;
        let (u, dt) = (tokens.u.get(range.clone()), tokens.dt.get(range.clone()));
        // Nothing is missing, as just checked.
        let (Some(u), Some(dt), Some(out)) = (u, dt, out.get_mut(range)) else {
            return;
        };
        let (b, c) = (row(&tokens.b, i, states), row(&tokens.c, i, states));
        let pixel = Pixel { u, dt, b, c };
        match params.decay {
            Decay::Full => {
                // Nothing is missing, as just checked.
                let _ = full(params, &pixel, state, out);
            }
            Decay::Tied => {
                decays(dt, params.rate, first);
                for (weight, (&b, &c)) in weights.iter_mut().zip(pixel.b.iter().zip(pixel.c)) {
                    *weight = [(i32::from(b) << (32 - common)) as u32, i32::from(c) as u32];
                }
                tied(params, &pixel, common, (first, &*weights), state, out);
            }
        }
    }
}
