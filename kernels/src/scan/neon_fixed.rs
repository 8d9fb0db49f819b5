//! Selective scan with NEON in fixed point.

use bytemuck::must_cast;

use super::neon::{QUADS_MAX, block_of_states, quad};
use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::neon::fixed::{decay, load_i32};
use crate::num::neon::intrinsics::{
    int32x4_t, int64x2_t, uint32x4_t, vaddw_high_s32, vaddw_s32, vbslq_s32, vcltzq_s32,
    vcombine_s32, vdupq_n_s32, vdupq_n_s64, vget_low_s32, vmlal_high_laneq_s32, vmlal_laneq_s32,
    vmull_high_laneq_s32, vmull_high_s32, vmull_laneq_s32, vmull_s32, vqdmulhq_s32,
    vqmovn_high_s64, vqmovn_s64, vqrdmulhq_s32, vqrshrn_n_s64, vreinterpretq_s32_u32, vrshlq_s32,
    vrshlq_s64, vshlq_s32, vsraq_n_s32,
};
use crate::num::neon::{Lanes, for_blocks};

/// Returns the entry point.
pub(super) fn kernel<I: FixedInput>() -> Kernel<Fixed<I>> {
    Kernel {
        scratch_words: |_| 0,
        run: |params, tokens, state, _, out| match params.decay {
            Decay::Full => run::<I, false>(params, tokens, state, out),
            Decay::Tied => run::<I, true>(params, tokens, state, out),
        },
    }
}

fn run<I: FixedInput, const TIED: bool>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    out: &mut [i16],
) {
    let states = tokens.b.len().min(4 * QUADS_MAX);
    for_blocks!(4, params.skip.len(), |at, lanes| {
        let place = (at, lanes);
        block_of_states!(states, |QUADS, n| block::<I, TIED, QUADS>(
            params, tokens, n, state, out, place
        ))
    });
}

/// Parameters of four channels.
#[derive(Clone, Copy)]
struct Channels {
    /// Minus the bits that the drive is shifted down.
    state_shift: [int64x2_t; 2],
    multiplier: int32x4_t,
    skip: int32x4_t,
    /// Minus the bits that the output is shifted down.
    shift: int32x4_t,
}

impl Channels {
    #[inline(always)]
    fn new(params: &FixedParams<'_>, at: usize, lanes: impl Lanes) -> Self {
        let state_shift = lanes.load::<u8, 4>(params.state_shift, at);
        let shift = lanes.load::<u8, 4>(params.shift, at);
        Self {
            state_shift: must_cast(state_shift.map(|shift| -i64::from(shift))),
            multiplier: load_i32(lanes, params.multiplier, at),
            skip: load_i32(lanes, params.skip, at),
            shift: must_cast(shift.map(|shift| -i32::from(shift))),
        }
    }

    /// Returns `h a / 2^31 + drive B / 2^state_shift`, each rounded, saturated.
    ///
    /// A decay of 1 is -2^31 in 32 signed bits: `top` marks those lanes, which keep `h`; any other
    /// is not negative, and SQRDMULH is the rounded product, which fits.
    #[inline(always)]
    fn advance<const LANE: i32>(
        &self,
        h: int32x4_t,
        (a, top): (int32x4_t, uint32x4_t),
        drive: int32x4_t,
        b: int32x4_t,
    ) -> int32x4_t {
        let kept = vbslq_s32(top, h, vqrdmulhq_s32(h, a));
        let low = vmull_laneq_s32::<LANE>(vget_low_s32(drive), b);
        let high = vmull_high_laneq_s32::<LANE>(drive, b);
        let low = vaddw_s32(vrshlq_s64(low, self.state_shift[0]), vget_low_s32(kept));
        let high = vaddw_high_s32(vrshlq_s64(high, self.state_shift[1]), kept);
        vqmovn_high_s64(vqmovn_s64(low), high)
    }

    /// Returns the outputs, not clamped; `skipped` is the input shifted up to 30 bits.
    #[inline(always)]
    fn output(&self, sums: [int64x2_t; 2], skipped: int32x4_t) -> int32x4_t {
        let [low, high] = sums.map(vqrshrn_n_s64::<15>);
        // A half of SQDMULH is `mulhi`; no factor is -2^31.
        let scaled = vqdmulhq_s32(vcombine_s32(low, high), self.multiplier);
        let y = vsraq_n_s32::<1>(vqdmulhq_s32(skipped, self.skip), scaled);
        vrshlq_s32(y, self.shift)
    }
}

/// Returns `dt u / 2^(bits - 1)`, rounded and saturated.
#[inline(always)]
fn drive<I: FixedInput>(dt: int32x4_t, u: int32x4_t) -> int32x4_t {
    let low = vmull_s32(vget_low_s32(dt), vget_low_s32(u));
    let high = vmull_high_s32(dt, u);
    // The precision has 16 or 8 bits: one of the branches is left.
    let [low, high] = match I::BITS {
        16 => [low, high].map(vqrshrn_n_s64::<15>),
        _ => [low, high].map(vqrshrn_n_s64::<7>),
    };
    vcombine_s32(low, high)
}

/// Advances four channels by all pixels.
#[inline(always)]
fn block<I: FixedInput, const TIED: bool, const QUADS: usize>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    states: usize,
    state: &mut [i32],
    out: &mut [i16],
    (at, lanes): (usize, impl Lanes),
) {
    let inner = params.skip.len();
    let channels = Channels::new(params, at, lanes);
    let decay = |dt, n: usize| {
        let rate = must_cast(lanes.load::<u32, 4>(params.rate, n * inner + at));
        vreinterpretq_s32_u32(decay(dt, rate))
    };
    let mut h = [[vdupq_n_s32(0); 4]; QUADS];
    for (n, h) in h.as_flattened_mut().iter_mut().enumerate().take(states) {
        *h = load_i32(lanes, state, n * inner + at);
    }
    for (i, out) in out.chunks_exact_mut(inner).enumerate() {
        let u = lanes.load::<I, 4>(tokens.u, i * inner + at);
        let u: int32x4_t = must_cast(u.map(FixedInput::int));
        let dt = load_i32(lanes, tokens.dt, i * inner + at);
        let drive = drive::<I>(dt, u);
        let base = decay(dt, 0);
        // Where the first decay is 1 all powers are; elsewhere none is.
        let (mut a, mut top) = (base, vcltzq_s32(base));
        let mut sums = [vdupq_n_s64(0); 2];
        for (q, h) in h.iter_mut().enumerate().take(states.div_ceil(4)) {
            let left = states - 4 * q;
            let b = quad(&tokens.b, i * tokens.b.stride() + 4 * q, left);
            let c = quad(&tokens.c, i * tokens.c.stride() + 4 * q, left);
            let b: int32x4_t = must_cast(b.map(i32::from));
            let c: int32x4_t = must_cast(c.map(i32::from));
            macro_rules! advance {
                ($($lane:literal)*) => {$(
                    if $lane < left {
                        let n = 4 * q + $lane;
                        match (n, TIED) {
                            (0, _) => {}
                            (_, true) => a = vqrdmulhq_s32(a, base),
                            (_, false) => {
                                a = decay(dt, n);
                                top = vcltzq_s32(a);
                            }
                        }
                        h[$lane] = channels.advance::<$lane>(h[$lane], (a, top), drive, b);
                        let (low, high) = (vget_low_s32(h[$lane]), h[$lane]);
                        sums[0] = vmlal_laneq_s32::<$lane>(sums[0], low, c);
                        sums[1] = vmlal_high_laneq_s32::<$lane>(sums[1], high, c);
                    }
                )*};
            }
            advance!(0 1 2 3);
        }
        let up = vdupq_n_s32(31 - I::BITS as i32);
        let y = channels.output(sums, vshlq_s32(u, up));
        let y: [i32; 4] = must_cast(y);
        lanes.store(out, at, y.map(crate::num::fixed::saturate_i16));
    }
    for (n, &h) in h.as_flattened().iter().enumerate().take(states) {
        lanes.store::<i32, 4>(state, n * inner + at, must_cast(h));
    }
}
