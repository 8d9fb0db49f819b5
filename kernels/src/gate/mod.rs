//! Gate: `y * silu(z)`.

mod reference;

pub(crate) use reference::{fixed, float};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::rows::Rows;
use crate::variant::Variant;

/// Gates pixels.
///
/// * `y`, `out` - `[pixels, E]`. * `z` - `E` elements a pixel. Numbers: `reference.rs`.
pub type Run<A> = fn(
    params: &<A as Arithmetic>::Gate,
    y: &[<A as Arithmetic>::Act],
    z: Rows<'_, <A as Arithmetic>::Act>,
    out: &mut [<A as Arithmetic>::In],
);

/// Parameters in fixed point: from (y's unit) x (z's unit) to the output's unit.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams {
    /// Multiplier.
    pub multiplier: i32,
    /// Shift.
    pub shift: u8,
    /// Fraction bits of z, `[0, 15]`.
    pub fraction: u8,
}

/// Variants in single precision.
pub const F32: &[Variant<Run<Float<f32>>>] = &[Variant {
    name: "ref",
    get: || Some(float::<f32>),
}];

/// Variants for 16-bit outputs.
pub const W8A16: &[Variant<Run<Fixed<i16>>>] = &[Variant {
    name: "ref",
    get: || Some(fixed::<i16>),
}];

/// Variants for 8-bit outputs.
pub const W8A8: &[Variant<Run<Fixed<i8>>>] = &[Variant {
    name: "ref",
    get: || Some(fixed::<i8>),
}];
