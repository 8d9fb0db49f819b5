//! The selective scan with Helium, four channels at a time.
//!
//! For each pixel: the decays and drives of all channels; then the states of four channels in
//! registers' reach, with their output sums; then the outputs of all channels.

#![expect(unsafe_code, reason = "assembly, and the pointers that it takes")]

mod assembly;

use self::assembly::{
    Block, CONSTANTS, DRIVE_MAX, Input, LANES, Outputs, States, Weights, block_decays, decays,
    update_full, update_tied, weigh,
};
use super::reference::{fixed_channel, fixed_kernel};
use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::mve::is_detected;
use crate::rows::Rows;

/// Most states whose sums [`update_tied`] takes exactly.
const STATES_MAX: usize = 255;

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
    let row = |rows: &Rows<'_, i16>| rows.values().as_ptr().wrapping_add(i * rows.stride());
    let (b, c) = (row(&tokens.b), row(&tokens.c));
    // SAFETY: `states` weights of each, and room for them in the scratch memory.
    let free = unsafe { weigh(b, c, states, scratch.weights) };
    // With B shifted left by 16 and its free bits, the high half of twice the product with a drive
    // is shifted right by 15 less the free bits; it needs one bit more than the result.
    let free = 16 - free as i32;
    // SAFETY: `inner` step sizes, inputs, shifts, and room for as many drives.
    let largest = unsafe { I::DRIVES(dt, u, shift, scratch.drives, inner, free) };
    let all = States {
        decay: scratch.decays,
        drive: scratch.drives,
        state_shift: shift,
        state: state.as_mut_ptr(),
        stride: inner * size_of::<i32>(),
        weights: scratch.weights,
        states,
        n: inner,
        free: free - 1,
        sums: scratch.decays.cast(),
        unmasked: if largest < DRIVE_MAX {
            LANES
        } else {
            inner + 1
        },
    };
    // SAFETY: the caller vouches for all arrays.
    unsafe { update(params, dt, &all, scratch) };
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
                *out = fixed_channel(params, tokens, state, (i, e), (e, inner));
            }
        }
    }
}

/// Updates the states of all channels and sums up their outputs.
///
/// # Safety
/// As [`pixel`], whose step sizes are `dt`; the drives and weights of `all` have been written.
unsafe fn update(params: &FixedParams<'_>, dt: *const i32, all: &States, scratch: &Scratch) {
    match params.decay {
        Decay::Tied => {
            // SAFETY: `all.n` step sizes and rates, and room for as many decays.
            unsafe { decays(dt, params.rate.as_ptr(), all.decay, all.n, &CONSTANTS) };
            // SAFETY: `all.n` decays, drives, shifts; `states` states and weights.
            unsafe { update_tied(all) };
        }
        Decay::Full => {
            for first in (0..all.n).step_by(LANES) {
                let n = LANES.min(all.n - first);
                let block = Block {
                    dt: dt.wrapping_add(first),
                    rate: params.rate.as_ptr().wrapping_add(first),
                    out: scratch.block,
                    n,
                    stride: all.stride,
                    states: all.states,
                };
                // SAFETY: `n` step sizes from `first` on and rates of each state, and room for
                // a vector of decays of each.
                unsafe { block_decays(&block, &CONSTANTS) };
                let part = States {
                    decay: scratch.block,
                    drive: all.drive.wrapping_add(first),
                    state_shift: all.state_shift.wrapping_add(first),
                    state: all.state.wrapping_add(first),
                    n,
                    sums: all.sums.wrapping_add(first),
                    ..*all
                };
                // SAFETY: as in the tied form, for the `n` channels from `first` on.
                unsafe { update_full(&part) };
            }
        }
    }
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
