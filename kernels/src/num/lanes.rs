//! Vectors of 32-bit integers for variants written once for several instruction sets, and the
//! functions of [`super::fixed`] on them.
//!
//! A value of a type that is [`Lanes`] proves that the machine has the instructions. Kernels are
//! generic over it and always inlined into a function that enables them ([`super::simd::entry`]).

#![expect(unsafe_code, reason = "a vector is read through a pointer")]

use super::fixed::{EXP2, LN, LOG2_E_Q14, LOG2_E_Q30};
use super::simd::{part, part_mut};
use crate::arith::FixedInput;

/// An instruction set. Additions and products wrap.
///
/// A vector is also one of 64-bit integers: an even lane and the odd one after it.
pub(crate) trait Lanes: Copy {
    /// Integers of a vector, at most [`LANES_MAX`].
    const LANES: usize;
    /// Vectors that the functions below take at a time, 1 or 2: as many chains of instructions as
    /// the registers hold.
    const TOGETHER: usize;

    /// A vector.
    type V: Copy;

    /// Returns `x` in every lane.
    fn splat(self, x: i32) -> Self::V;

    /// Returns `x` in every 64-bit lane.
    fn splat64(self, x: i64) -> Self::V;

    /// Returns the integers at the front of `from`, zero in lanes that it does not reach.
    fn load(self, from: &[i32]) -> Self::V;

    /// As [`Lanes::load`].
    fn load16(self, from: &[i16]) -> Self::V;

    /// As [`Lanes::load`].
    fn load8(self, from: &[i8]) -> Self::V;

    /// Writes the lanes that `to` has room for.
    fn store(self, to: &mut [i32], v: Self::V);

    /// Writes the lanes that `to` has room for, clamped to `i16`.
    fn store16(self, to: &mut [i16], v: Self::V);

    /// Writes the lanes that `to` has room for, clamped to `i8`.
    fn store8(self, to: &mut [i8], v: Self::V);

    /// Returns `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the low halves of `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the smaller of each.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the larger of each.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `|x|`.
    fn abs(self, x: Self::V) -> Self::V;

    /// Returns `a & b`.
    fn and(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a | b`.
    fn or(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a ^ b`.
    fn xor(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `x << bits`; 0 from 32 bits on.
    fn shl(self, x: Self::V, bits: Self::V) -> Self::V;

    /// Returns `x >> bits`, unsigned; 0 from 32 bits on.
    fn shr(self, x: Self::V, bits: Self::V) -> Self::V;

    /// Returns `x >> bits`, signed.
    fn sar(self, x: Self::V, bits: Self::V) -> Self::V;

    /// Returns -1 where `a < b`, 0 elsewhere.
    fn less(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the sum of the products of each lane's two 16-bit halves.
    fn mul_pairs(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the 64-bit products of even lanes.
    fn mul_even(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns odd lanes in the place of the even ones before, 0 in odd lanes.
    fn odd(self, x: Self::V) -> Self::V;

    /// Returns the upper halves of 64-bit integers as even and odd lanes.
    fn upper(self, even: Self::V, odd: Self::V) -> Self::V;

    /// Returns the lower halves of 64-bit integers as even and odd lanes.
    fn lower(self, even: Self::V, odd: Self::V) -> Self::V;

    /// Returns `a + b` of 64-bit integers.
    fn add64(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `x >> bits` of 64-bit integers, unsigned.
    fn shr64(self, x: Self::V, bits: Self::V) -> Self::V;

    /// Returns `round(2^30 / d)` or one less, for `d` in `[2^15, 2^16]`: single precision, to be
    /// corrected.
    fn reciprocal_30(self, d: Self::V) -> Self::V;
}

/// Sums of products of groups of narrow integers.
pub(crate) trait Products: Lanes {
    /// Whether there is [`Products::dot_quads`].
    const QUADS: bool;
    /// Vectors of outputs that a matrix product takes at a time, at most.
    const PANEL: usize;
    /// Pixels that it takes at a time.
    const PIXELS: usize;

    /// Returns the vector at `from`.
    ///
    /// # Safety
    /// `LANES` integers can be read at `from`.
    unsafe fn read(self, from: *const i32) -> Self::V;

    /// Returns `acc` plus the sum of the products of each lane's two signed halves.
    fn dot_pairs(self, acc: Self::V, x: Self::V, w: Self::V) -> Self::V;

    /// Returns `acc` plus the sum of the products of each lane's four bytes, unsigned in `x` and
    /// signed in `w`; anything where there is no such instruction.
    fn dot_quads(self, acc: Self::V, x: Self::V, w: Self::V) -> Self::V;
}

/// Largest number of lanes.
pub(crate) const LANES_MAX: usize = 16;

/// Inputs of matrix products, as vectors write them.
pub(crate) trait StoreInput: FixedInput {
    /// As [`FixedInput::saturate`], of the lanes that `to` has room for.
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V);
}

impl StoreInput for i16 {
    #[inline(always)]
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V) {
        s.store16(to, s.max(v, s.splat(-32767)));
    }
}

impl StoreInput for i8 {
    #[inline(always)]
    fn store<S: Lanes>(s: S, to: &mut [Self], v: S::V) {
        s.store8(to, s.max(v, s.splat(-127)));
    }
}

/// Clamps to an activation.
#[inline(always)]
pub(crate) fn saturate_i16<S: Lanes>(s: S, x: S::V) -> S::V {
    s.min(s.max(x, s.splat(-32767)), s.splat(32767))
}

/// As [`super::fixed::mulhi`].
#[inline(always)]
pub(crate) fn mulhi<S: Lanes>(s: S, a: S::V, b: S::V) -> S::V {
    s.upper(s.mul_even(a, b), s.mul_even(s.odd(a), s.odd(b)))
}

/// Scales of outputs, for [`super::fixed::requantise`].
#[derive(Clone, Copy)]
pub(crate) struct Scale<S: Lanes> {
    multiplier: S::V,
    multiplier_odd: S::V,
    half: S::V,
    shift: S::V,
}

impl<S: Lanes> Scale<S> {
    /// Takes multipliers and shifts, a lane each.
    #[inline(always)]
    pub(crate) fn new(s: S, multiplier: S::V, shift: S::V) -> Self {
        let one = s.splat(1);
        Self {
            multiplier,
            multiplier_odd: s.odd(multiplier),
            // Lanes past the last output have shift 0: any number does.
            half: s.shl(one, s.sub(shift, one)),
            shift,
        }
    }

    /// Takes one multiplier and shift.
    #[inline(always)]
    pub(crate) fn splat(s: S, multiplier: i32, shift: u8) -> Self {
        Self::new(s, s.splat(multiplier), s.splat(shift.into()))
    }

    /// As [`super::fixed::requantise`].
    #[inline(always)]
    pub(crate) fn requantise(&self, s: S, acc: S::V) -> S::V {
        let even = s.mul_even(acc, self.multiplier);
        let odd = s.mul_even(s.odd(acc), self.multiplier_odd);
        s.sar(s.add(s.upper(even, odd), self.half), self.shift)
    }
}

/// Loads shifts, zero in lanes that `from` does not reach.
#[inline(always)]
pub(crate) fn load_shifts<S: Lanes>(s: S, from: &[u8]) -> S::V {
    let mut shifts = [0; LANES_MAX];
    for (to, &shift) in shifts.iter_mut().zip(from) {
        *to = shift.into();
    }
    s.load(&shifts)
}

/// As [`super::fixed::exp2_neg`].
///
/// Without its clamp to 2^31: the sum is below 2^31 - 100 (tested where it is largest), so that
/// it fits a signed lane. Here and below, `K` vectors go step by step together, so that the chains
/// of instructions of each hide the others' latency.
#[inline(always)]
pub(crate) fn exp2_neg<S: Lanes, const K: usize>(s: S, n: [S::V; K], f: [S::V; K]) -> [S::V; K] {
    let (mut x, mut x_odd) = (f, f);
    for k in 0..K {
        x[k] = s.xor(s.add(f[k], f[k]), s.splat(i32::MIN));
        x_odd[k] = s.odd(x[k]);
    }
    let [c0, c1, c2, c3, c4, c5, c6] = EXP2;
    let (mut even, mut odd) = ([s.splat(c6); K], [s.splat(c6); K]);
    for c in [c5, c4, c3, c2, c1] {
        let c = s.splat(c);
        for k in 0..K {
            even[k] = s.add(s.odd(s.mul_even(even[k], x[k])), c);
            odd[k] = s.add(s.odd(s.mul_even(odd[k], x_odd[k])), c);
        }
    }
    for k in 0..K {
        let product = s.upper(s.mul_even(even[k], x[k]), s.mul_even(odd[k], x_odd[k]));
        x[k] = s.shr(s.add(product, s.splat(c0)), n[k]);
    }
    x
}

/// As [`super::fixed::logistic`] for one number of fraction bits.
#[derive(Clone, Copy)]
pub(crate) struct Logistic<S: Lanes> {
    point: S::V,
    to_q31: S::V,
}

impl<S: Lanes> Logistic<S> {
    /// Takes the fraction bits of the inputs.
    #[inline(always)]
    pub(crate) fn new(s: S, fraction: u8) -> Self {
        let point = i32::from(fraction) + 14;
        Self {
            point: s.splat(point),
            to_q31: s.splat(31 - point),
        }
    }

    /// As [`super::fixed::logistic`], for `x` in the range of `i16`.
    #[inline(always)]
    pub(crate) fn of<const K: usize>(&self, s: S, x: [S::V; K]) -> [S::V; K] {
        let (mut n, mut f) = (x, x);
        for k in 0..K {
            let product = s.mul(s.abs(x[k]), s.splat(LOG2_E_Q14));
            n[k] = s.shr(product, self.point);
            // 30 bits with the point at 29 at most: no bit of the fraction is lost.
            f[k] = s.and(s.shl(product, self.to_q31), s.splat(i32::MAX));
        }
        let t = exp2_neg(s, n, f);
        let half = s.splat(1 << 15);
        let mut d = t;
        for k in 0..K {
            d[k] = s.add(half, s.shr(s.add(t[k], half), s.splat(16)));
        }
        let mut out = reciprocal(s, d);
        for k in 0..K {
            // `out` or `2^15 - out`: two's complement through the sign of x.
            let negative = s.less(x[k], s.splat(0));
            let offset = s.and(negative, s.splat((1 << 15) + 1));
            out[k] = s.add(s.xor(out[k], negative), offset);
        }
        out
    }
}

/// Returns `(2^30 + d / 2) / d` for `d` in `[2^15, 2^16]`.
#[inline(always)]
fn reciprocal<S: Lanes, const K: usize>(s: S, d: [S::V; K]) -> [S::V; K] {
    let mut q = d;
    for k in 0..K {
        q[k] = s.reciprocal_30(d[k]);
    }
    for k in 0..K {
        let numerator = s.add(s.splat(1 << 30), s.shr(d[k], s.splat(1)));
        let rest = s.sub(numerator, s.mul(q[k], d[k]));
        // One more where the rest is not less than d.
        q[k] = s.add(s.add(q[k], s.splat(1)), s.less(rest, d[k]));
    }
    q
}

/// As [`super::fixed::soft_plus`].
#[inline(always)]
pub(crate) fn soft_plus<S: Lanes, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let (mut positive, mut n, mut f) = (x, x, x);
    for k in 0..K {
        let x = s.min(s.max(x[k], s.splat(-(16 << 12))), s.splat(64 << 12));
        positive[k] = s.shl(s.max(x, s.splat(0)), s.splat(12));
        let (a, log2_e) = (s.abs(x), s.splat(LOG2_E_Q30 as i32));
        // Both halves of the product: Q.42.
        let (high, low) = (mulhi(s, a, log2_e), s.mul(a, log2_e));
        n[k] = s.shr(high, s.splat(10));
        let fraction = s.or(s.shl(high, s.splat(21)), s.shr(low, s.splat(11)));
        f[k] = s.and(fraction, s.splat(i32::MAX));
    }
    let mut e = exp2_neg(s, n, f);
    for e in &mut e {
        // As `fixed::ln_1p(e >> 1)` takes it: below 1.
        *e = s.and(*e, s.splat(!1));
    }
    let mut out = ln_1p_q31(s, e);
    for k in 0..K {
        out[k] = s.add(positive[k], s.shr(out[k], s.splat(6)));
    }
    out
}

/// As `super::fixed::ln_1p`, of even numbers in Q0.31 below 1.
#[inline(always)]
fn ln_1p_q31<S: Lanes, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let mut x_odd = x;
    for k in 0..K {
        x_odd[k] = s.odd(x[k]);
    }
    let [rest @ .., c8] = LN;
    let (mut even, mut odd) = ([s.splat(c8); K], [s.splat(c8); K]);
    for &c in rest.iter().rev() {
        let c = s.splat(c);
        for k in 0..K {
            let high = s.odd(s.mul_even(even[k], x[k]));
            even[k] = s.add(s.add(high, high), c);
            let high = s.odd(s.mul_even(odd[k], x_odd[k]));
            odd[k] = s.add(s.add(high, high), c);
        }
    }
    let mut out = x;
    for k in 0..K {
        let even = s.mul_even(even[k], x[k]);
        let odd = s.mul_even(odd[k], x_odd[k]);
        let (high, low) = (s.upper(even, odd), s.lower(even, odd));
        out[k] = s.or(s.add(high, high), s.shr(low, s.splat(31)));
    }
    out
}

/// Returns vector `k` of numbers.
#[inline(always)]
pub(crate) fn vector<S: Lanes, T>(x: &[T], k: usize) -> &[T] {
    part(x, k * S::LANES, S::LANES)
}

/// As [`vector`], to be written.
#[inline(always)]
pub(crate) fn vector_mut<S: Lanes, T>(x: &mut [T], k: usize) -> &mut [T] {
    part_mut(x, k * S::LANES, S::LANES)
}

/// Makes the functions that run a generic kernel with each instruction set, as
/// [`super::simd::entry`] does: `entries!(avx2_name, avx512_name(x: &[i16]) = path::to::kernel)`.
macro_rules! entries {
    ($avx2:ident, $avx512:ident($($arg:ident: $type:ty),* $(,)?) = $kernel:path) => {
        crate::num::simd::entry!(
            crate::num::fixed_avx2::Avx2,
            "avx2,fma",
            fn $avx2($($arg: $type),*) = $kernel
        );
        crate::num::simd::entry!(
            crate::num::fixed_avx512::Avx512,
            "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni",
            fn $avx512($($arg: $type),*) = $kernel
        );
    };
}
pub(crate) use entries;

#[cfg(test)]
mod tests {
    use super::super::{fixed, fixed_avx2, fixed_avx512};
    use super::*;
    use std::vec::Vec;

    /// Runs a test with each instruction set that the machine has.
    macro_rules! with_each {
        ($test:path) => {
            if fixed_avx2::Avx2::is_there() {
                $test(fixed_avx2::Avx2::for_test());
            }
            if fixed_avx512::Avx512::is_there() {
                $test(fixed_avx512::Avx512::for_test());
            }
        };
    }

    fn compare<S: Lanes>(
        s: S,
        x: &[i32],
        of: impl Fn(S::V) -> S::V,
        expected: impl Fn(i32) -> i32,
    ) {
        let mut out = [0; LANES_MAX];
        for x in x.chunks(S::LANES) {
            s.store(&mut out, of(s.load(x)));
            for (&x, &out) in x.iter().zip(&out) {
                assert_eq!(out, expected(x), "{x}");
            }
        }
    }

    #[test]
    fn exp2_neg_needs_no_clamp() {
        // Where 2^-f is more than 2^-20 below 1, the error bound of 512 (tested) is enough.
        for f in 0..4096 {
            assert!(fixed::exp2_neg(0, f) < (1 << 31) - 100, "{f}");
        }
    }

    #[test]
    fn reciprocal_is_exact_for_every_denominator() {
        fn test<S: Lanes>(s: S) {
            let all: Vec<i32> = (1 << 15..=1 << 16).collect();
            compare(
                s,
                &all,
                |d| reciprocal(s, [d])[0],
                |d| ((1 << 30) + d / 2) / d,
            );
        }
        with_each!(test);
    }

    #[test]
    fn logistic_is_exact_on_all_inputs() {
        fn test<S: Lanes>(s: S) {
            let all: Vec<i32> = (-32768..=32767).collect();
            for fraction in 0..=15 {
                let logistic = Logistic::new(s, fraction);
                let expected = |x| fixed::logistic(x as i16, fraction);
                compare(s, &all, |x| logistic.of(s, [x])[0], expected);
            }
        }
        with_each!(test);
    }

    #[test]
    fn soft_plus_is_exact_on_all_inputs() {
        fn test<S: Lanes>(s: S) {
            let all: Vec<i32> = (-66_000..=263_000).chain([i32::MIN, i32::MAX]).collect();
            compare(s, &all, |x| soft_plus(s, [x])[0], fixed::soft_plus);
        }
        with_each!(test);
    }
}
