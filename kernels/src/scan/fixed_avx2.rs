//! The selective scan in fixed point with AVX2: decays and products as integers, states and sums as
//! integers in `f64`, where saturation is cheap and the sums of up to 64 states are exact.

#![expect(unsafe_code, reason = "intrinsics")]

use core::arch::x86_64::*;

use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::fixed_avx2::Avx2;
use crate::num::lanes::{LANES_MAX, Lanes, StoreInput, exp2_neg, load_shifts, mulhi};
use crate::num::simd::{entry, part, part_mut};

/// Channels that are taken at a time: two vectors of `f64`.
const CHANNELS: usize = 8;
/// States whose sum is exact: each product is below 2^46 in magnitude.
const STATES_MAX: usize = 64;
/// 1.5 * 2^52: plus a 32-bit integer, that is the lower half of the bits.
const INTEGER: f64 = 6_755_399_441_055_744.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;
const TWO_31: f64 = 2_147_483_648.0;

/// Calls an intrinsic.
macro_rules! intrinsic {
    ($call:expr) => {
        // SAFETY: the proof is there, so that the machine has the instruction; where it takes a
        // pointer, that is one to an array as long as the vector.
        unsafe { $call }
    };
}

type Doubles = [__m256d; 2];

/// As `super::reference::fixed`.
#[inline(always)]
fn run<I: StoreInput>(
    s: Avx2,
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &mut [u64],
    out: &mut [i16],
) {
    let inner = params.skip.len().max(1);
    let states = tokens.b.len().min(tokens.c.len());
    let pixels = out.len() / inner;
    let (scratch, _) = scratch.as_chunks_mut::<CHANNELS>();
    let (Some(kept), 1..=STATES_MAX) = (scratch.get_mut(..states), states) else {
        return (super::reference::fixed_kernel().run)(params, tokens, state, &mut [], out);
    };
    if !tokens.b.holds(pixels) || !tokens.c.holds(pixels) {
        return;
    }
    for e in (0..inner).step_by(CHANNELS) {
        let lanes = CHANNELS.min(inner - e);
        for (n, kept) in kept.iter_mut().enumerate() {
            let mut h = [0i32; CHANNELS];
            s.store(&mut h, s.load(part(state, n * inner + e, lanes)));
            *kept = h.map(|h| (f64::from(h) + INTEGER).to_bits());
        }
        let channels = Channels::new(s, params, (inner, e, lanes));
        for (i, out) in out.chunks_exact_mut(inner).enumerate() {
            let out = part_mut(out, e, lanes);
            match params.decay {
                Decay::Full => channels.pixel::<I, false>(s, tokens, i, kept, out),
                Decay::Tied => channels.pixel::<I, true>(s, tokens, i, kept, out),
            }
        }
        for (n, kept) in kept.iter().enumerate() {
            let to = part_mut(state, n * inner + e, lanes);
            for (to, &kept) in to.iter_mut().zip(kept) {
                *to = kept as i32;
            }
        }
    }
}

/// Parameters of a vector of channels.
struct Channels<'a> {
    rate: &'a [u32],
    /// Channels in all, the first one, and how many.
    place: (usize, usize, usize),
    /// 2^-shift of the product of drive and B.
    to_state: Doubles,
    multiplier: __m256i,
    skip: __m256i,
    half: __m256i,
    shift: __m256i,
}

impl<'a> Channels<'a> {
    #[inline(always)]
    fn new(s: Avx2, params: &FixedParams<'a>, place: (usize, usize, usize)) -> Self {
        let (_, e, lanes) = place;
        let mut powers = [0.0; CHANNELS];
        for (power, &shift) in powers.iter_mut().zip(part(params.state_shift, e, lanes)) {
            *power = f64::from_bits((1023 - u64::from(shift)) << 52);
        }
        let shift = load_shifts(s, part(params.shift, e, lanes));
        let one = s.splat(1);
        Self {
            rate: params.rate,
            place,
            to_state: doubles(&powers),
            multiplier: s.load(part(params.multiplier, e, lanes)),
            skip: s.load(part(params.skip, e, lanes)),
            half: s.shl(one, s.sub(shift, one)),
            shift,
        }
    }

    /// Advances by one pixel.
    #[inline(always)]
    fn pixel<I: StoreInput, const TIED: bool>(
        &self,
        s: Avx2,
        tokens: &Tokens<'_, Fixed<I>>,
        i: usize,
        kept: &mut [[u64; CHANNELS]],
        out: &mut [i16],
    ) {
        let (inner, e, lanes) = self.place;
        let mut u = [0i32; LANES_MAX];
        for (to, u) in u.iter_mut().zip(part(tokens.u, i * inner + e, lanes)) {
            *to = u.int();
        }
        let u = s.load(&u);
        let dt = s.load(part(tokens.dt, i * inner + e, lanes));
        let drive = self.drive::<I>(s, dt, u);
        let mut sum = [intrinsic!(_mm256_setzero_pd()); 2];
        let (mut a, mut base) = (dt, dt);
        let weights = tokens.b.row(i).iter().zip(tokens.c.row(i));
        for (n, (h, (&b, &c))) in kept.iter_mut().zip(weights).enumerate() {
            if TIED && n > 0 {
                a = product(s, a, base);
            } else {
                a = decay(s, dt, part(self.rate, n * inner + e, lanes));
                base = a;
            }
            let weights = [b, c].map(f64::from);
            advance_state(h, a, drive, weights, &mut sum);
        }
        let u = s.shl(u, s.splat(32 - I::BITS as i32));
        let y = s.add(
            mulhi(s, rounded_sum(sum), self.multiplier),
            mulhi(s, u, self.skip),
        );
        StoreInput::store(s, out, s.sar(s.add(y, self.half), self.shift));
    }

    /// Returns the drives of a pixel, in states' unit.
    #[inline(always)]
    fn drive<I: FixedInput>(&self, s: Avx2, dt: __m256i, u: __m256i) -> Doubles {
        let (mut drive, u) = (halves(dt), halves(u));
        let _ = s;
        for k in 0..2 {
            let unit = splat(2.0 / f64::from(1 << I::BITS));
            let step = intrinsic!(_mm256_mul_pd(drive[k], unit));
            let drive_k = intrinsic!(_mm256_fmadd_pd(step, u[k], splat(0.5)));
            let drive_k = saturate_i32(intrinsic!(_mm256_floor_pd(drive_k)));
            drive[k] = intrinsic!(_mm256_mul_pd(drive_k, self.to_state[k]));
        }
        drive
    }
}

#[inline(always)]
fn splat(x: f64) -> __m256d {
    intrinsic!(_mm256_set1_pd(x))
}

#[inline(always)]
fn doubles(x: &[f64; CHANNELS]) -> Doubles {
    let (a, b) = x.split_at(4);
    [
        intrinsic!(_mm256_loadu_pd(a.as_ptr())),
        intrinsic!(_mm256_loadu_pd(b.as_ptr())),
    ]
}

/// Returns integers as numbers.
#[inline(always)]
fn halves(x: __m256i) -> Doubles {
    let high = intrinsic!(_mm256_extracti128_si256::<1>(x));
    [
        intrinsic!(_mm256_cvtepi32_pd(_mm256_castsi256_si128(x))),
        intrinsic!(_mm256_cvtepi32_pd(high)),
    ]
}

#[inline(always)]
fn saturate_i32(x: __m256d) -> __m256d {
    let x = intrinsic!(_mm256_min_pd(x, splat(i32::MAX.into())));
    intrinsic!(_mm256_max_pd(x, splat(i32::MIN.into())))
}

/// Returns `saturate(round(sum / 2^15))`.
#[inline(always)]
fn rounded_sum(mut sum: Doubles) -> __m256i {
    for sum in &mut sum {
        let exact = intrinsic!(_mm256_fmadd_pd(*sum, splat(1.0 / 32768.0), splat(0.5)));
        *sum = saturate_i32(intrinsic!(_mm256_floor_pd(exact)));
    }
    let [a, b] = sum.map(|sum| intrinsic!(_mm256_cvtpd_epi32(sum)));
    intrinsic!(_mm256_set_m128i(b, a))
}

/// As `crate::num::fixed::decay`: below 2^31 (`num::lanes` tests it).
#[inline(always)]
fn decay(s: Avx2, dt: __m256i, rate: &[u32]) -> __m256i {
    let rate = s.load(bytemuck::must_cast_slice(rate));
    let even = intrinsic!(_mm256_mul_epu32(dt, rate));
    let odd = intrinsic!(_mm256_mul_epu32(s.odd(dt), s.odd(rate)));
    let (high, low) = (s.upper(even, odd), s.lower(even, odd));
    let f = s.or(s.shl(high, s.splat(21)), s.shr(low, s.splat(11)));
    let n = s.shr(high, s.splat(10));
    let [a] = exp2_neg(s, [n], [s.and(f, s.splat(i32::MAX))]);
    a
}

/// Returns `round(a base / 2^31)` of decays.
#[inline(always)]
fn product(s: Avx2, a: __m256i, base: __m256i) -> __m256i {
    let (half, bits) = (s.splat64(1 << 30), s.splat64(31));
    let even = s.add64(s.mul_even(a, base), half);
    let odd = s.add64(s.mul_even(s.odd(a), s.odd(base)), half);
    s.lower(s.shr64(even, bits), s.shr64(odd, bits))
}

/// Takes `h` to `saturate(round(h a / 2^31) + round(drive b))` and adds its product with `c`.
#[inline(always)]
fn advance_state(
    h: &mut [u64; CHANNELS],
    a: __m256i,
    drive: Doubles,
    [b, c]: [f64; 2],
    sum: &mut Doubles,
) {
    let high = intrinsic!(_mm256_extracti128_si256::<1>(a));
    let a = [
        intrinsic!(_mm256_cvtepu32_epi64(_mm256_castsi256_si128(a))),
        intrinsic!(_mm256_cvtepu32_epi64(high)),
    ];
    for (k, h) in h.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let kept = intrinsic!(_mm256_loadu_si256(h.as_ptr().cast()));
        let kept = intrinsic!(_mm256_mul_epi32(kept, a[k]));
        // Half of the unit, and 2^31 units so that it is positive and fits the shift.
        let offset = intrinsic!(_mm256_set1_epi64x((1 << 30) + (1 << 62)));
        let kept = intrinsic!(_mm256_srli_epi64::<31>(_mm256_add_epi64(kept, offset)));
        let exponent = intrinsic!(_mm256_castpd_si256(splat(TWO_52)));
        let kept = intrinsic!(_mm256_castsi256_pd(_mm256_or_si256(kept, exponent)));
        let kept = intrinsic!(_mm256_sub_pd(kept, splat(TWO_52 + TWO_31)));
        let driven = intrinsic!(_mm256_fmadd_pd(drive[k], splat(b), splat(0.5)));
        let driven = intrinsic!(_mm256_floor_pd(driven));
        let next = saturate_i32(intrinsic!(_mm256_add_pd(kept, driven)));
        sum[k] = intrinsic!(_mm256_fmadd_pd(next, splat(c), sum[k]));
        let bits = intrinsic!(_mm256_add_pd(next, splat(INTEGER)));
        intrinsic!(_mm256_storeu_pd(h.as_mut_ptr().cast(), bits));
    }
}

entry!(
    Avx2,
    "avx2,fma",
    fn run_i16(
        params: &FixedParams<'_>,
        tokens: &Tokens<'_, Fixed<i16>>,
        state: &mut [i32],
        scratch: &mut [u64],
        out: &mut [i16],
    ) = run
);

entry!(
    Avx2,
    "avx2,fma",
    fn run_i8(
        params: &FixedParams<'_>,
        tokens: &Tokens<'_, Fixed<i8>>,
        state: &mut [i32],
        scratch: &mut [u64],
        out: &mut [i16],
    ) = run
);

/// Returns the entry point for 16-bit inputs where this machine has AVX2.
pub(super) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Avx2::is_there().then_some(Kernel {
        scratch_words: |(_, states)| states * CHANNELS,
        run: run_i16,
    })
}

/// Returns the entry point for 8-bit inputs where this machine has AVX2.
pub(super) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Avx2::is_there().then_some(Kernel {
        scratch_words: |(_, states)| states * CHANNELS,
        run: run_i8,
    })
}
