//! Step sizes of the selective scan: softplus of the step-size projection.

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

pub(crate) use reference::run as reference;

use crate::arith::{Arithmetic, Fixed, Float};
use crate::variant::{Variant, variants};

/// Takes results of the step-size projection to step sizes.
///
/// * `x`, `out` - of one length. Numbers: `reference.rs`.
pub type Run<A> = fn(x: &[<A as Arithmetic>::Acc], out: &mut [<A as Arithmetic>::Wide]);

/// Variants in single precision.
pub const F32: &[Variant<Run<Float<f32>>>] = variants![
    reference::<Float<f32>>;
    avx2::f32, avx512::f32, neon::f32
];

/// Variants for 16-bit inputs.
pub const W8A16: &[Variant<Run<Fixed<i16>>>] = variants![
    reference::<Fixed<i16>>;
    avx2::w8a16, avx512::w8a16, neon::w8a16, dsp::w8a16, mve::w8a16
];

/// Variants for 8-bit inputs: those for 16 bits, as no step size depends on the inputs' bits.
pub const W8A8: &[Variant<Run<Fixed<i8>>>] = W8A16;
