//! Layer norm of each pixel: `y = gamma (x - mean) / sqrt(variance + 1e-5) + beta` over channels.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "arm", target_feature = "dsp"))]
mod dsp;
#[cfg(target_arch = "x86_64")]
mod fixed_x86;
#[cfg(target_arch = "x86_64")]
mod float_x86;
#[cfg(mve)]
mod mve;
#[cfg(target_arch = "aarch64")]
mod neon;
mod reference;

pub(crate) use reference::{fixed_kernel, float_kernel};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::variant::{Variant, variants};

/// Added to the variance; that of DVMSR.
pub const EPSILON: f64 = 1e-5;

/// Parameters in floating point.
#[derive(Clone, Copy, Debug)]
pub struct FloatParams<'a> {
    /// Gain `[C]`.
    pub gamma: &'a [f32],
    /// Offset `[C]`.
    pub beta: &'a [f32],
}

/// Parameters in fixed point, for an input of scale `s` and an output of scale `t`.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams<'a> {
    /// `gamma sqrt(C) / t * 2^(2 + shift)`, `[C]`.
    pub gain: &'a [i32],
    /// `beta / t * 2^shift`, `[C]`.
    pub offset: &'a [i32],
    /// Fraction bits of the sum, `[1, 30]`.
    pub shift: u8,
    /// `epsilon C^3 / s^2`, at least 1.
    pub epsilon: u64,
}

/// Normalises pixels.
///
/// * `x`, `out` - `[pixels, width]`. Numbers: `reference.rs`.
pub type Run<A, O> = fn(
    params: &<A as Arithmetic>::Norm<'_>,
    x: &[<A as Arithmetic>::Act],
    width: usize,
    out: &mut [O],
);

/// Entry points of a variant.
pub struct Kernel<A: Arithmetic> {
    /// To activations.
    pub acts: Run<A, A::Act>,
    /// To inputs of a matrix product.
    pub inputs: Run<A, A::In>,
}

impl<A: Arithmetic> Clone for Kernel<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Arithmetic> Copy for Kernel<A> {}

/// Variants in single precision.
pub const F32: &[Variant<Kernel<Float<f32>>>] = variants![
    reference::float_kernel();
    avx2::f32, avx512::f32, neon::f32
];

/// Variants for 16-bit inputs.
pub const W8A16: &[Variant<Kernel<Fixed<i16>>>] = variants![
    reference::fixed_kernel();
    avx2::w8a16, avx512::w8a16, neon::w8a16, dsp::w8a16, mve::w8a16
];

/// Variants for 8-bit inputs.
pub const W8A8: &[Variant<Kernel<Fixed<i8>>>] = variants![
    reference::fixed_kernel();
    avx2::w8a8, avx512::w8a8, neon::w8a8, dsp::w8a8, mve::w8a8
];
