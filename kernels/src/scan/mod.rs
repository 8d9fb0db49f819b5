//! Selective scan of one pixel: `h = e^(dt A) h + dt u B`, `y = C h + D u`.

mod reference;

pub(crate) use reference::{fixed, float};

use crate::arith::Arithmetic;
use crate::config::Decay;

/// What the scan takes of one pixel.
pub struct Token<'a, A: Arithmetic> {
    /// Input `[E]`.
    pub u: &'a [A::In],
    /// Step sizes `[E]`.
    pub dt: &'a [A::Wide],
    /// Input weights `[N]`.
    pub b: &'a [A::Act],
    /// Output weights `[N]`.
    pub c: &'a [A::Act],
}

/// Buffers of the scan, `[E]` each.
pub struct Scratch<'a, A: Arithmetic> {
    /// `dt u`.
    pub drive: &'a mut [A::Wide],
    /// Decay of the state at hand.
    pub decay: &'a mut [A::Wide],
    /// Decay of the first state, for tied rates.
    pub base: &'a mut [A::Wide],
    /// Sum over states.
    pub sum: &'a mut [A::ScanSum],
}

/// Parameters in floating point.
#[derive(Clone, Copy, Debug)]
pub struct FloatParams<'a> {
    /// Rates `A`, negative: `[N, E]`, or `[1, E]` tied.
    pub rate: &'a [f32],
    /// Skip `D`, `[E]`.
    pub skip: &'a [f32],
    /// Form of the rates.
    pub decay: Decay,
}

/// Parameters in fixed point.
#[derive(Clone, Copy, Debug)]
pub struct FixedParams<'a> {
    /// `-A log2(e)` in Q14.18: `[N, E]`, or `[1, E]` tied.
    pub rate: &'a [u32],
    /// Bits that the product of drive and B is shifted down to the state's unit, `[E]`, `[1, 40]`.
    pub state_shift: &'a [u8],
    /// From the states' sum (shifted down 15) to the output's unit, times `2^(32 + shift)`, `[E]`.
    pub multiplier: &'a [i32],
    /// `D` from the input (shifted up to 31 bits) to the output's unit, likewise, `[E]`.
    pub skip: &'a [i32],
    /// `[E]`, `[1, 30]`.
    pub shift: &'a [u8],
    /// Form of the rates.
    pub decay: Decay,
}
