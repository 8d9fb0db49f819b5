//! Vectors of `f32` for variants written once for several instruction sets, and the functions of
//! [`super::float`] on them.
//!
//! A value of a type that is [`Simd`] proves that the machine has the instructions. Kernels are
//! generic over it and always inlined into a function that enables them ([`entry`]).

#![expect(unsafe_code, reason = "reads and writes vectors; enables instructions")]

use super::float::{EXP_MIN, EXP_SERIES, LN_1P_HIGH, LN_1P_SERIES, LN_2_HI, LN_2_LO, ROUND_F32};

/// Vectors whose chains of instructions go step by step together, so that each hides the others'
/// latency.
pub(crate) const GROUP: usize = 4;

/// An instruction set; its operations are those of IEEE 754, rounded to nearest even, and keep
/// subnormals.
pub(crate) trait Simd: Copy {
    /// Numbers of a vector.
    const LANES: usize;
    /// Pixels that a matrix product takes at a time with `i + 1` vectors of outputs: as many sums
    /// as hide the latency of a fused multiply-add and fit the registers.
    const TILE: [usize; 4];
    /// As many vectors of outputs beside those that four pixels share, and eight pixels are too
    /// many.
    const SHARED_TILE: usize;
    /// Vectors of outputs that a matrix product takes at a time, at most.
    const PANEL: usize;

    /// A vector.
    type V: Copy;
    /// Some lanes.
    type Mask: Copy;
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
    fn front(self, lanes: usize) -> Self::Mask;

    /// Returns lanes `from..to`, those of them that there are.
    fn between(self, from: usize, to: usize) -> Self::Mask;

    /// Returns `a` in the lanes of `mask`, `b` in the others.
    fn blend(self, mask: Self::Mask, a: Self::V, b: Self::V) -> Self::V;

    /// Returns, in each lane of `mask`, the number as far after `from` as the lane after the
    /// first; zero in the others.
    ///
    /// # Safety
    /// Those numbers can be read.
    unsafe fn read_masked(self, from: *const f32, mask: Self::Mask) -> Self::V;

    /// Writes each lane of `mask` as far after `to` as it is after the first.
    ///
    /// # Safety
    /// Those numbers can be written.
    unsafe fn write_masked(self, to: *mut f32, mask: Self::Mask, v: Self::V);

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

    /// Has the compiler keep the order of instructions before and after these values, where they
    /// are [`GROUP`]; no instruction itself.
    ///
    /// Left to itself it puts chains of instructions one after another, too long for the
    /// processor to see the next one.
    fn fence(self, x: &mut [Self::V]);

    /// Returns the numbers at the front of `from`, zero in lanes that it does not reach.
    #[inline(always)]
    fn load(self, from: &[f32]) -> Self::V {
        if from.len() >= Self::LANES {
            // SAFETY: the condition.
            unsafe { self.read(from.as_ptr()) }
        } else {
            // SAFETY: as many lanes as there are numbers.
            unsafe { self.read_masked(from.as_ptr(), self.front(from.len())) }
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
            unsafe { self.write_masked(to.as_mut_ptr(), self.front(to.len()), v) }
        }
    }
}

/// The same lanes of several pixels.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<S: Simd> {
    mask: S::Mask,
    lanes: usize,
    pixels: usize,
}

impl<S: Simd> Lanes<S> {
    /// Takes the first `lanes` lanes of `pixels` pixels.
    #[inline(always)]
    pub(crate) fn new(s: S, lanes: usize, pixels: usize) -> Self {
        let lanes = lanes.min(S::LANES);
        Self {
            mask: s.front(lanes),
            lanes,
            pixels,
        }
    }

    /// Returns the vectors that begin at `at` and every `stride` numbers after it, of all pixels;
    /// nothing where `values` does not hold them.
    #[inline(always)]
    pub(crate) fn of<'a>(
        &self,
        values: &'a [f32],
        at: usize,
        stride: usize,
    ) -> Option<Column<'a, S>> {
        let values = values.get(at..)?;
        self.fit(values.len(), stride).then_some(Column {
            lanes: *self,
            from: values.as_ptr(),
            stride,
            values: core::marker::PhantomData,
        })
    }

    /// As [`Lanes::of`], to be written too.
    #[inline(always)]
    pub(crate) fn of_mut<'a>(
        &self,
        values: &'a mut [f32],
        at: usize,
        stride: usize,
    ) -> Option<ColumnMut<'a, S>> {
        let values = values.get_mut(at..)?;
        self.fit(values.len(), stride).then_some(ColumnMut {
            lanes: *self,
            from: values.as_mut_ptr(),
            stride,
            values: core::marker::PhantomData,
        })
    }

    /// Tells whether `len` numbers hold the lanes of all pixels.
    #[inline(always)]
    fn fit(&self, len: usize, stride: usize) -> bool {
        let before = self.pixels.saturating_sub(1).checked_mul(stride);
        before
            .and_then(|before| before.checked_add(self.lanes))
            .is_some_and(|end| end <= len)
    }
}

/// Vectors of numbers that lie at a stride, see [`Lanes::of`].
#[derive(Clone, Copy)]
pub(crate) struct Column<'a, S: Simd> {
    lanes: Lanes<S>,
    from: *const f32,
    stride: usize,
    values: core::marker::PhantomData<&'a [f32]>,
}

impl<S: Simd> Column<'_, S> {
    /// Returns the number of pixels.
    #[inline(always)]
    pub(crate) fn pixels(&self) -> usize {
        self.lanes.pixels
    }

    /// Returns the vector of pixel `i`, zero past the last pixel.
    #[inline(always)]
    pub(crate) fn load(&self, s: S, i: usize) -> S::V {
        if i >= self.lanes.pixels {
            return s.splat(0.0);
        }
        // SAFETY: `Lanes::of` found the lanes of every pixel in the slice.
        unsafe { s.read_masked(self.from.wrapping_add(i * self.stride), self.lanes.mask) }
    }
}

/// As [`Column`], to be written too.
pub(crate) struct ColumnMut<'a, S: Simd> {
    lanes: Lanes<S>,
    from: *mut f32,
    stride: usize,
    values: core::marker::PhantomData<&'a mut [f32]>,
}

impl<S: Simd> ColumnMut<'_, S> {
    /// Returns the vector of pixel `i`, zero past the last pixel.
    #[inline(always)]
    pub(crate) fn load(&self, s: S, i: usize) -> S::V {
        if i >= self.lanes.pixels {
            return s.splat(0.0);
        }
        // SAFETY: `Lanes::of_mut` found the lanes of every pixel in the slice.
        unsafe { s.read_masked(self.from.wrapping_add(i * self.stride), self.lanes.mask) }
    }

    /// Writes the vector of pixel `i`; nothing past the last pixel.
    #[inline(always)]
    pub(crate) fn store(&mut self, s: S, i: usize, v: S::V) {
        if i < self.lanes.pixels {
            let to = self.from.wrapping_add(i * self.stride);
            // SAFETY: as in `load`.
            unsafe { s.write_masked(to, self.lanes.mask, v) };
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

/// As `super::float::exponential`, of vectors of numbers up to 88.
///
/// Here and below, `K` vectors go step by step together.
#[inline(always)]
pub(crate) fn exponential<S: Simd, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let (mut r, mut n, mut shifted) = (x, x, x);
    let [c0, c1, c2, c3, c4, c5, c6, c7] = EXP_SERIES;
    let mut sum = [s.splat(c7 as f32); K];
    for k in 0..K {
        r[k] = s.max(s.splat(EXP_MIN), x[k]);
    }
    for k in 0..K {
        let log2_e = s.splat(core::f32::consts::LOG2_E);
        shifted[k] = s.fma(r[k], log2_e, s.splat(ROUND_F32));
    }
    for k in 0..K {
        n[k] = s.sub(shifted[k], s.splat(ROUND_F32));
    }
    for ln_2 in [LN_2_HI, LN_2_LO] {
        for k in 0..K {
            r[k] = s.fma(n[k], s.splat(-ln_2), r[k]);
        }
    }
    for c in [c6, c5, c4, c3, c2, c1, c0] {
        for k in 0..K {
            sum[k] = s.fma(sum[k], r[k], s.splat(c as f32));
        }
        s.fence(&mut sum);
    }
    for k in 0..K {
        sum[k] = s.scale(sum[k], n[k], shifted[k]);
    }
    sum
}

/// Returns `e^-|x|`.
#[inline(always)]
fn decay<S: Simd, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let mut negative = x;
    for x in &mut negative {
        *x = s.negative(*x);
    }
    exponential(s, negative)
}

/// As [`super::float::Real::logistic`].
#[inline(always)]
pub(crate) fn logistic<S: Simd, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let one = s.splat(1.0);
    let mut out = decay(s, x);
    for k in 0..K {
        let numerator = s.select_less(x[k], s.splat(0.0), out[k], one);
        out[k] = s.div(numerator, s.add(one, out[k]));
    }
    out
}

/// As [`super::float::Real::soft_plus`].
#[inline(always)]
pub(crate) fn soft_plus<S: Simd, const K: usize>(s: S, x: [S::V; K]) -> [S::V; K] {
    let mut out = ln_1p(s, decay(s, x));
    for k in 0..K {
        out[k] = s.add(s.max(x[k], s.splat(0.0)), out[k]);
    }
    out
}

/// As `super::float::ln_1p`.
#[inline(always)]
fn ln_1p<S: Simd, const K: usize>(s: S, u: [S::V; K]) -> [S::V; K] {
    let high = s.splat(LN_1P_HIGH);
    let (mut q, mut z, mut out) = (u, u, u);
    for k in 0..K {
        let half = s.mul(s.sub(u[k], s.splat(1.0)), s.splat(0.5));
        let f = s.select_less(high, u[k], half, u[k]);
        q[k] = s.div(f, s.add(f, s.splat(2.0)));
        z[k] = s.mul(q[k], q[k]);
    }
    s.fence(&mut z);
    let [first, rest @ ..] = LN_1P_SERIES;
    let mut sum = [s.splat(first); K];
    for c in rest {
        for k in 0..K {
            sum[k] = s.fma(sum[k], z[k], s.splat(c));
        }
        s.fence(&mut sum);
    }
    for k in 0..K {
        let double = s.add(q[k], q[k]);
        let ln_2 = s.splat(core::f32::consts::LN_2);
        let offset = s.select_less(high, u[k], ln_2, s.splat(0.0));
        out[k] = s.add(s.fma(s.mul(sum[k], z[k]), double, double), offset);
    }
    out
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

#[cfg(test)]
mod tests;
