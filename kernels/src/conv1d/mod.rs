//! Causal depthwise convolution of four taps over the raster sequence, then SiLU.

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
pub use reference::{fixed_channel, float_channel};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::rows::Rows;
use crate::variant::{Variant, variants};

/// Convolves the next pixels and applies SiLU.
///
/// * `history` - `[3, E]`, the three pixels before, oldest first; zeros at the start; moved on.
/// * `x` - `E` elements a pixel. * `out` - `[pixels, E]`. Numbers: `reference.rs`.
pub type Run<A> = fn(
    params: &<A as Arithmetic>::Conv1d<'_>,
    history: &mut [<A as Arithmetic>::Act],
    x: Rows<'_, <A as Arithmetic>::Act>,
    out: &mut [<A as Arithmetic>::In],
);

/// Parameters in floating point.
#[derive(Clone, Copy, Debug)]
pub struct FloatParams<'a> {
    /// Taps `[4, E]`, oldest first.
    pub taps: &'a [f32],
    /// `[E]`.
    pub bias: &'a [f32],
}

/// Parameters in fixed point.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams<'a> {
    /// Taps `[4, E]`, oldest first.
    pub taps: &'a [i8],
    /// `[E]`, accumulator's unit.
    pub bias: &'a [i32],
    /// To SiLU's input, `[E]`.
    pub multiplier: &'a [i32],
    /// To SiLU's input, `[E]`.
    pub shift: &'a [u8],
    /// Fraction bits of SiLU's input, `[0, 15]`.
    pub fraction: u8,
    /// From 15 more fraction bits to the output's unit.
    pub out_multiplier: i32,
    /// From 15 more fraction bits to the output's unit.
    pub out_shift: u8,
}

/// Variants in single precision.
pub const F32: &[Variant<Run<Float<f32>>>] = variants![
    float::<f32>;
    avx2::f32, avx512::f32, neon::f32
];

/// Variants for 16-bit outputs.
pub const W8A16: &[Variant<Run<Fixed<i16>>>] = variants![
    fixed::<i16>;
    avx2::w8a16, avx512::w8a16, neon::w8a16, dsp::w8a16, mve::w8a16
];

/// Variants for 8-bit outputs.
pub const W8A8: &[Variant<Run<Fixed<i8>>>] = variants![
    fixed::<i8>;
    avx2::w8a8, avx512::w8a8, neon::w8a8, dsp::w8a8, mve::w8a8
];
