//! Selective scan with NEON: four channels at a time, their states in registers over the pixels.
//!
//! The states go in fours, the lanes of a vector of `B` and of `C`. Where their number is 8 or 16
//! the compiler knows it and keeps them in registers; any other number stays on the stack.

use super::{FloatParams, Kernel, Tokens, neon_fixed};
use crate::arith::{Fixed, Float};
use crate::config::Decay;
use crate::num::neon::float::{exponential, load, store};
use crate::num::neon::intrinsics::{
    vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32, vmulq_f32, vmulq_laneq_f32,
};
use crate::num::neon::{All, First, Lanes, for_blocks};
use crate::rows::Rows;

/// Fours of states that a block has room for: 64 states, the most that a network has.
pub(super) const QUADS_MAX: usize = 16;

/// Returns the entry point.
pub(crate) fn f32() -> Option<Kernel<Float<f32>>> {
    Some(Kernel {
        scratch_words: |_| 0,
        run: |params, tokens, state, _, out| match params.decay {
            Decay::Full => run::<false>(params, tokens, state, out),
            Decay::Tied => run::<true>(params, tokens, state, out),
        },
    })
}

/// Returns the entry point.
pub(crate) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Some(neon_fixed::kernel())
}

/// Returns the entry point.
pub(crate) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Some(neon_fixed::kernel())
}

/// Runs a block of channels with as many states as the compiler can know.
macro_rules! block_of_states {
    ($states:expr, |$quads:ident, $n:ident| $body:expr) => {
        match $states {
            8 => {
                const $quads: usize = 2;
                let $n = 8;
                $body
            }
            16 => {
                const $quads: usize = 4;
                let $n = 16;
                $body
            }
            $n => {
                const $quads: usize = $crate::scan::neon::QUADS_MAX;
                $body
            }
        }
    };
}
pub(super) use block_of_states;

/// Loads four consecutive values of a pixel's `B` or `C`, of which `left` are states.
#[inline(always)]
pub(super) fn quad<T: bytemuck::Pod>(rows: &Rows<'_, T>, at: usize, left: usize) -> [T; 4] {
    match left {
        4.. => All.load(rows.values(), at),
        _ => First(left).load(rows.values(), at),
    }
}

fn run<const TIED: bool>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<f32>>,
    state: &mut [f32],
    out: &mut [f32],
) {
    let states = tokens.b.len().min(4 * QUADS_MAX);
    for_blocks!(4, params.skip.len(), |at, lanes| {
        let place = (at, lanes);
        block_of_states!(states, |QUADS, n| block::<TIED, QUADS>(
            params, tokens, n, state, out, place
        ))
    });
}

/// Advances four channels by all pixels.
#[inline(always)]
fn block<const TIED: bool, const QUADS: usize>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<f32>>,
    states: usize,
    state: &mut [f32],
    out: &mut [f32],
    (at, lanes): (usize, impl Lanes),
) {
    let inner = params.skip.len();
    let rate = |n: usize| load(lanes, params.rate, n * inner + at);
    let (skip, first_rate) = (load(lanes, params.skip, at), rate(0));
    let mut h = [[vdupq_n_f32(0.0); 4]; QUADS];
    for (n, h) in h.as_flattened_mut().iter_mut().enumerate().take(states) {
        *h = load(lanes, state, n * inner + at);
    }
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        let u = load(lanes, tokens.u, i * inner + at);
        let dt = load(lanes, tokens.dt, i * inner + at);
        let drive = vmulq_f32(dt, u);
        let mut y = vmulq_f32(skip, u);
        let base = exponential(vmulq_f32(dt, first_rate));
        let mut a = base;
        for (q, h) in h.iter_mut().enumerate().take(states.div_ceil(4)) {
            let left = states - 4 * q;
            let b = quad(&tokens.b, i * tokens.b.stride() + 4 * q, left);
            let c = quad(&tokens.c, i * tokens.c.stride() + 4 * q, left);
            let (b, c) = (bytemuck::must_cast(b), bytemuck::must_cast(c));
            macro_rules! advance {
                ($($lane:literal)*) => {$(
                    if $lane < left {
                        let n = 4 * q + $lane;
                        a = match (n, TIED) {
                            (0, _) => base,
                            (_, true) => vmulq_f32(a, base),
                            (_, false) => exponential(vmulq_f32(dt, rate(n))),
                        };
                        h[$lane] = vfmaq_f32(vmulq_laneq_f32::<$lane>(drive, b), a, h[$lane]);
                        y = vfmaq_laneq_f32::<$lane>(y, h[$lane], c);
                    }
                )*};
            }
            advance!(0 1 2 3);
        }
        store(lanes, out, at, y);
    }
    for (n, &h) in h.as_flattened().iter().enumerate().take(states) {
        store(lanes, state, n * inner + at, h);
    }
}
