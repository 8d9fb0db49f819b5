//! One precision as one type: the number formats of every tensor and the operators on them.
//!
//! The network, the executors and the matrix operators are written once, over [`Arithmetic`];
//! [`Float`] and [`Fixed`] supply the numbers.

mod fixed;
mod float;

use bytemuck::Pod;

pub use fixed::{Fixed, FixedInput, FixedScale};
pub use float::Float;

use crate::config::{Config, Precision};
use crate::model::{ModelError, Param, Source};
use crate::tap::Value;
use crate::variant::{Kernels, Variants};

/// A number that a matrix product takes as input.
pub trait Operand<Acc>: Value + Pod + Default {
    /// Largest magnitude (0 where a product cannot overflow).
    const MAX: i64;

    /// Converts to the type of the accumulator; exact.
    fn widen(self) -> Acc;
}

/// The numbers and operators of one precision.
pub trait Arithmetic: Copy + 'static {
    /// The precision.
    const PRECISION: Precision;

    /// An activation that is kept: `f32`, or `i16` with a scale of its tensor.
    type Act: Operand<Self::Acc>;
    /// An input of a projection or 3x3 convolution: `f32`, `i16` or `i8`.
    type In: Operand<Self::Acc>;
    /// An accumulator, and a result before it is clamped: `f32` or `i32`.
    type Acc: Value + Pod + Default;
    /// Step sizes and scan states: `f32` or `i32`.
    type Wide: Value + Pod + Default;
    /// A weight: `f32` or `i8`.
    type Weight: Pod;
    /// A bias: `f32` or `i32` in the accumulator's unit.
    type Bias: Pod;

    /// What takes an accumulator of a matrix to its output's unit.
    type Scale<'a>: Copy;
    /// Parameters of [`crate::norm`].
    type Norm<'a>: Copy;
    /// Parameters of [`crate::conv1d`].
    type Conv1d<'a>: Copy;
    /// Parameters of [`crate::scan`].
    type Scan<'a>: Copy;
    /// Parameters of [`crate::gate`].
    type Gate: Copy;
    /// Parameters of [`crate::sum`].
    type Sum: Copy;

    /// The specification of every operator.
    const REFERENCE: Kernels<Self>;
    /// The variants of every operator.
    const VARIANTS: Variants<Self>;

    /// Reads a matrix's weights, bias and scale and checks that no accumulator can overflow with
    /// inputs of magnitude `max`.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_matrix<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        shape: MatrixShape,
        max: i64,
    ) -> Result<crate::linear::Matrix<'a, Self>, ModelError>;

    /// Reads the parameters of a norm.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_norm<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        width: usize,
    ) -> Result<Self::Norm<'a>, ModelError>;

    /// Reads the parameters of a causal convolution.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_conv1d<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        inner: usize,
    ) -> Result<Self::Conv1d<'a>, ModelError>;

    /// Reads the parameters of a scan.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_scan<'a>(
        source: &mut impl Source<'a>,
        param: Param,
        config: &Config,
    ) -> Result<Self::Scan<'a>, ModelError>;

    /// Reads the parameters of a gate.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_gate<'a>(source: &mut impl Source<'a>, param: Param) -> Result<Self::Gate, ModelError>;

    /// Reads the parameters of a sum of two tensors.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    fn load_sum<'a>(source: &mut impl Source<'a>, param: Param) -> Result<Self::Sum, ModelError>;

    /// Returns a bias as an accumulator.
    fn bias(bias: Self::Bias) -> Self::Acc;

    /// Returns `acc + weight * x`.
    fn multiply_add(acc: Self::Acc, weight: Self::Weight, x: Self::Acc) -> Self::Acc;

    /// Returns `bias + x`: the accumulator of an identity row of a low-rank matrix.
    fn copy_row(bias: Self::Acc, x: Self::Act) -> Self::Acc;

    /// Returns where the weight of output `o` and input `k` lies in a matrix of `(outputs, inputs)`.
    fn weight_index(shape: (usize, usize), o: usize, k: usize) -> usize;

    /// Takes the accumulator of output `o` to the output's unit; not yet clamped.
    fn rescale(scale: &Self::Scale<'_>, o: usize, acc: Self::Acc) -> Self::Acc;

    /// Clamps a result to an activation.
    fn to_act(x: Self::Acc) -> Self::Act;

    /// Clamps a result to an input.
    fn to_in(x: Self::Acc) -> Self::In;

    /// Takes an activation to an input of the next convolution.
    fn narrow(x: Self::Act) -> Self::In;

    /// Returns the step size of a result of the step-size projection (softplus).
    fn step_size(x: Self::Acc) -> Self::Wide;

    /// Returns a pixel with the mean colour taken off.
    fn pixel(config: &Config, channel: usize, value: u8) -> Self::Act;

    /// Returns an output value before it is clamped, from the network's output and the anchor in
    /// Q.20 grey levels.
    fn anchored(x: Self::Act, anchor: i32) -> Self::Wide;

    /// Returns the mean colour as anchored values have it.
    fn centred(config: &Config, channel: usize, x: Self::Act) -> Self::Wide;

    /// Rounds an output value to a pixel.
    fn to_pixel(x: Self::Wide) -> u8;
}

/// Dimensions of a matrix in a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixShape {
    /// Outputs.
    pub outputs: usize,
    /// Inputs, all taps together.
    pub inputs: usize,
    /// Whether there is a bias.
    pub bias: bool,
}
