//! Matrix product of a run of pixels, `out[o] = bias[o] + sum_k w[o, k] x[k]`, dense or low-rank.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(all(target_arch = "arm", target_feature = "dsp"))]
mod dsp;
#[cfg(target_arch = "x86_64")]
mod fixed_inputs;
#[cfg(target_arch = "x86_64")]
mod fixed_x86;
#[cfg(target_arch = "x86_64")]
mod float_tile_x86;
#[cfg(target_arch = "x86_64")]
mod float_x86;
mod forms;
#[cfg(mve)]
mod mve;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "aarch64")]
mod neon_dot;
#[cfg(target_arch = "aarch64")]
mod neon_fixed;
mod reference;
mod taps;

pub use forms::{Path, Place, Scratch, Weights, apply, copied};
pub(crate) use reference::kernel as reference;
pub use reference::output;
pub use taps::{Piece, Taps};

use crate::arith::Arithmetic;
use crate::variant::{Variant, variants};

/// A matrix in a model file.
#[derive(Clone, Copy)]
pub struct Matrix<'a, A: Arithmetic> {
    /// Outputs.
    pub outputs: usize,
    /// Inputs, all taps together.
    pub inputs: usize,
    /// `[inputs, outputs]` in floating point, so that SIMD runs across outputs; `[outputs,
    /// inputs]` in fixed point, so that dot-product instructions run along inputs.
    pub weights: &'a [A::Weight],
    /// `[outputs]`, or empty for none.
    pub bias: &'a [A::Bias],
    /// Scale of the outputs.
    pub scale: A::Scale<'a>,
    /// The matrix as [`Kernel::pack`] left it, or empty.
    pub packed: &'a [u64],
}

/// Multiplies the inputs of a run of pixels with a matrix.
///
/// * `out` - `[pixels, outputs]`, at least as many pixels as `taps` has. * `scratch` -
///   [`Kernel::scratch_words`], any content.
///
/// Numbers and order: `reference.rs`.
pub type Run<A, X, O> =
    fn(matrix: &Matrix<'_, A>, taps: &Taps<'_, X>, scratch: &mut [u64], out: &mut [O]);

/// Entry points of a variant.
pub struct Kernel<A: Arithmetic> {
    /// Returns the 64-bit words of scratch for a matrix of so many inputs.
    pub scratch_words: fn(inputs: usize) -> usize,
    /// Returns the 64-bit words of the packed form of a matrix of `(outputs, inputs)`, for inputs
    /// of so many bytes; 0 where the variant takes the matrix as the file has it.
    pub packed_words: fn(shape: (usize, usize), input_bytes: usize) -> usize,
    /// Packs a matrix, once a run.
    pub pack: fn(matrix: &Matrix<'_, A>, input_bytes: usize, packed: &mut [u64]),
    /// Inputs to activations.
    pub inputs: Run<A, A::In, A::Act>,
    /// Activations to activations.
    pub acts: Run<A, A::Act, A::Act>,
    /// Activations to results that are not clamped.
    pub wide: Run<A, A::Act, A::Acc>,
}

impl<A: Arithmetic> Clone for Kernel<A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<A: Arithmetic> Copy for Kernel<A> {}

impl<A: Arithmetic> Kernel<A> {
    /// Returns the path of an input to an activation.
    pub fn of_inputs(&self) -> Path<A, A::In, A::Act> {
        Path {
            dense: self.inputs,
            first: self.inputs,
            second: self.acts,
            wide: self.wide,
            place: |results, rank, order, out| {
                forms::place::<A, _>(results, rank, order, out, A::to_act);
            },
        }
    }

    /// Returns the path of an activation to an activation.
    pub fn of_acts(&self) -> Path<A, A::Act, A::Act> {
        Path {
            dense: self.acts,
            first: self.acts,
            second: self.acts,
            wide: self.wide,
            place: |results, rank, order, out| {
                forms::place::<A, _>(results, rank, order, out, A::to_act);
            },
        }
    }

    /// Returns the path of an activation to a result that is not clamped.
    pub fn of_acts_wide(&self) -> Path<A, A::Act, A::Acc> {
        Path {
            dense: self.wide,
            first: self.acts,
            second: self.wide,
            wide: self.wide,
            place: |results, rank, order, out| {
                forms::place::<A, _>(results, rank, order, out, |acc| acc);
            },
        }
    }
}

/// Words of scratch that any variant for microcontrollers may ask for: six pixels of 16-bit inputs,
/// padded to vectors, and a sum of each.
pub const fn microcontroller_scratch_words(inputs: usize) -> usize {
    6 * (size_of::<i16>() * inputs.next_multiple_of(16) + size_of::<i32>()) / size_of::<u64>()
}

/// Variants in single precision.
pub const F32: &[Variant<Kernel<crate::arith::Float<f32>>>] = variants![
    reference();
    avx2::f32, avx512::f32, neon::f32
];

/// Variants for 16-bit inputs.
pub const W8A16: &[Variant<Kernel<crate::arith::Fixed<i16>>>] = variants![
    reference();
    avx2::w8a16, avx512::w8a16, neon::w8a16, neon_dot::w8a16, dsp::w8a16, mve::w8a16
];

/// Variants for 8-bit inputs.
pub const W8A8: &[Variant<Kernel<crate::arith::Fixed<i8>>>] = variants![
    reference();
    avx2::w8a8, avx512::w8a8, neon::w8a8, neon_dot::w8a8, dsp::w8a8, mve::w8a8
];

#[cfg(test)]
mod tests {
    use super::microcontroller_scratch_words;

    /// 16 and 32 inputs of 2 bytes and a sum of 4, six times.
    #[test]
    fn microcontrollers_keep_no_more_than_padded_inputs() {
        assert_eq!(microcontroller_scratch_words(16), 27);
        assert_eq!(microcontroller_scratch_words(17), 51);
    }
}
