//! Matrix product of one pixel, `out[o] = bias[o] + sum_k w[k, o] x[k]`, dense or low-rank.

mod reference;

pub use reference::run;
pub(crate) use reference::{accumulate, finish, start};

use crate::arith::{Arithmetic, MatrixShape, Operand};
use crate::config::{Form, Weight};
use crate::model::{ModelError, Param, Source};

/// A matrix in a model file: weights `[inputs, outputs]`, so that SIMD runs across outputs.
#[derive(Clone, Copy)]
pub struct Matrix<'a, A: Arithmetic> {
    /// Outputs.
    pub outputs: usize,
    /// `[inputs, outputs]`.
    pub weights: &'a [A::Weight],
    /// `[outputs]`, or empty for none.
    pub bias: &'a [A::Bias],
    /// Scale of the outputs.
    pub scale: A::Scale<'a>,
}

/// A projection or 3x3 convolution in one of its forms.
#[derive(Clone, Copy)]
pub enum Weights<'a, A: Arithmetic> {
    /// One matrix.
    Dense(Matrix<'a, A>),
    /// `U V`.
    LowRank {
        /// `[inputs, rank]`, no bias.
        v: Matrix<'a, A>,
        /// `[rank, outputs]`.
        u: Matrix<'a, A>,
    },
    /// `P [I; U] V`.
    IdentityRows {
        /// `[inputs, rank]`, no bias.
        v: Matrix<'a, A>,
        /// `[0, rank]`: bias and scale of the outputs that are copies.
        copies: Matrix<'a, A>,
        /// `[rank, outputs - rank]`: the other outputs.
        u: Matrix<'a, A>,
        /// `[outputs]`: where each output stands in (copies, others).
        order: &'a [u16],
    },
}

/// Buffers of [`run`] and [`crate::conv3x3::row`].
pub struct Scratch<'a, A: Arithmetic> {
    /// At least the largest number of outputs or rank.
    pub acc: &'a mut [A::Acc],
    /// At least the largest rank.
    pub middle: &'a mut [A::Act],
}

impl<'a, A: Arithmetic> Weights<'a, A> {
    /// Reads a weight of this form, for inputs of type `X`.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load<X: Operand<A::Acc>>(
        source: &mut impl Source<'a>,
        param: Param,
        weight: Weight,
        form: Form,
        bias: bool,
    ) -> Result<Self, ModelError> {
        let (outputs, inputs) = (weight.outputs, weight.inputs * weight.taps);
        let Some(rank) = form.rank() else {
            let shape = MatrixShape {
                outputs,
                inputs,
                bias,
            };
            return Ok(Self::Dense(A::load_matrix(source, param, shape, X::MAX)?));
        };
        let identity = matches!(form, Form::IdentityRows(_));
        if rank == 0 || rank > inputs.min(outputs - usize::from(identity)) {
            return Err(ModelError::Rank { param, rank });
        }
        let max = <A::Act as Operand<A::Acc>>::MAX;
        let shape = MatrixShape {
            outputs: rank,
            inputs,
            bias: false,
        };
        let v = A::load_matrix(source, param.factor("v"), shape, X::MAX)?;
        if !identity {
            let shape = MatrixShape {
                outputs,
                inputs: rank,
                bias,
            };
            return Ok(Self::LowRank {
                v,
                u: A::load_matrix(source, param.factor("u"), shape, max)?,
            });
        }
        let shape = MatrixShape {
            outputs: rank,
            inputs: 0,
            bias,
        };
        let copies = A::load_matrix(source, param.factor("copies"), shape, max)?;
        let shape = MatrixShape {
            outputs: outputs - rank,
            inputs: rank,
            bias,
        };
        let u = A::load_matrix(source, param.factor("u"), shape, max)?;
        let order_param = param.part("order");
        let order: &[u16] = source.array(order_param, outputs)?;
        if order.iter().any(|&i| usize::from(i) >= outputs) {
            return Err(ModelError::OutOfRange { param: order_param });
        }
        Ok(Self::IdentityRows {
            v,
            copies,
            u,
            order,
        })
    }

    /// Returns the matrix that is applied to the input.
    pub(crate) fn first(&self) -> &Matrix<'a, A> {
        match self {
            Self::Dense(m) | Self::LowRank { v: m, .. } | Self::IdentityRows { v: m, .. } => m,
        }
    }
}
