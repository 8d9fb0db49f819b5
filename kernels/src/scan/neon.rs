//! Selective scan with NEON: four channels at a time, their states in registers over the pixels.
//!
//! The states go in fours, the lanes of a vector of `B` and of `C`. Where they are 8 or 16 the
//! compiler knows it and keeps them in registers; any other number stays on the stack.

use bytemuck::must_cast;

use super::{FloatParams, Kernel, Tokens, neon_fixed};
use crate::arith::{Fixed, Float};
use crate::config::Decay;
use crate::num::neon::float::{exponential, load, store};
use crate::num::neon::intrinsics::{
    vdupq_n_f32, vfmaq_f32, vfmaq_laneq_f32, vmulq_f32, vmulq_laneq_f32,
};
use crate::num::neon::{Column, ColumnMut, Lanes, for_blocks};

/// States that a block has room for: the most that a network has.
pub(super) const STATES_MAX: usize = 64;

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

/// Runs an expression with room for `$STATES` states, of which `$lanes` are there.
macro_rules! with_states {
    ($states:expr, |$STATES:ident, $lanes:ident| $body:expr) => {
        match $states {
            8 => {
                const $STATES: usize = 8;
                let $lanes = $crate::num::neon::All;
                $body
            }
            16 => {
                const $STATES: usize = 16;
                let $lanes = $crate::num::neon::All;
                $body
            }
            states => {
                const $STATES: usize = $crate::scan::neon::STATES_MAX;
                let $lanes = $crate::num::neon::First(states.min($STATES));
                $body
            }
        }
    };
}
pub(super) use with_states;

fn run<const TIED: bool>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<f32>>,
    state: &mut [f32],
    out: &mut [f32],
) {
    for_blocks!(4, params.skip.len(), |at, lanes| {
        with_states!(tokens.b.len(), |STATES, states| block::<TIED, STATES>(
            params,
            tokens,
            states,
            state,
            out,
            (at, lanes)
        ))
    });
}

/// Advances four channels by all pixels; nothing where an operand is too short.
#[inline(always)]
fn block<const TIED: bool, const STATES: usize>(
    params: &FloatParams<'_>,
    tokens: &Tokens<'_, Float<f32>>,
    states: impl Lanes,
    state: &mut [f32],
    out: &mut [f32],
    place: (usize, impl Lanes),
) -> Option<()> {
    let (inner, count) = (params.skip.len(), states.count(STATES));
    let pixels = out.len() / inner;
    let rates = if TIED { 1 } else { count };
    let rate = Column::<_, _, 4>::new(params.rate, inner, rates, place)?;
    let u = Column::<_, _, 4>::new(tokens.u, inner, pixels, place)?;
    let dt = Column::<_, _, 4>::new(tokens.dt, inner, pixels, place)?;
    let [b, c] = [&tokens.b, &tokens.c]
        .map(|rows| Column::<_, _, STATES>::new(rows.values(), rows.stride(), pixels, (0, states)));
    let (b, c) = (b?, c?);
    let mut out = ColumnMut::<_, _, 4>::new(out, inner, pixels, place)?;
    let skip = load(place.1, params.skip, place.0);
    let mut h = [vdupq_n_f32(0.0); STATES];
    for (n, h) in h.iter_mut().enumerate().take(count) {
        *h = load(place.1, state, n * inner + place.0);
    }
    for i in 0..pixels {
        let (u, dt) = (must_cast(u.load(i)), must_cast(dt.load(i)));
        let drive = vmulq_f32(dt, u);
        let mut y = vmulq_f32(skip, u);
        let base = exponential(vmulq_f32(dt, must_cast(rate.load(0))));
        let mut a = base;
        let (b, c) = (b.load(i), c.load(i));
        let quads = b.as_chunks().0.iter().zip(c.as_chunks().0);
        let quads = h.as_chunks_mut::<4>().0.iter_mut().zip(quads);
        for (q, (h, (&b, &c))) in quads.enumerate().take(count.div_ceil(4)) {
            let (b, c) = (must_cast::<[f32; 4], _>(b), must_cast::<[f32; 4], _>(c));
            macro_rules! advance {
                ($($lane:literal)*) => {$(
                    let n = 4 * q + $lane;
                    if n < count {
                        a = match (n, TIED) {
                            (0, _) => base,
                            (_, true) => vmulq_f32(a, base),
                            (_, false) => exponential(vmulq_f32(dt, must_cast(rate.load(n)))),
                        };
                        h[$lane] = vfmaq_f32(vmulq_laneq_f32::<$lane>(drive, b), a, h[$lane]);
                        y = vfmaq_laneq_f32::<$lane>(y, h[$lane], c);
                    }
                )*};
            }
            advance!(0 1 2 3);
        }
        out.store(i, must_cast(y));
    }
    for (n, &h) in h.iter().enumerate().take(count) {
        store(place.1, state, n * inner + place.0, h);
    }
    Some(())
}
