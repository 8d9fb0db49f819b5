//! Numbers: the float functions of [`float`] and the fixed-point functions of [`fixed`].
//!
//! Everything here is specified to the bit: additions, multiplications, divisions and square roots
//! of IEEE 754 with round to nearest even, the fused multiply-add, integer operations, and nothing
//! of the platform's math library.

#[cfg(target_arch = "x86_64")]
pub(crate) mod double_avx512;
#[cfg(all(target_arch = "arm", target_feature = "dsp"))]
pub(crate) mod dsp;
pub mod fixed;
#[cfg(target_arch = "x86_64")]
pub(crate) mod fixed_avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod fixed_avx512;
pub mod float;
#[cfg(target_arch = "x86_64")]
pub(crate) mod float_avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod float_avx512;
#[cfg(target_arch = "x86_64")]
pub(crate) mod lanes;
#[cfg(mve)]
pub(crate) mod mve;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
#[cfg(target_arch = "nvptx64")]
#[expect(unsafe_code, reason = "inline assembly")]
mod ptx;
mod series;
#[cfg(target_arch = "x86_64")]
pub(crate) mod simd;
