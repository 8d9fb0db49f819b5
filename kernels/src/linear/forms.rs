//! The forms of a weight: dense, low-rank, low-rank with identity rows.

use super::{Matrix, Run, Taps};
use crate::arith::{Arithmetic, MatrixShape, Operand};
use crate::config::{Form, Weight};
use crate::model::{ModelError, Param, WeightSource};

/// A projection or 3x3 convolution in one of its forms.
#[derive(Clone, Copy)]
pub enum Weights<'a, A: Arithmetic> {
    /// One matrix.
    Dense(Matrix<'a, A>),
    /// `U V`.
    LowRank {
        /// `rank` outputs, no bias.
        v: Matrix<'a, A>,
        /// `rank` inputs.
        u: Matrix<'a, A>,
    },
    /// `P [I; U] V`.
    IdentityRows {
        /// `rank` outputs, no bias.
        v: Matrix<'a, A>,
        /// No inputs, `rank` outputs: bias and scale of the outputs that are copies.
        copies: Matrix<'a, A>,
        /// `rank` inputs, `outputs - rank` outputs: the other outputs.
        u: Matrix<'a, A>,
        /// `[outputs]`: where each output stands in (copies, others).
        order: &'a [u16],
    },
}

/// Buffers of [`apply`], of the pixels that it takes at a time.
pub struct Scratch<'a, A: Arithmetic> {
    /// Pixels at a time, at least 1.
    pub band: usize,
    /// Inner values `[band, rank]`, of the largest rank.
    pub middle: &'a mut [A::Act],
    /// Outputs of identity rows before they are put in order, `[band, outputs]`.
    pub unordered: &'a mut [A::Acc],
    /// Scratch of the kernel.
    pub kernel: &'a mut [u64],
}

/// Puts the results of identity rows where they belong, as outputs.
///
/// * `results` - `[pixels, outputs - rank]` others, then `[pixels, rank]` copies. * `order` -
///   `[outputs]`: where each output stands in (copies, others). * `out` - `[pixels, outputs]`.
pub type Place<A, O> =
    fn(results: &[<A as Arithmetic>::Acc], rank: usize, order: &[u16], out: &mut [O]);

/// The entry points that take inputs `X` to outputs `O` in every form.
pub struct Path<A: Arithmetic, X, O> {
    /// Inputs to outputs.
    pub dense: Run<A, X, O>,
    /// Inputs to inner values.
    pub first: Run<A, X, A::Act>,
    /// Inner values to outputs.
    pub second: Run<A, A::Act, O>,
    /// Inner values to results that are not clamped.
    pub wide: Run<A, A::Act, A::Acc>,
    /// Puts results of identity rows in order.
    pub place: Place<A, O>,
}

impl<'a, A: Arithmetic> Weights<'a, A> {
    /// Reads a weight of this form, for inputs of type `X`.
    ///
    /// # Errors
    /// What is wrong with which parameter.
    pub fn load<X: Operand<A::Acc>>(
        source: &mut impl WeightSource<'a, A>,
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
            return Ok(Self::Dense(matrix::<A, X>(source, param, shape)?));
        };
        let identity = matches!(form, Form::IdentityRows(_));
        if rank == 0 || rank > inputs.min(outputs - usize::from(identity)) {
            return Err(ModelError::Rank { param, rank });
        }
        let shape = MatrixShape {
            outputs: rank,
            inputs,
            bias: false,
        };
        let v = matrix::<A, X>(source, param.factor("v"), shape)?;
        if !identity {
            let shape = MatrixShape {
                outputs,
                inputs: rank,
                bias,
            };
            let u = matrix::<A, A::Act>(source, param.factor("u"), shape)?;
            return Ok(Self::LowRank { v, u });
        }
        let shape = MatrixShape {
            outputs: rank,
            inputs: 0,
            bias,
        };
        let max = <A::Act as Operand<A::Acc>>::MAX;
        let copies = A::load_matrix(source, param.factor("copies"), shape, max)?;
        let shape = MatrixShape {
            outputs: outputs - rank,
            inputs: rank,
            bias,
        };
        let u = matrix::<A, A::Act>(source, param.factor("u"), shape)?;
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

    /// Returns the number of outputs.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Dense(m) | Self::LowRank { u: m, .. } => m.outputs,
            Self::IdentityRows { order, .. } => order.len(),
        }
    }
}

/// Reads a matrix for inputs of type `X`, and its packed form where the run has one.
fn matrix<'a, A: Arithmetic, X: Operand<A::Acc>>(
    source: &mut impl WeightSource<'a, A>,
    param: Param,
    shape: MatrixShape,
) -> Result<Matrix<'a, A>, ModelError> {
    let mut matrix = A::load_matrix(source, param, shape, X::MAX)?;
    matrix.packed = source.packed(&matrix, size_of::<X>());
    Ok(matrix)
}

/// Multiplies the inputs of a run of pixels with a weight.
///
/// * `out` - `[pixels, outputs]`.
///
/// Low-rank: the inner result is clamped to an activation (`f32`, `i16`) and multiplied in the
/// same way; it never leaves the scratch memory, a band of pixels at a time. An identity row is
/// the bias plus the inner value, requantised. Numbers as [`Run`]. Scratch: [`Scratch`]. Source:
/// MambaLiteSR section III (low rank), the identity rows are the project's own.
pub fn apply<A: Arithmetic, X: Copy, O: Copy>(
    path: &Path<A, X, O>,
    weights: &Weights<'_, A>,
    taps: &Taps<'_, X>,
    scratch: &mut Scratch<'_, A>,
    out: &mut [O],
) {
    let (v, outputs) = match weights {
        Weights::Dense(matrix) => return (path.dense)(matrix, taps, scratch.kernel, out),
        Weights::LowRank { v, .. } | Weights::IdentityRows { v, .. } => (v, weights.outputs()),
    };
    let band = scratch.band.max(1);
    for (i, out) in out.chunks_mut(band * outputs).enumerate() {
        let taps = taps.range(i * band, out.len() / outputs);
        let Some(middle) = scratch.middle.get_mut(..taps.pixels() * v.outputs) else {
            return;
        };
        (path.first)(v, &taps, scratch.kernel, middle);
        let inner = Taps::rows(taps.pixels(), v.outputs, v.outputs, &*middle);
        match weights {
            Weights::Dense(_) => {}
            Weights::LowRank { u, .. } => (path.second)(u, &inner, scratch.kernel, out),
            Weights::IdentityRows {
                copies, u, order, ..
            } => {
                let results = &mut scratch.unordered[..taps.pixels() * outputs];
                let (others, copied) = results.split_at_mut(taps.pixels() * u.outputs);
                (path.wide)(u, &inner, scratch.kernel, others);
                copy(copies, middle, copied);
                (path.place)(results, v.outputs, order, out);
            }
        }
    }
}

/// Takes inner values `[pixels, rank]` to the results of the rows that are the identity.
fn copy<A: Arithmetic>(copies: &Matrix<'_, A>, inner: &[A::Act], out: &mut [A::Acc]) {
    let rank = copies.outputs;
    for (inner, out) in inner.chunks_exact(rank).zip(out.chunks_exact_mut(rank)) {
        for (o, (out, &x)) in out.iter_mut().zip(inner).enumerate() {
            *out = copied(copies, o, x);
        }
    }
}

/// Returns what identity row `o` makes of its inner value, not yet clamped.
#[inline(always)]
pub fn copied<A: Arithmetic>(copies: &Matrix<'_, A>, o: usize, x: A::Act) -> A::Acc {
    let bias = copies.bias.get(o);
    let bias = bias.map_or(A::Acc::default(), |&b| A::bias(b));
    A::rescale(&copies.scale, o, A::copy_row(bias, x))
}

/// [`Place`] with this conversion to outputs.
#[inline(always)]
pub(super) fn place<A: Arithmetic, O>(
    results: &[A::Acc],
    rank: usize,
    order: &[u16],
    out: &mut [O],
    convert: impl Fn(A::Acc) -> O,
) {
    let outputs = order.len();
    let (others, pixels) = (outputs - rank, results.len() / outputs);
    for (i, out) in out.chunks_exact_mut(outputs).enumerate() {
        let (copied, other) = (pixels * others + i * rank, i * others);
        for (out, &at) in out.iter_mut().zip(order) {
            let at = usize::from(at);
            let from = if at < rank {
                copied + at
            } else {
                other + at - rank
            };
            *out = convert(results[from]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec;

    use bytemuck::Pod;

    use super::*;
    use crate::arith::Float;
    use crate::config::WeightName;
    use crate::model::{Scope, Source};

    /// Arrays of zeros.
    struct Zeros;

    impl Source<'static> for Zeros {
        fn array<T: Pod>(&mut self, _: Param, len: usize) -> Result<&'static [T], ModelError> {
            Ok(Box::leak(vec![T::zeroed(); len].into_boxed_slice()))
        }

        fn verifies(&self) -> bool {
            false
        }
    }

    impl WeightSource<'static, Float<f32>> for Zeros {}

    /// Tells whether a weight of so many outputs and inputs takes a form.
    fn takes((outputs, inputs): (usize, usize), form: Form) -> bool {
        let weight = Weight {
            name: WeightName::ConvFirst,
            outputs,
            inputs,
            taps: 1,
        };
        let param = Param::new(Scope::Network, "it");
        let loaded = Weights::load::<f32>(&mut Zeros, param, weight, form, true);
        let refused = ModelError::Rank {
            param,
            rank: form.rank().unwrap(),
        };
        loaded.map_or_else(|error| error != refused, |_: Weights<'_, Float<f32>>| true)
    }

    #[test]
    fn a_rank_is_at_most_that_of_the_matrix() {
        for shape in [(4, 9), (9, 4)] {
            let low_rank = [0, 1, 4, 5].map(|rank| takes(shape, Form::LowRank(rank)));
            assert_eq!(low_rank, [false, true, true, false], "{shape:?}");
        }
        let identity = [0, 1, 3, 4].map(|rank| takes((4, 9), Form::IdentityRows(rank)));
        assert_eq!(
            identity,
            [false, true, true, false],
            "one output is no copy"
        );
        assert!(takes((9, 4), Form::IdentityRows(4)));
        assert!(!takes((9, 4), Form::IdentityRows(5)));
    }
}
