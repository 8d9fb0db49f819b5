//! The selective scan in fixed point with AVX-512, on integers in `f64`.
//!
//! One rounding towards minus infinity of a fused multiply-add does what takes a multiplication, a
//! shift and an addition of integers of 64 bits; every other operation is exact. States are at most
//! 2^31 in magnitude, B and C at most 2^15, so that the products of up to 64 states add up to 2^52
//! at most.

use core::arch::x86_64::__m512d;

use super::{FixedParams, Kernel, Tokens};
use crate::arith::{Fixed, FixedInput};
use crate::config::Decay;
use crate::num::double_avx512::DOUBLES;
use crate::num::fixed::EXP2;
use crate::num::fixed_avx512::Avx512;
use crate::num::simd::{entry, part, part_mut};

/// Pixels that are taken at a time.
const PIXELS: usize = 16;
/// Vectors of channels that go together, to hide the latency of each one's instructions.
const K: usize = 4;
/// What they hold.
type Vectors = [[f64; DOUBLES]; K];
/// States whose sum is exact.
const STATES_MAX: usize = 64;
/// States are kept times this.
const UNIT: f64 = 1.0 / (1 << 30) as f64;
/// 1.5 * 2^52: a sum of it and an integer below 2^51 is an integer.
const INTEGER: f64 = 6_755_399_441_055_744.0;
const TWO_52: f64 = 4_503_599_627_370_496.0;
/// Added to twice a product that fits 33 bits.
const DOUBLED: f64 = TWO_52 + (1u64 << 34) as f64;
/// Added to an integer of 47 bits, leaving room for half of [`DOUBLED`] below 2^53.
const HALVED: f64 = TWO_52 + (1u64 << 48) as f64;
/// What is added to an integer that comes from both.
const BOTH: f64 = HALVED + DOUBLED / 2.0;
/// Added to the exponent of a decay, which leaves 31 bits for the fraction.
const EXPONENT: f64 = (1 << 21) as f64;

/// Inputs of a scan.
trait Input: FixedInput {
    /// Returns the integers at the front of `from`, zero in lanes that it does not reach.
    fn doubles(s: Avx512, from: &[Self]) -> __m512d;
}

impl Input for i16 {
    #[inline(always)]
    fn doubles(s: Avx512, from: &[Self]) -> __m512d {
        s.doubles_of_i16(from)
    }
}

impl Input for i8 {
    #[inline(always)]
    fn doubles(s: Avx512, from: &[Self]) -> __m512d {
        s.doubles_of_i8(from)
    }
}

/// Returns the words of scratch: states and rates of some vectors, which begin a cache line, B and C
/// of some pixels.
fn scratch_words((_, states): (usize, usize)) -> usize {
    2 * states * (PIXELS + K * DOUBLES) + DOUBLES
}

/// As `super::reference::fixed`.
#[inline(always)]
fn run<I: Input>(
    s: Avx512,
    params: &FixedParams<'_>,
    tokens: &Tokens<'_, Fixed<I>>,
    state: &mut [i32],
    scratch: &mut [u64],
    out: &mut [i16],
) {
    let inner = params.skip.len().max(1);
    let states = tokens.b.len().min(tokens.c.len());
    let pixels = out.len() / inner;
    let scratch = scratch.get_mut(..scratch_words((inner, states)));
    let (Some(scratch), 1..=STATES_MAX) = (scratch, states) else {
        return (super::reference::fixed_kernel().run)(params, tokens, state, &mut [], out);
    };
    if !tokens.b.holds(pixels) || !tokens.c.holds(pixels) {
        return;
    }
    let scratch: &mut [f64] = bytemuck::must_cast_slice_mut(scratch);
    let place = scratch.as_ptr().align_offset(64).min(DOUBLES);
    let (vectors, weights) = scratch
        .split_at_mut(place)
        .1
        .split_at_mut(2 * states * K * DOUBLES);
    let (vectors, _) = vectors.as_chunks_mut::<DOUBLES>();
    let (vectors, _) = vectors.as_chunks_mut::<K>();
    let (kept, rates) = vectors.split_at_mut(states);
    for first in (0..pixels).step_by(PIXELS) {
        let weights = weights.as_chunks_mut().0;
        for (i, weights) in weights
            .chunks_exact_mut(states)
            .enumerate()
            .take(pixels - first)
        {
            let rows = tokens.b.row(first + i).iter().zip(tokens.c.row(first + i));
            for (weight, (&b, &c)) in weights.iter_mut().zip(rows) {
                *weight = [f64::from(b), f64::from(c)];
            }
        }
        for e in (0..inner).step_by(K * DOUBLES) {
            let mut channels = Channels {
                params,
                tokens,
                inner,
                e,
                states,
                kept,
                rates,
                weights,
            };
            let pixels = first..pixels.min(first + PIXELS);
            channels.load(s, state);
            match params.decay {
                Decay::Full => channels.advance::<false>(s, pixels, out),
                Decay::Tied => channels.advance::<true>(s, pixels, out),
            }
            channels.store(s, state);
        }
    }
}

/// Vectors of channels over some pixels.
struct Channels<'a, I: Input> {
    params: &'a FixedParams<'a>,
    tokens: &'a Tokens<'a, Fixed<I>>,
    inner: usize,
    /// The first channel.
    e: usize,
    states: usize,
    /// States, in [`UNIT`].
    kept: &'a mut [Vectors],
    /// Rates times 2^-42.
    rates: &'a mut [Vectors],
    /// B and C of each pixel and state.
    weights: &'a [[f64; 2]],
}

impl<I: Input> Channels<'_, I> {
    /// Returns the part of a row of channels that belongs to vector `k`.
    #[inline(always)]
    fn of<'x, T>(&self, x: &'x [T], row: usize, k: usize) -> &'x [T] {
        let (at, lanes) = self.place(k);
        part(x, row * self.inner + at, lanes)
    }

    /// As [`Self::of`], to be written.
    #[inline(always)]
    fn of_mut<'x, T>(&self, x: &'x mut [T], row: usize, k: usize) -> &'x mut [T] {
        let (at, lanes) = self.place(k);
        part_mut(x, row * self.inner + at, lanes)
    }

    /// Returns the first channel of vector `k` and the number of its channels.
    #[inline(always)]
    fn place(&self, k: usize) -> (usize, usize) {
        let at = self.e + k * DOUBLES;
        (at, DOUBLES.min(self.inner.saturating_sub(at)))
    }

    #[inline(always)]
    fn load(&mut self, s: Avx512, state: &[i32]) {
        for n in 0..self.states {
            for k in 0..K {
                let h = s.times(s.doubles_of_i32(self.of(state, n, k)), s.double(UNIT));
                let rate = s.doubles_of_u32(self.of(self.params.rate, n, k));
                let rate = s.times(rate, s.double(1.0 / (1u64 << 42) as f64));
                if let (Some(to_h), Some(to_rate)) = (self.kept.get_mut(n), self.rates.get_mut(n)) {
                    s.store_doubles(&mut to_h[k], h);
                    s.store_doubles(&mut to_rate[k], rate);
                }
            }
        }
    }

    #[inline(always)]
    fn store(&mut self, s: Avx512, state: &mut [i32]) {
        for (n, h) in self.kept.iter().enumerate() {
            for (k, h) in h.iter().enumerate() {
                let h = s.times(s.doubles(h), s.double(1.0 / UNIT));
                s.store_as_i32(self.of_mut(state, n, k), h);
            }
        }
    }

    #[inline(always)]
    fn advance<const TIED: bool>(
        &mut self,
        s: Avx512,
        pixels: core::ops::Range<usize>,
        out: &mut [i16],
    ) {
        let zero = [s.double(0.0); K];
        let scale = Output::new(s, self);
        let mut to_state = zero;
        for (k, to_state) in to_state.iter_mut().enumerate() {
            let powers = self.powers(self.params.state_shift, k);
            *to_state = s.times(s.doubles(&powers), s.double(UNIT));
        }
        let rows = self.weights.chunks_exact(self.states);
        for (i, weights) in pixels.zip(rows) {
            let (mut u, mut dt, mut drive) = (zero, zero, zero);
            for k in 0..K {
                u[k] = I::doubles(s, self.of(self.tokens.u, i, k));
                dt[k] = s.doubles_of_i32(self.of(self.tokens.dt, i, k));
                let step = s.times(dt[k], s.double(2.0 / f64::from(1 << I::BITS)));
                let exact = floor(s, s.fma(step, u[k], s.double(0.5)));
                drive[k] = s.times(saturate_i32(s, exact), to_state[k]);
            }
            let (mut sum, mut a, mut base) = (zero, zero, zero);
            let states = self.kept.iter_mut().zip(&*self.rates).zip(weights);
            for (n, ((h, rate), &[b, c])) in states.enumerate() {
                if TIED && n > 0 {
                    a = product(s, a, base);
                } else {
                    a = decay(s, dt, rate);
                    for k in 0..K {
                        base[k] = s.times(a[k], s.double(UNIT));
                    }
                }
                advance_state(s, h, a, drive, s.double(b));
                for k in 0..K {
                    sum[k] = s.fma(s.doubles(&h[k]), s.double(c), sum[k]);
                }
            }
            for k in 0..K {
                let y = scale.of::<I>(s, k, sum[k], u[k]);
                s.store_as_i16(self.of_mut(out, i, k), y);
            }
        }
    }

    /// Returns `2^-exponent` of each channel of vector `k`.
    #[inline(always)]
    fn powers(&self, exponents: &[u8], k: usize) -> [f64; DOUBLES] {
        let mut powers = [0.0; DOUBLES];
        for (power, &exponent) in powers.iter_mut().zip(self.of(exponents, 0, k)) {
            *power = f64::from_bits((1023 - u64::from(exponent)) << 52);
        }
        powers
    }
}

/// Scales of vectors of channels' outputs.
struct Output {
    multiplier: [__m512d; K],
    skip: [__m512d; K],
    power: [__m512d; K],
}

impl Output {
    #[inline(always)]
    fn new<I: Input>(s: Avx512, channels: &Channels<'_, I>) -> Self {
        let params = channels.params;
        let zero = [s.double(0.0); K];
        let (mut multiplier, mut skip, mut power) = (zero, zero, zero);
        for k in 0..K {
            let of = |values| s.doubles_of_i32(channels.of(values, 0, k));
            multiplier[k] = s.times(of(params.multiplier), s.double(1.0 / (1u64 << 32) as f64));
            skip[k] = s.times(of(params.skip), s.double(1.0 / f64::from(1 << I::BITS)));
            power[k] = s.doubles(&channels.powers(params.shift, k));
        }
        Self {
            multiplier,
            skip,
            power,
        }
    }

    /// Returns the outputs of vector `k`, not clamped, from the sums in [`UNIT`] and the inputs.
    #[inline(always)]
    fn of<I: Input>(&self, s: Avx512, k: usize, sum: __m512d, u: __m512d) -> __m512d {
        let half = s.double(0.5);
        let sum = floor(s, s.fma(sum, s.double(1.0 / UNIT / 32768.0), half));
        let y = s.fma_down(saturate_i32(s, sum), self.multiplier[k], s.double(INTEGER));
        let y = s.minus(s.fma_down(u, self.skip[k], y), s.double(INTEGER));
        floor(s, s.fma(y, self.power[k], half))
    }
}

/// Returns the largest integer not above `x`, of magnitude below 2^51.
#[inline(always)]
fn floor(s: Avx512, x: __m512d) -> __m512d {
    let integer = s.double(INTEGER);
    s.minus(s.add_down(x, integer), integer)
}

#[inline(always)]
fn saturate_i32(s: Avx512, x: __m512d) -> __m512d {
    s.most(
        s.least(x, s.double(i32::MAX.into())),
        s.double(i32::MIN.into()),
    )
}

/// As `crate::num::fixed::decay`, of rates times 2^-42.
#[inline(always)]
fn decay(s: Avx512, dt: [__m512d; K], rate: &Vectors) -> [__m512d; K] {
    let (mut x, mut n) = (dt, dt);
    let [c0, c1, c2, c3, c4, c5, c6] = EXP2.map(f64::from);
    for k in 0..K {
        // The exponent with 31 fraction bits, rounded down; then its whole part.
        x[k] = s.fma_down(dt[k], s.doubles(&rate[k]), s.double(EXPONENT));
        n[k] = s.add_down(x[k], s.double(TWO_52 - EXPONENT));
    }
    for k in 0..K {
        // Fraction - 1/2.
        x[k] = s.minus(x[k], s.minus(n[k], s.double(TWO_52 - EXPONENT - 0.5)));
    }
    let mut sum = [s.double(c6); K];
    for c in [c5, c4, c3, c2, c1] {
        for k in 0..K {
            sum[k] = s.fma_down(sum[k], x[k], s.double(INTEGER + c));
        }
        for sum in &mut sum {
            *sum = s.minus(*sum, s.double(INTEGER));
        }
    }
    for k in 0..K {
        // The last one stays in the lower bits. It is below 2^31 (`num::lanes` tests it).
        sum[k] = s.fma_down(sum[k], x[k], s.double(INTEGER + c0));
    }
    for k in 0..K {
        sum[k] = s.shift_low_bits(sum[k], n[k]);
    }
    sum
}

/// Returns `round(a base / 2^31)` of decays, `base` times 2^-30.
#[inline(always)]
fn product(s: Avx512, mut a: [__m512d; K], base: [__m512d; K]) -> [__m512d; K] {
    // The floor of twice the result, and half of it plus 1 rounded down.
    for k in 0..K {
        a[k] = s.fma_down(a[k], base[k], s.double(DOUBLED + 1.0));
    }
    for a in &mut a {
        *a = s.fma_down(*a, s.double(0.5), s.double(HALVED));
    }
    for a in &mut a {
        *a = s.minus(*a, s.double(BOTH));
    }
    a
}

/// Takes `h` to `saturate(round(h a / 2^31) + round(drive b))`, `h` and `drive` in [`UNIT`].
#[inline(always)]
fn advance_state(s: Avx512, h: &mut Vectors, a: [__m512d; K], drive: [__m512d; K], b: __m512d) {
    let (mut next, mut driven) = (a, drive);
    for k in 0..K {
        next[k] = s.fma_down(s.doubles(&h[k]), a[k], s.double(DOUBLED + 1.0));
        driven[k] = s.fma(drive[k], b, s.double(0.5 * UNIT));
    }
    for driven in &mut driven {
        *driven = s.add_down(*driven, s.double(HALVED * UNIT));
    }
    for k in 0..K {
        next[k] = s.fma_down(next[k], s.double(0.5 * UNIT), driven[k]);
    }
    for k in 0..K {
        next[k] = s.minus(next[k], s.double(BOTH * UNIT));
        next[k] = s.least(next[k], s.double(f64::from(i32::MAX) * UNIT));
        next[k] = s.most(next[k], s.double(f64::from(i32::MIN) * UNIT));
        s.store_doubles(&mut h[k], next[k]);
    }
}

entry!(
    Avx512,
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
    fn run_i16(
        params: &FixedParams<'_>,
        tokens: &Tokens<'_, Fixed<i16>>,
        state: &mut [i32],
        scratch: &mut [u64],
        out: &mut [i16],
    ) = run
);

entry!(
    Avx512,
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
    fn run_i8(
        params: &FixedParams<'_>,
        tokens: &Tokens<'_, Fixed<i8>>,
        state: &mut [i32],
        scratch: &mut [u64],
        out: &mut [i16],
    ) = run
);

/// Returns the entry point for 16-bit inputs where this machine has AVX-512.
pub(super) fn w8a16() -> Option<Kernel<Fixed<i16>>> {
    Avx512::is_there().then_some(Kernel {
        scratch_words,
        run: run_i16,
    })
}

/// Returns the entry point for 8-bit inputs where this machine has AVX-512.
pub(super) fn w8a8() -> Option<Kernel<Fixed<i8>>> {
    Avx512::is_there().then_some(Kernel {
        scratch_words,
        run: run_i8,
    })
}
