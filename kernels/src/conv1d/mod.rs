//! Causal depthwise convolution of four taps over the raster sequence, then SiLU.

mod reference;

pub(crate) use reference::{fixed, float};

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
