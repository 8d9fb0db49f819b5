//! Selective scan with NEON in fixed point.

use bytemuck::must_cast;

use super::neon::with_states;
use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::neon::fixed::{Saturate, decay, load_i32};
use crate::num::neon::intrinsics::{
    int32x4_t, int64x2_t, vaddw_high_s32, vaddw_s32, vcombine_s32, vdupq_n_s32, vdupq_n_s64,
    vget_low_s32, vmlal_high_laneq_s32, vmlal_laneq_s32, vmovl_s16, vmull_high_laneq_s32,
    vmull_high_s32, vmull_laneq_s32, vmull_s32, vqdmulhq_s32, vqmovn_high_s64, vqmovn_s64,
    vqrdmulhq_s32, vqrshrn_n_s64, vreinterpretq_s32_u32, vrshlq_s32, vrshlq_s64, vshlq_s32,
    vsraq_n_s32,
};
use crate::num::neon::{Column, ColumnMut, Lanes, for_blocks};
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
    for_blocks!(4, params.skip.len(), |at, lanes| {
        with_states!(tokens.b.len(), |STATES, states| block::<I, TIED, STATES>(
            params,
            tokens,
            states,
            state,
            out,
            (at, lanes)
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
    /// No decay reaches 2^31 (see `exp2_neg`), so that SQRDMULH is the rounded product, which fits.
    #[inline(always)]
    fn advance<const LANE: i32>(
        &self,
        h: int32x4_t,
        a: int32x4_t,
        drive: int32x4_t,
        b: int32x4_t,
    ) -> int32x4_t {
        let kept = vqrdmulhq_s32(h, a);
        let low = vmull_laneq_s32::<LANE>(vget_low_s32(drive), b);
        let high = vmull_high_laneq_s32::<LANE>(drive, b);
        let low = vaddw_s32(vrshlq_s64(low, self.state_shift[0]), vget_low_s32(kept));
        let high = vaddw_high_s32(vrshlq_s64(high, self.state_shift[1]), kept);
        vqmovn_high_s64(vqmovn_s64(low), high)
    }

    /// Returns the outputs; `skipped` is the input shifted up to 31 bits.
    #[inline(always)]
    fn output(&self, sums: [int64x2_t; 2], skipped: int32x4_t) -> [i16; 4] {
        let [low, high] = sums.map(vqrshrn_n_s64::<15>);
        // A half of SQDMULH is `mulhi`; no factor is -2^31.
        let scaled = vqdmulhq_s32(vcombine_s32(low, high), self.multiplier);
        let y = vsraq_n_s32::<1>(vqdmulhq_s32(skipped, self.skip), scaled);
        let y = vrshlq_s32(y, self.shift);
        let [low, _] = must_cast::<[i16; 8], [[i16; 4]; 2]>(i16::saturate_8([y, y]));
        low
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

/// Advances four channels by all pixels; nothing where an operand is too short.
#[inline(always)]
fn block<I: FixedInput, const TIED: bool, const STATES: usize>(
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    states: impl Lanes,
    state: &mut [i32],
    out: &mut [i16],
    place: (usize, impl Lanes),
) -> Option<()> {
    let (inner, count) = (params.skip.len(), states.count(STATES));
    let pixels = out.len() / inner;
    let rates = if TIED { 1 } else { count };
    let rate = Column::<_, _, 4>::new(params.rate, inner, rates, place)?;
    let decay = |dt, n| vreinterpretq_s32_u32(decay(dt, must_cast(rate.load(n))));
    let u = Column::<_, _, 4>::new(tokens.u, inner, pixels, place)?;
    let dt = Column::<_, _, 4>::new(tokens.dt, inner, pixels, place)?;
    let [b, c] = [&tokens.b, &tokens.c]
        .map(|rows| Column::<_, _, STATES>::new(rows.values(), rows.stride(), pixels, (0, states)));
    let (b, c) = (b?, c?);
    let mut out = ColumnMut::<_, _, 4>::new(out, inner, pixels, place)?;
    let channels = Channels::new(params, place.0, place.1);
    let mut h = [vdupq_n_s32(0); STATES];
    for (n, h) in h.iter_mut().enumerate().take(count) {
        *h = load_i32(place.1, state, n * inner + place.0);
    }
    for i in 0..pixels {
        let u: int32x4_t = must_cast(u.load(i).map(FixedInput::int));
        let dt = must_cast(dt.load(i));
        let drive = drive::<I>(dt, u);
        let base = decay(dt, 0);
        let mut a = base;
        let mut sums = [vdupq_n_s64(0); 2];
        let (b, c) = (b.load(i), c.load(i));
        let quads = b.as_chunks().0.iter().zip(c.as_chunks().0);
        let quads = h.as_chunks_mut::<4>().0.iter_mut().zip(quads);
        for (q, (h, (&b, &c))) in quads.enumerate().take(count.div_ceil(4)) {
            let (b, c) = (
                vmovl_s16(must_cast::<[i16; 4], _>(b)),
                vmovl_s16(must_cast::<[i16; 4], _>(c)),
            );
            macro_rules! advance {
                ($($lane:literal)*) => {$(
                    let n = 4 * q + $lane;
                    if n < count {
                        a = match (n, TIED) {
                            (0, _) => base,
                            (_, true) => vqrdmulhq_s32(a, base),
                            (_, false) => decay(dt, n),
                        };
                        h[$lane] = channels.advance::<$lane>(h[$lane], a, drive, b);
                        let (low, high) = (vget_low_s32(h[$lane]), h[$lane]);
                        sums[0] = vmlal_laneq_s32::<$lane>(sums[0], low, c);
                        sums[1] = vmlal_high_laneq_s32::<$lane>(sums[1], high, c);
                    }
                )*};
            }
            advance!(0 1 2 3);
        }
        let up = vdupq_n_s32(31 - I::BITS as i32);
        out.store(i, channels.output(sums, vshlq_s32(u, up)));
    }
    for (n, &h) in h.iter().enumerate().take(count) {
        place
            .1
            .store::<i32, 4>(state, n * inner + place.0, must_cast(h));
    }
    Some(())
}
