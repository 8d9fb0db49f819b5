//! Gate of one pixel: `y * silu(z)`.

mod reference;

pub(crate) use reference::{fixed, float};

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
