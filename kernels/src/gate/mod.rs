//! Gate: `y * silu(z)`.

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
pub const F32: &[Variant<Run<Float<f32>>>] = &[
    Variant {
        name: "ref",
        get: || Some(float::<f32>),
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx2",
        get: avx2::f32,
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx512",
        get: avx512::f32,
    },
    #[cfg(target_arch = "aarch64")]
    Variant {
        name: "neon",
        get: neon::f32,
    },
];

/// Variants for 16-bit outputs.
pub const W8A16: &[Variant<Run<Fixed<i16>>>] = &[
    Variant {
        name: "ref",
        get: || Some(fixed::<i16>),
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx2",
        get: avx2::w8a16,
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx512",
        get: avx512::w8a16,
    },
    #[cfg(target_arch = "aarch64")]
    Variant {
        name: "neon",
        get: neon::w8a16,
    },
    #[cfg(target_arch = "arm")]
    Variant {
        name: "dsp",
        #[cfg(target_feature = "dsp")]
        get: dsp::w8a16,
        #[cfg(not(target_feature = "dsp"))]
        get: || None,
    },
    #[cfg(target_arch = "arm")]
    Variant {
        name: "mve",
        #[cfg(mve)]
        get: mve::w8a16,
        #[cfg(not(mve))]
        get: || None,
    },
];

/// Variants for 8-bit outputs.
pub const W8A8: &[Variant<Run<Fixed<i8>>>] = &[
    Variant {
        name: "ref",
        get: || Some(fixed::<i8>),
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx2",
        get: avx2::w8a8,
    },
    #[cfg(target_arch = "x86_64")]
    Variant {
        name: "avx512",
        get: avx512::w8a8,
    },
    #[cfg(target_arch = "aarch64")]
    Variant {
        name: "neon",
        get: neon::w8a8,
    },
    #[cfg(target_arch = "arm")]
    Variant {
        name: "dsp",
        #[cfg(target_feature = "dsp")]
        get: dsp::w8a8,
        #[cfg(not(target_feature = "dsp"))]
        get: || None,
    },
    #[cfg(target_arch = "arm")]
    Variant {
        name: "mve",
        #[cfg(mve)]
        get: mve::w8a8,
        #[cfg(not(mve))]
        get: || None,
    },
];
