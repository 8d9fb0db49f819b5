//! Selective scan: `h = e^(dt A) h + dt u B`, `y = C h + D u`.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "arm", target_feature = "dsp"))]
mod dsp;
#[cfg(target_arch = "x86_64")]
mod fixed_avx2;
#[cfg(target_arch = "x86_64")]
mod fixed_avx512;
#[cfg(target_arch = "x86_64")]
mod float_x86;
#[cfg(mve)]
mod mve;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_fixed;
mod reference;

pub use reference::{fixed_channel, float_channel};
pub(crate) use reference::{fixed_kernel, float_kernel};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::config::Decay;
use crate::rows::Rows;
use crate::variant::{Variant, variants};

/// What the scan takes of some pixels.
pub struct Tokens<'a, A: Arithmetic> {
    /// Inputs `[pixels, E]`.
    pub u: &'a [A::In],
    /// Step sizes `[pixels, E]`.
    pub dt: &'a [A::Wide],
    /// Input weights, `N` a pixel.
    pub b: Rows<'a, A::Act>,
    /// Output weights, `N` a pixel.
    pub c: Rows<'a, A::Act>,
}

/// Advances the scan by some pixels.
///
/// * `state` - `[N, E]`, zeros at the start. * `out` - `[pixels, E]`. * `scratch` -
///   [`Kernel::scratch_words`], any content. Numbers: `reference.rs`.
pub type Run<A> = fn(
    params: &<A as Arithmetic>::Scan<'_>,
    tokens: &Tokens<'_, A>,
    state: &mut [<A as Arithmetic>::Wide],
    scratch: &mut [u64],
    out: &mut [<A as Arithmetic>::Act],
);

/// Entry point of a variant.
pub struct Kernel<A: Arithmetic> {
    /// Returns the 64-bit words of scratch for `(inner, states)`.
    pub scratch_words: fn(shape: (usize, usize)) -> usize,
    /// Advances the scan.
    pub run: Run<A>,
}

impl<A: Arithmetic> Clone for Kernel<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Arithmetic> Copy for Kernel<A> {}

/// Words of scratch that any variant for microcontrollers may ask for: one a channel, padded to a
/// vector, and four a state.
pub const fn microcontroller_scratch_words((inner, states): (usize, usize)) -> usize {
    inner.next_multiple_of(4) + 4 * states
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

#[cfg(test)]
mod tests {
    use super::microcontroller_scratch_words;

    #[test]
    fn microcontrollers_keep_no_more_than_padded_channels_and_states() {
        assert_eq!(microcontroller_scratch_words((48, 16)), 48 + 64);
        assert_eq!(microcontroller_scratch_words((17, 3)), 20 + 12);
    }
}
