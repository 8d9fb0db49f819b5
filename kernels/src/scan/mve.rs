//! The selective scan with Helium, four channels at a time.
//!
//! For each pixel: the decays and drives of all channels; then the states of four channels in
//! registers' reach, with their output sums; then the outputs of all channels.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

use core::arch::naked_asm;

use super::reference::{fixed_channel, fixed_kernel};
use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::mve::{EXP2_FALLING, assembler, horner, is_detected, split};

/// Channels of a vector.
const LANES: usize = 4;
/// Most states whose sums [`update_tied`] takes exactly.
const STATES_MAX: usize = 255;
/// A drive that is too large for 32 bits, or as large in magnitude as one of them.
const DRIVE_MAX: u32 = i32::MAX as u32;

/// Constants of the decay: r4 to r10, then those of all lanes.
#[repr(C)]
struct Constants {
    exp2: [i32; 6],
    half: u32,
    exp2_top: i32,
    /// Whole parts of exponents are cut to this, where the power is 0.
    whole_max: u32,
}

static CONSTANTS: Constants = {
    let [exp2_top, exp2 @ ..] = EXP2_FALLING;
    Constants {
        exp2,
        half: 1 << 31,
        exp2_top,
        whole_max: 32,
    }
};

/// The decays of `n` channels for one state.
#[unsafe(naked)]
unsafe extern "C" fn decays(
    dt: *const i32,
    rate: *const u32,
    out: *mut u32,
    n: usize,
    constants: &Constants,
) {
    naked_asm!(
        assembler!(),
        "push {{r4-r11, lr}}",
        "ldr r12, [sp, #36]",
        "sub sp, #4",
        "vpush {{d12-d15}}",
        "ldrd r4, r5, [r12, #28]",
        "vdup.32 q7, r4",
        "vdup.32 q6, r5",
        "ldm r12, {{r4-r10}}",
        "wlstp.32 lr, r3, 3f",
        "2:",
        "vldrw.u32 q0, [r0], #16",
        "vldrw.u32 q2, [r1], #16",
        "vmulh.u32 q1, q0, q2",
        "vmul.i32 q2, q2, q0",
        split!("q2", "q1", "r10"),
        "vmin.u32 q1, q1, q6",
        "vneg.s32 q1, q1",
        horner!("q3", "q2", "q7"),
        "vshl.u32 q3, q3, q1",
        "vstrw.32 q3, [r2], #16",
        "letp lr, 2b",
        "3:",
        "vpop {{d12-d15}}",
        "add sp, #4",
        "pop {{r4-r11, pc}}",
    )
}

/// What [`block_decays`] takes.
#[repr(C)]
struct Block {
    dt: *const i32,
    rate: *const u32,
    out: *mut u32,
    /// Channels, at most [`LANES`].
    n: usize,
    /// Bytes from the rates of one state to those of the next.
    stride: usize,
    states: usize,
}

/// The decays of a vector of channels for all states, `[states, LANES]`.
#[unsafe(naked)]
unsafe extern "C" fn block_decays(block: &Block, constants: &Constants) {
    naked_asm!(
        assembler!(),
        "push {{r4-r11, lr}}",
        "sub sp, #4",
        "vpush {{d10-d15}}",
        "ldrd r4, r5, [r1, #28]",
        "vdup.32 q7, r4",
        "vdup.32 q6, r5",
        "mov r12, r1",
        "ldm r0, {{r0, r1, r2, r3, r11, lr}}",
        "ldm r12, {{r4-r10}}",
        "vctp.32 r3",
        "vpst",
        "vldrwt.u32 q5, [r0]",
        "dls lr, lr",
        "2:",
        "vpst",
        "vldrwt.u32 q2, [r1]",
        "add r1, r11",
        "vmulh.u32 q1, q5, q2",
        "vmul.i32 q2, q2, q5",
        split!("q2", "q1", "r10"),
        "vmin.u32 q1, q1, q6",
        "vneg.s32 q1, q1",
        horner!("q3", "q2", "q7"),
        "vshl.u32 q3, q3, q1",
        "vstrw.32 q3, [r2], #16",
        "le lr, 2b",
        "vpop {{d10-d15}}",
        "add sp, #4",
        "pop {{r4-r11, pc}}",
    )
}

/// Makes the function that computes the drives of `n` channels, shifted left by `free` less the
/// state's shift where that is not negative, and returns the largest magnitude: [`DRIVE_MAX`] or
/// more where one has no room for that in 32 bits. `$load` gets inputs with 31 fraction bits.
macro_rules! drives {
    ($name:ident, $u:ty, $load:literal, $shift:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(
            dt: *const i32,
            u: *const $u,
            state_shift: *const u8,
            out: *mut i32,
            n: usize,
            free: i32,
        ) -> u32 {
            naked_asm!(
                assembler!(),
                "push {{r4, r5, r11, lr}}",
                "ldrd lr, r4, [sp, #16]",
                "mov r5, #0",
                "vmov.i32 q3, #0",
                "wlstp.32 lr, lr, 3f",
                "2:",
                $load,
                $shift,
                "vldrw.u32 q1, [r0], #16",
                "vqrdmulh.s32 q0, q0, q1",
                "vldrb.u32 q1, [r2], #4",
                "vneg.s32 q1, q1",
                "vadd.i32 q1, q1, r4",
                "vmax.s32 q1, q1, q3",
                "vqshl.s32 q0, q0, q1",
                "vmaxav.s32 r5, q0",
                "vstrw.32 q0, [r3], #16",
                "letp lr, 2b",
                "3:",
                "mov r0, r5",
                "pop {{r4, r5, r11, pc}}",
            )
        }
    };
}

drives!(
    drives_of_acts,
    i16,
    "vldrh.s32 q0, [r1], #8",
    "vshl.i32 q0, q0, #16"
);
drives!(
    drives_of_bytes,
    i8,
    "vldrb.s32 q0, [r1], #4",
    "vshl.i32 q0, q0, #24"
);

/// What [`update_tied`] and [`update_full`] take, in the order of its registers, r0 to r7.
#[repr(C)]
struct States {
    /// Tied: `[n]`, which become the sums. Full: `[states, LANES]` of at most [`LANES`] channels.
    decay: *mut u32,
    drive: *const i32,
    state_shift: *const u8,
    /// States `[states, stride]`.
    state: *mut i32,
    /// Bytes from one state of a channel to the next.
    stride: usize,
    weights: *const Weights,
    states: usize,
    /// Channels.
    n: usize,
    free: i32,
    /// Where the sums go in the full form.
    sums: *mut i32,
}

/// Weights of a state.
#[repr(C)]
#[derive(Clone, Copy)]
struct Weights {
    /// B, shifted up as far as those of all states allow.
    b: i32,
    /// C.
    c: i32,
    /// C, shifted up by 7.
    c_high: i32,
}

/// The loop over the states of a vector of channels, `$mask` before loads and stores.
///
/// q2 is the decay, q3 the first one, q4 the drive, q5 minus the shift of its product with B.
/// * `h a / 2^31`, rounded, is a doubling high half: a decay never is 2^31 (tested).
/// * The high half of twice the product of drive and B has at least one bit more than the result:
///   the rounding shift is exact.
/// * q6 is the sum modulo 2^32, q7 the sum of `floor(h c / 2^24)`: with at most 255 states the two
///   fix the sum of 64 bits.
macro_rules! states {
    ($mask:literal, $t:literal, $load:literal, $next:literal) => {
        concat!(
            "mov r11, r3\n",
            "mov r12, r5\n",
            "vmov.i32 q6, #0\n",
            "vmov.i32 q7, #0\n",
            "dls lr, r6\n",
            "3:\n",
            "ldm r12!, {{r8, r9, r10}}\n",
            $load,
            $mask,
            "vldrw",
            $t,
            ".u32 q0, [r11]\n",
            "vqrdmulh.s32 q0, q0, q2\n",
            "vqdmulh.s32 q1, q4, r8\n",
            "vrshl.s32 q1, q1, q5\n",
            "vqadd.s32 q0, q0, q1\n",
            $mask,
            "vstrw",
            $t,
            ".32 q0, [r11]\n",
            "vmla.i32 q6, q0, r9\n",
            "vqdmlah.s32 q7, q0, r10\n",
            $next,
            "add r11, r4\n",
            "le lr, 3b\n",
        )
    };
}

/// Makes the function that updates the states of channels and sums up their outputs.
///
/// A drive of [`DRIVE_MAX`] in magnitude, or more, marks a channel to be left as it is.
macro_rules! update {
    ($name:ident, $first:literal, $load:literal, $next:literal, $store:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(states: &States) {
            naked_asm!(
                assembler!(),
                "push {{r4-r11, lr}}",
                "vpush {{d8-d15}}",
                "ldrd r1, r2, [r0, #32]",
                "push {{r1, r2, r3}}",
                "ldm r0, {{r0-r7}}",
                "2:",
                $first,
                "vldrw.u32 q4, [r1], #16",
                // -1 less what the state's shift passes `free` by.
                "vctp.32 r7",
                "vpst",
                "vldrbt.u32 q0, [r2]",
                "add r2, #4",
                "vneg.s32 q0, q0",
                "ldr r8, [sp]",
                "vadd.i32 q0, q0, r8",
                "vmov.i32 q5, #0",
                "vmin.s32 q5, q5, q0",
                "mov r8, #1",
                "vsub.i32 q5, q5, r8",
                // Lanes that take part: channels whose drive is not marked.
                "vqabs.s32 q0, q4",
                "mvn r8, #0x80000000",
                "vpst",
                "vcmpt.i32 ne, q0, r8",
                "vmrs r8, p0",
                "movw r9, #0xffff",
                "cmp r8, r9",
                "bne 5f",
                states!("", "", $load, $next),
                "4:",
                "vshl.i32 q0, q7, #24",
                "vsub.i32 q0, q6, q0",
                "vshr.u32 q1, q0, #24",
                "vadd.i32 q7, q7, q1",
                "vbic.i32 q0, #0xff000000",
                "vrshr.u32 q0, q0, #15",
                // A sum below 32 bits takes no part of the lower word.
                "movw r8, #0",
                "movt r8, #0xffc0",
                "vpt.s32 lt, q7, r8",
                "vmovt.i32 q0, #0",
                "vqshl.s32 q7, q7, #9",
                "vqadd.s32 q0, q7, q0",
                $store,
                "add r3, #16",
                "subs r7, #4",
                "bgt 2b",
                "add sp, #12",
                "vpop {{d8-d15}}",
                "pop {{r4-r11, pc}}",
                "5:",
                states!("vpst\n", "t", $load, $next),
                "b 4b",
            )
        }
    };
}

update!(
    update_tied,
    "vldrw.u32 q3, [r0]\nvmov q2, q3",
    "",
    "vqrdmulh.s32 q2, q2, q3\n",
    "vstrw.32 q0, [r0], #16"
);
update!(
    update_full,
    "",
    "vldrw.u32 q2, [r0], #16\n",
    "",
    "ldr r8, [sp, #4]\nvstrw.32 q0, [r8]"
);

/// What the outputs of a pixel are made of.
#[repr(C)]
struct Outputs<I> {
    sums: *const i32,
    u: *const I,
    shift: *const u8,
    out: *mut i16,
    multiplier: *const i32,
    skip: *const i32,
    n: usize,
}

/// Makes the function that computes outputs; `$load` as that of [`drives!`].
macro_rules! outputs {
    ($name:ident, $u:ty, $load:literal, $shift:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name(outputs: &Outputs<$u>) {
            naked_asm!(
                assembler!(),
                "push {{r4-r6, lr}}",
                "vpush {{d8, d9}}",
                "ldm r0, {{r0-r6}}",
                "movw r12, #32767",
                "vdup.32 q3, r12",
                "vneg.s32 q4, q3",
                "wlstp.32 lr, r6, 3f",
                "2:",
                "vldrw.u32 q0, [r0], #16",
                "vldrw.u32 q1, [r4], #16",
                "vmulh.s32 q0, q0, q1",
                "vldrw.u32 q1, [r5], #16",
                $load,
                $shift,
                "vmulh.s32 q1, q1, q2",
                "vadd.i32 q0, q0, q1",
                "vldrb.u32 q1, [r2], #4",
                "vneg.s32 q1, q1",
                "vrshl.s32 q0, q0, q1",
                "vmin.s32 q0, q0, q3",
                "vmax.s32 q0, q0, q4",
                "vstrh.32 q0, [r3], #8",
                "letp lr, 2b",
                "3:",
                "vpop {{d8, d9}}",
                "pop {{r4-r6, pc}}",
            )
        }
    };
}

outputs!(
    outputs_of_acts,
    i16,
    "vldrh.s32 q2, [r1], #8",
    "vshl.i32 q2, q2, #16"
);
outputs!(
    outputs_of_bytes,
    i8,
    "vldrb.s32 q2, [r1], #4",
    "vshl.i32 q2, q2, #24"
);

/// An input of the scan.
trait Input: FixedInput {
    const DRIVES: unsafe extern "C" fn(
        dt: *const i32,
        u: *const Self,
        state_shift: *const u8,
        out: *mut i32,
        n: usize,
        free: i32,
    ) -> u32;
    const OUTPUTS: unsafe extern "C" fn(outputs: &Outputs<Self>);
}

impl Input for i16 {
    const DRIVES: unsafe extern "C" fn(
        *const i32,
        *const Self,
        *const u8,
        *mut i32,
        usize,
        i32,
    ) -> u32 = drives_of_acts;
    const OUTPUTS: unsafe extern "C" fn(&Outputs<Self>) = outputs_of_acts;
}

impl Input for i8 {
    const DRIVES: unsafe extern "C" fn(
        *const i32,
        *const Self,
        *const u8,
        *mut i32,
        usize,
        i32,
    ) -> u32 = drives_of_bytes;
    const OUTPUTS: unsafe extern "C" fn(&Outputs<Self>) = outputs_of_bytes;
}

/// Words for `(inner, states)`: decays (later sums) and drives of each channel, weights, and decays
/// of a vector of channels.
fn scratch_words((inner, states): (usize, usize)) -> usize {
    let bytes = 2 * inner.next_multiple_of(LANES) * size_of::<i32>()
        + states * (size_of::<Weights>() + LANES * size_of::<u32>());
    bytes.div_ceil(size_of::<u64>())
}

/// Parts of the scratch memory.
struct Scratch {
    decays: *mut u32,
    drives: *mut i32,
    weights: *mut Weights,
    block: *mut u32,
}

/// Tells whether the arrays hold what a run of `pixels` pixels takes.
fn holds<I: FixedInput>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &[i32],
    (pixels, inner, states): (usize, usize, usize),
) -> bool {
    let rates = match params.decay {
        Decay::Full => states,
        Decay::Tied => 1,
    };
    params.rate.len() >= rates * inner
        && params.state_shift.len() >= inner
        && params.multiplier.len() >= inner
        && params.shift.len() >= inner
        && tokens.u.len() >= pixels * inner
        && tokens.dt.len() >= pixels * inner
        && tokens.b.holds(pixels)
        && tokens.c.holds(pixels)
        && state.len() >= states * inner
        && (1..=STATES_MAX).contains(&states)
}

/// Advances the scan as `reference.rs`.
fn run<I: Input>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &mut [u64],
    out: &mut [i16],
) {
    let inner = params.skip.len();
    let states = tokens.b.len().min(tokens.c.len());
    let pixels = out.len().checked_div(inner).unwrap_or(0);
    if !holds(params, tokens, state, (pixels, inner, states))
        || scratch.len() < scratch_words((inner, states))
    {
        return (fixed_kernel().run)(params, tokens, state, scratch, out);
    }
    let decays: *mut u32 = scratch.as_mut_ptr().cast();
    let plane = inner.next_multiple_of(LANES);
    let weights: *mut Weights = decays.wrapping_add(2 * plane).cast();
    let scratch = Scratch {
        decays,
        drives: decays.wrapping_add(plane).cast(),
        weights,
        block: weights.wrapping_add(states).cast(),
    };
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        // SAFETY: all arrays hold pixel `i`, channels and states, and the scratch memory its parts
        // (checked above).
        unsafe { pixel(params, tokens, state, &scratch, (i, states), out) };
    }
}

/// Advances the scan by one pixel.
///
/// # Safety
/// [`holds`] for more than `i` pixels, `scratch` points to the parts of [`scratch_words`], `out` is
/// the pixel's.
unsafe fn pixel<I: Input>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &Scratch,
    (i, states): (usize, usize),
    out: &mut [i16],
) {
    let inner = params.skip.len();
    let dt = tokens.dt.as_ptr().wrapping_add(i * inner);
    let u = tokens.u.as_ptr().wrapping_add(i * inner);
    let shift = params.state_shift.as_ptr();
    // SAFETY: the scratch memory holds so many weights.
    let weights = unsafe { core::slice::from_raw_parts_mut(scratch.weights, states) };
    let free = weigh(weights, tokens.b.row(i), tokens.c.row(i));
    // SAFETY: `inner` step sizes, inputs, shifts, and room for as many drives.
    let largest = unsafe { I::DRIVES(dt, u, shift, scratch.drives, inner, free) };
    let mut all = States {
        decay: scratch.decays,
        drive: scratch.drives,
        state_shift: shift,
        state: state.as_mut_ptr(),
        stride: inner * size_of::<i32>(),
        weights: scratch.weights,
        states,
        n: inner,
        free,
        sums: scratch.decays.cast(),
    };
    match params.decay {
        Decay::Tied => {
            // SAFETY: `inner` step sizes and rates, and room for as many decays.
            unsafe { decays(dt, params.rate.as_ptr(), scratch.decays, inner, &CONSTANTS) };
            // SAFETY: `inner` decays, drives, shifts; `states` states and weights.
            unsafe { update_tied(&all) };
        }
        Decay::Full => {
            for first in (0..inner).step_by(LANES) {
                let n = LANES.min(inner - first);
                let block = Block {
                    dt: dt.wrapping_add(first),
                    rate: params.rate.as_ptr().wrapping_add(first),
                    out: scratch.block,
                    n,
                    stride: all.stride,
                    states,
                };
                // SAFETY: `n` step sizes from `first` on and rates of each state, and room for
                // a vector of decays of each.
                unsafe { block_decays(&block, &CONSTANTS) };
                all.decay = scratch.block;
                all.drive = scratch.drives.wrapping_add(first);
                all.state_shift = shift.wrapping_add(first);
                all.state = state.as_mut_ptr().wrapping_add(first);
                all.n = n;
                all.sums = scratch.decays.wrapping_add(first).cast();
                // SAFETY: as in the tied form, for the `n` channels from `first` on.
                unsafe { update_full(&all) };
            }
        }
    }
    let outputs = Outputs {
        sums: scratch.decays.cast(),
        u,
        shift: params.shift.as_ptr(),
        out: out.as_mut_ptr(),
        multiplier: params.multiplier.as_ptr(),
        skip: params.skip.as_ptr(),
        n: inner,
    };
    // SAFETY: `inner` of each; the sums have just been written.
    unsafe { I::OUTPUTS(&outputs) };
    if largest >= DRIVE_MAX {
        // SAFETY: so many drives have been written above.
        let drives = unsafe { core::slice::from_raw_parts(scratch.drives, inner) };
        for (e, (out, drive)) in out.iter_mut().zip(drives).enumerate() {
            if drive.unsigned_abs() >= DRIVE_MAX {
                *out = fixed_channel(params, tokens, state, (i, e));
            }
        }
    }
}

/// Prepares the weights of a pixel's states and returns the state's shift up to which drives must
/// be shifted left.
///
/// With B shifted left by 16 and its free bits, the high half of twice the product with a drive has
/// it shifted right by 15 less the free bits; one bit more than the state's shift must be left.
fn weigh(weights: &mut [Weights], b: &[i16], c: &[i16]) -> i32 {
    let bits = b.iter().fold(0, |bits, &b| bits | (b ^ (b >> 15)));
    let free = (bits as u16).leading_zeros() - 1;
    for (weights, (&b, &c)) in weights.iter_mut().zip(b.iter().zip(c)) {
        *weights = Weights {
            b: i32::from(b) << (16 + free),
            c: c.into(),
            c_high: i32::from(c) << 7,
        };
    }
    16 - free as i32
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    is_detected().then_some(Kernel {
        scratch_words,
        run: run::<i16>,
    })
}

/// Returns the entry points where this machine has the instructions.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    is_detected().then_some(Kernel {
        scratch_words,
        run: run::<i8>,
    })
}
