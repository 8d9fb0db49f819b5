//! Sum of two tensors: the residual connections.

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

pub(crate) use reference::{fixed, float};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::variant::{Variant, variants};

/// Adds `b` to `a`, of one length. Numbers: `reference.rs`.
pub type Run<A> = fn(
    params: &<A as Arithmetic>::Sum,
    a: &mut [<A as Arithmetic>::Act],
    b: &[<A as Arithmetic>::Act],
);

/// Parameters in fixed point: each tensor's unit over the sum's, times `2^(16 + shift)`.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams {
    /// Of the first tensor.
    pub a: i32,
    /// Of the second tensor.
    pub b: i32,
    /// `[1, 30]`.
    pub shift: u8,
}

/// Variants in single precision.
pub const F32: &[Variant<Run<Float<f32>>>] = variants![
    float::<f32>;
    avx2::f32, avx512::f32, neon::f32
];

/// Variants for 16-bit inputs.
pub const W8A16: &[Variant<Run<Fixed<i16>>>] = variants![
    fixed;
    avx2::w8a16, avx512::w8a16, neon::w8a16, dsp::w8a16, mve::w8a16
];

/// Variants for 8-bit inputs: those for 16 bits, as no sum depends on the inputs' bits.
pub const W8A8: &[Variant<Run<Fixed<i8>>>] = W8A16;
