//! Vectors of channels, by the `pulp` crate: as wide as the machine's, of `f32` or of `f64`.

use std::fmt::Debug;
use std::ops::{Add, Mul, Sub};

use bytemuck::{Pod, Zeroable};
use mambalite_kernels::num::float::Real;
use pulp::Simd;

/// A number that training computes with.
pub trait Scalar: Real {
    /// A vector of an instruction set.
    type Vector<S: Simd>: Pod + Debug;

    /// Returns `x` in every lane.
    fn v_splat<S: Simd>(s: S, x: Self) -> Self::Vector<S>;
    /// Returns the numbers at the front of `from`, zero in lanes that it does not reach.
    fn v_load<S: Simd>(s: S, from: &[Self]) -> Self::Vector<S>;
    /// Writes the lanes that `to` has room for.
    fn v_store<S: Simd>(s: S, to: &mut [Self], v: Self::Vector<S>);
    /// Returns `a + b`.
    fn v_add<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Returns `a - b`.
    fn v_sub<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Returns `a * b`.
    fn v_mul<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Returns `a / b`.
    fn v_div<S: Simd>(s: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// Returns `a * b + c`, rounded once where the machine can.
    fn v_fma<S: Simd>(
        s: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Returns `e^x`, for `x` from -87 to 88; numbers beyond are taken as these.
    fn v_exp<S: Simd>(s: S, x: Self::Vector<S>) -> Self::Vector<S>;
    /// Returns the sum of the lanes.
    fn v_sum<S: Simd>(s: S, v: Self::Vector<S>) -> Self;
}

macro_rules! scalar {
    ($t:ident, $exp:ident, $lanes:ident, $v:ident, $splat:ident, $as_simd:ident, $as_mut_simd:ident, $load:ident,
        $store:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident, $sum:ident) => {
        impl Scalar for $t {
            type Vector<S: Simd> = S::$v;

            #[inline(always)]
            fn v_splat<S: Simd>(s: S, x: Self) -> S::$v {
                s.$splat(x)
            }

            #[inline(always)]
            fn v_load<S: Simd>(s: S, from: &[Self]) -> S::$v {
                match from.get(..S::$lanes) {
                    Some(all) => S::$as_simd(all).0[0],
                    None => s.$load(from),
                }
            }

            #[inline(always)]
            fn v_store<S: Simd>(s: S, to: &mut [Self], v: S::$v) {
                match to.get_mut(..S::$lanes) {
                    Some(all) => S::$as_mut_simd(all).0[0] = v,
                    None => s.$store(to, v),
                }
            }

            #[inline(always)]
            fn v_add<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$add(a, b)
            }

            #[inline(always)]
            fn v_sub<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$sub(a, b)
            }

            #[inline(always)]
            fn v_mul<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$mul(a, b)
            }

            #[inline(always)]
            fn v_div<S: Simd>(s: S, a: S::$v, b: S::$v) -> S::$v {
                s.$div(a, b)
            }

            #[inline(always)]
            fn v_fma<S: Simd>(s: S, a: S::$v, b: S::$v, c: S::$v) -> S::$v {
                s.$fma(a, b, c)
            }

            #[inline(always)]
            fn v_exp<S: Simd>(s: S, x: S::$v) -> S::$v {
                $exp(s, x)
            }

            #[inline(always)]
            fn v_sum<S: Simd>(s: S, v: S::$v) -> Self {
                s.$sum(v)
            }
        }
    };
}
scalar!(
    f32,
    exp_f32,
    F32_LANES,
    f32s,
    splat_f32s,
    as_simd_f32s,
    as_mut_simd_f32s,
    partial_load_f32s,
    partial_store_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s
);
scalar!(
    f64,
    exp_f64,
    F64_LANES,
    f64s,
    splat_f64s,
    as_simd_f64s,
    as_mut_simd_f64s,
    partial_load_f64s,
    partial_store_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s
);

/// `n = round(x / ln 2)`, `r = x - n ln 2` in two steps, Taylor's series of degree 7, and `2^n` by
/// its exponent bits.
#[inline(always)]
fn exp_f32<S: Simd>(s: S, x: S::f32s) -> S::f32s {
    /// 1.5 * 2^23: adding it leaves the rounded integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; products of the first with small integers are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = (std::f64::consts::LN_2 - LN_2_HIGH as f64) as f32;
    const SERIES: [f32; 6] = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0];
    let splat = |x| s.splat_f32s(x);
    let x = s.max_f32s(s.min_f32s(x, splat(88.0)), splat(-87.0));
    let shifted = s.mul_add_e_f32s(x, splat(std::f32::consts::LOG2_E), splat(ROUND));
    let n = s.sub_f32s(shifted, splat(ROUND));
    let r = s.mul_add_e_f32s(n, splat(-LN_2_HIGH), x);
    let r = s.mul_add_e_f32s(n, splat(-LN_2_LOW), r);
    let mut sum = splat(1.0 / 5040.0);
    for c in SERIES {
        sum = s.mul_add_e_f32s(sum, r, splat(c));
    }
    sum = s.mul_add_e_f32s(sum, r, splat(1.0));
    // The bits of `shifted` are those of ROUND plus `n`: its exponent field takes `n + 127`.
    let offset = s.splat_u32s(127u32.wrapping_sub(ROUND.to_bits()));
    let exponent = s.wrapping_dyn_shl_u32s(
        s.add_u32s(s.transmute_u32s_f32s(shifted), offset),
        s.splat_u32s(23),
    );
    s.mul_f32s(sum, s.transmute_f32s_u32s(exponent))
}

/// A lane after the other: `f64` serves tests only.
#[inline(always)]
fn exp_f64<S: Simd>(s: S, x: S::f64s) -> S::f64s {
    let mut lanes = [0.0; 8];
    let lanes = &mut lanes[..S::F64_LANES];
    <f64 as Scalar>::v_store(s, lanes, x);
    lanes.iter_mut().for_each(|x| *x = libm::exp(*x));
    <f64 as Scalar>::v_load(s, lanes)
}

/// The same operation on neighbouring channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes<T: Scalar, S: Simd> {
    v: T::Vector<S>,
    s: S,
}

/// Returns the numbers of a vector.
#[inline(always)]
pub(super) const fn lanes<T: Scalar, S: Simd>() -> usize {
    size_of::<T::Vector<S>>() / size_of::<T>()
}

impl<T: Scalar, S: Simd> Lanes<T, S> {
    /// Returns `x` in every lane.
    #[inline(always)]
    pub(super) fn splat(s: S, x: T) -> Self {
        Self {
            v: T::v_splat(s, x),
            s,
        }
    }

    /// Returns zeros.
    #[inline(always)]
    pub(super) fn zero(s: S) -> Self {
        Self::splat(s, T::zero())
    }

    /// Takes a vector from memory that holds vectors.
    #[inline(always)]
    pub(super) fn of(s: S, v: T::Vector<S>) -> Self {
        Self { v, s }
    }

    /// Returns the vector for memory that holds vectors.
    #[inline(always)]
    pub(super) fn vector(self) -> T::Vector<S> {
        self.v
    }

    /// Returns channels `at..` of a pixel, zero in lanes past the last.
    #[inline(always)]
    pub(super) fn load(s: S, pixel: &[T], at: usize) -> Self {
        Self::of(s, T::v_load(s, &pixel[at..]))
    }

    /// Writes channels `at..` of a pixel, as far as there are.
    #[inline(always)]
    pub(super) fn store(self, pixel: &mut [T], at: usize) {
        T::v_store(self.s, &mut pixel[at..], self.v);
    }

    /// Adds to channels `at..` of a pixel.
    #[inline(always)]
    pub(super) fn add_to(self, pixel: &mut [T], at: usize) {
        (Self::load(self.s, pixel, at) + self).store(pixel, at);
    }

    /// Returns `self * a + b`.
    #[inline(always)]
    pub(super) fn fma(self, a: Self, b: Self) -> Self {
        Self::of(self.s, T::v_fma(self.s, self.v, a.v, b.v))
    }

    /// Returns `e^self`.
    #[inline(always)]
    pub(super) fn exp(self) -> Self {
        Self::of(self.s, T::v_exp(self.s, self.v))
    }

    /// Returns `1 / (1 + e^-self)`.
    #[inline(always)]
    pub(super) fn logistic(self) -> Self {
        let one = Self::splat(self.s, T::one());
        let t = (Self::zero(self.s) - self).exp();
        Self::of(self.s, T::v_div(self.s, one.v, (one + t).v))
    }

    /// Returns the sum of the lanes.
    #[inline(always)]
    pub(super) fn sum(self) -> T {
        T::v_sum(self.s, self.v)
    }
}

impl<T: Scalar, S: Simd> Add for Lanes<T, S> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self::of(self.s, T::v_add(self.s, self.v, other.v))
    }
}

impl<T: Scalar, S: Simd> Sub for Lanes<T, S> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self::of(self.s, T::v_sub(self.s, self.v, other.v))
    }
}

impl<T: Scalar, S: Simd> Mul for Lanes<T, S> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self::of(self.s, T::v_mul(self.s, self.v, other.v))
    }
}

/// Memory for vectors of any instruction set: a line of the cache.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Memory for vectors, kept from one run to the next.
#[derive(Debug, Default)]
pub(super) struct Memory(Vec<Line>);

impl Memory {
    /// Returns `len` vectors of any content.
    #[inline(always)]
    pub(super) fn vectors<T: Scalar, S: Simd>(&mut self, len: usize) -> &mut [T::Vector<S>] {
        let lines = (len * size_of::<T::Vector<S>>()).div_ceil(size_of::<Line>());
        if self.0.len() < lines {
            self.0.resize(lines, Line::zeroed());
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..len]
    }
}
