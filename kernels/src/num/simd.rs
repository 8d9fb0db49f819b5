//! Vectors of `f32` for variants written once for several instruction sets, and the functions of
//! [`super::float`] on them.
//!
//! A value of a type that is [`Simd`] proves that the machine has the instructions. Kernels are
//! generic over it and always inlined into a function that enables them ([`entry`]).

#![expect(unsafe_code, reason = "reads and writes vectors; enables instructions")]

use super::float::{EXP_MIN, EXP_SERIES, LN_1P_HIGH, LN_1P_SERIES, LN_2_HI, LN_2_LO, ROUND_F32};

/// An instruction set; its operations are those of IEEE 754, rounded to nearest even, and keep
/// subnormals.
pub(crate) trait Simd: Copy {
    /// Numbers of a vector.
    const LANES: usize;
    /// Pixels that a matrix product takes at a time with `i + 1` vectors of outputs: as many sums
    /// as hide the latency of a fused multiply-add and fit the registers.
    const TILE: [usize; 4];
    /// Vectors of outputs that a matrix product takes at a time, at most.
    const PANEL: usize;

    /// A vector.
    type V: Copy;
    /// Some lanes, from the first on.
    type Front: Copy;
    /// `LANES` vectors.
    type Block: Copy + AsRef<[Self::V]> + AsMut<[Self::V]>;

    /// Returns `x` in every lane.
    fn splat(self, x: f32) -> Self::V;

    /// Returns the vector at `from`.
    ///
    /// # Safety
    /// `LANES` numbers can be read at `from`.
    unsafe fn read(self, from: *const f32) -> Self::V;

    /// Writes a vector to `to`.
    ///
    /// # Safety
    /// `LANES` numbers can be written at `to`.
    unsafe fn write(self, to: *mut f32, v: Self::V);

    /// Returns the first `lanes` lanes, or all of them.
    fn front(self, lanes: usize) -> Self::Front;

    /// Returns the numbers at `from` in the lanes of `front`, zero in the others.
    ///
    /// # Safety
    /// As many numbers as `front` has lanes can be read at `from`.
    unsafe fn read_front(self, from: *const f32, front: Self::Front) -> Self::V;

    /// Writes the lanes of `front` to `to`.
    ///
    /// # Safety
    /// As many numbers as `front` has lanes can be written at `to`.
    unsafe fn write_front(self, to: *mut f32, front: Self::Front, v: Self::V);

    /// Returns `a + b`.
    fn add(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a - b`.
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a * b`.
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `a / b`.
    fn div(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns the square root.
    fn sqrt(self, x: Self::V) -> Self::V;

    /// Returns `a * b + c`, rounded once.
    fn fma(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;

    /// Returns `if a > b { a } else { b }`.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;

    /// Returns `-|x|`.
    fn negative(self, x: Self::V) -> Self::V;

    /// Returns `if a < b { x } else { y }`.
    fn select_less(self, a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;

    /// Returns `x * 2^n`, rounded once, for `x` in [0.5, 2], integers `n` in [-151, 127] and
    /// `shifted = n + ROUND_F32`.
    fn scale(self, x: Self::V, n: Self::V, shifted: Self::V) -> Self::V;

    /// Returns `LANES` times the vector.
    fn block(self, v: Self::V) -> Self::Block;

    /// Exchanges rows and columns.
    fn transpose(self, rows: Self::Block) -> Self::Block;

    /// Returns the numbers at the front of `from`, zero in lanes that it does not reach.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        if from.len() >= Self::LANES {
            // SAFETY: the condition.
            unsafe { self.read(from.as_ptr()) }
        } else {
            // SAFETY: as many lanes as there are numbers.
            unsafe { self.read_front(from.as_ptr(), self.front(from.len())) }
        }
    }

    /// Writes the lanes that `to` has room for.
    #[inline(always)]
    fn store(self, to: &mut [f32], v: Self::V) {
        if to.len() >= Self::LANES {
            // SAFETY: the condition.
            unsafe { self.write(to.as_mut_ptr(), v) }
        } else {
            // SAFETY: as many lanes as there are numbers.
            unsafe { self.write_front(to.as_mut_ptr(), self.front(to.len()), v) }
        }
    }
}

/// Returns the numbers from `at` on, at most `len`, fewer where there are no more.
#[inline(always)]
pub(crate) fn part<T>(x: &[T], at: usize, len: usize) -> &[T] {
    let x = x.get(at..).unwrap_or_default();
    x.get(..len).unwrap_or(x)
}

/// As [`part`], to be written.
#[inline(always)]
pub(crate) fn part_mut<T>(x: &mut [T], at: usize, len: usize) -> &mut [T] {
    let x = x.get_mut(at..).unwrap_or_default();
    let len = len.min(x.len());
    x.get_mut(..len).unwrap_or_default()
}

/// As `super::float::exponential`, of numbers up to 88.
#[inline(always)]
pub(crate) fn exponential<S: Simd>(s: S, x: S::V) -> S::V {
    let round = s.splat(ROUND_F32);
    let x = s.max(s.splat(EXP_MIN), x);
    let shifted = s.fma(x, s.splat(core::f32::consts::LOG2_E), round);
    let n = s.sub(shifted, round);
    let r = s.fma(n, s.splat(-LN_2_HI), x);
    let r = s.fma(n, s.splat(-LN_2_LO), r);
    let [c0, c1, c2, c3, c4, c5, c6, c7] = EXP_SERIES;
    let mut sum = s.splat(c7 as f32);
    for c in [c6, c5, c4, c3, c2, c1, c0] {
        sum = s.fma(sum, r, s.splat(c as f32));
    }
    s.scale(sum, n, shifted)
}

/// As [`super::float::Real::logistic`].
#[inline(always)]
pub(crate) fn logistic<S: Simd>(s: S, x: S::V) -> S::V {
    let one = s.splat(1.0);
    let t = exponential(s, s.negative(x));
    let numerator = s.select_less(x, s.splat(0.0), t, one);
    s.div(numerator, s.add(one, t))
}

/// As [`super::float::Real::soft_plus`].
#[inline(always)]
pub(crate) fn soft_plus<S: Simd>(s: S, x: S::V) -> S::V {
    let positive = s.max(x, s.splat(0.0));
    let u = exponential(s, s.negative(x));
    s.add(positive, ln_1p(s, u))
}

/// As `super::float::ln_1p`.
#[inline(always)]
fn ln_1p<S: Simd>(s: S, u: S::V) -> S::V {
    let zero = s.splat(0.0);
    let threshold = s.splat(LN_1P_HIGH);
    let half = s.mul(s.sub(u, s.splat(1.0)), s.splat(0.5));
    let f = s.select_less(threshold, u, half, u);
    let offset = s.select_less(threshold, u, s.splat(core::f32::consts::LN_2), zero);
    let q = s.div(f, s.add(f, s.splat(2.0)));
    let z = s.mul(q, q);
    let [first, rest @ ..] = LN_1P_SERIES;
    let mut sum = s.splat(first);
    for c in rest {
        sum = s.fma(sum, z, s.splat(c));
    }
    let double = s.add(q, q);
    s.add(s.fma(s.mul(sum, z), double, double), offset)
}

/// Makes the function that runs a generic kernel with an instruction set.
///
/// `entry!(Avx2, "avx2,fma", fn name(x: &[f32]) = path::to::kernel)`: the kernel takes the proof
/// first. Only what detects the instructions may give the function away.
macro_rules! entry {
    ($isa:ty, $features:literal, fn $name:ident($($arg:ident: $type:ty),* $(,)?) = $kernel:path) => {
        #[expect(unsafe_code, reason = "enables instructions that the machine has")]
        fn $name($($arg: $type),*) {
            #[target_feature(enable = $features)]
            fn enabled($($arg: $type),*) {
                $kernel(<$isa>::enabled(), $($arg),*);
            }
            // SAFETY: the function is given away after detection only.
            unsafe { enabled($($arg),*) }
        }
    };
}
pub(crate) use entry;
