//! Vectors of channels, which the compiler keeps in registers.

use std::ops::{Add, Mul, Sub};

use mambalite_kernels::num::float::Real;

/// Numbers of a vector.
pub(super) const LANES: usize = 16;

/// The same operation on neighbouring channels.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(super) struct Lanes<T>([T; LANES]);

impl<T: Real> Lanes<T> {
    /// Returns `x` in every lane.
    #[inline(always)]
    pub(super) fn splat(x: T) -> Self {
        Self([x; LANES])
    }

    /// Returns zeros.
    #[inline(always)]
    pub(super) fn zero() -> Self {
        Self::splat(T::zero())
    }

    /// Returns the numbers at the front of `from`, zero in lanes that it does not reach.
    #[inline(always)]
    pub(super) fn load(from: &[T]) -> Self {
        if let Some(all) = from.first_chunk() {
            return Self(*all);
        }
        let mut out = [T::zero(); LANES];
        for (out, &x) in out.iter_mut().zip(from) {
            *out = x;
        }
        Self(out)
    }

    /// Writes the lanes that `to` has room for.
    #[inline(always)]
    pub(super) fn store(self, to: &mut [T]) {
        if let Some(all) = to.first_chunk_mut() {
            *all = self.0;
            return;
        }
        for (to, x) in to.iter_mut().zip(self.0) {
            *to = x;
        }
    }

    /// Adds to the lanes that `to` has room for.
    #[inline(always)]
    pub(super) fn add_to(self, to: &mut [T]) {
        (Self::load(to) + self).store(to);
    }

    /// Returns `f` of each number.
    #[inline(always)]
    pub(super) fn map(self, f: impl Fn(T) -> T) -> Self {
        let mut out = self.0;
        for x in &mut out {
            *x = f(*x);
        }
        Self(out)
    }

    /// Returns `f` of each pair of numbers.
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(T, T) -> T) -> Self {
        let mut out = self.0;
        for (x, y) in out.iter_mut().zip(other.0) {
            *x = f(*x, y);
        }
        Self(out)
    }

    /// Returns `self * a + b`, rounded once.
    #[inline(always)]
    pub(super) fn fma(self, a: Self, b: Self) -> Self {
        let mut out = self.0;
        for ((x, a), b) in out.iter_mut().zip(a.0).zip(b.0) {
            *x = x.fma(a, b);
        }
        Self(out)
    }

    /// Returns the sum of the lanes, by halves.
    #[inline(always)]
    pub(super) fn sum(self) -> T {
        let mut x = self.0;
        for half in [8, 4, 2, 1] {
            for i in 0..half {
                x[i] = x[i] + x[i + half];
            }
        }
        x[0]
    }
}

impl<T: Real> Add for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl<T: Real> Sub for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
}

impl<T: Real> Mul for Lanes<T> {
    type Output = Self;

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
}

/// Returns channels `at..at + LANES` of a pixel, those of them that there are.
#[inline(always)]
pub(super) fn part<T>(pixel: &[T], at: usize) -> &[T] {
    &pixel[at..pixel.len().min(at + LANES)]
}

/// As [`part`], to be written.
#[inline(always)]
pub(super) fn part_mut<T>(pixel: &mut [T], at: usize) -> &mut [T] {
    let end = pixel.len().min(at + LANES);
    &mut pixel[at..end]
}
