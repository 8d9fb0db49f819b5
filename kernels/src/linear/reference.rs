//! The specification of the matrix product.

use super::{Matrix, Scratch, Weights};
use crate::arith::{Arithmetic, Operand};

/// Computes a projection of one pixel.
///
/// * `out` - `[outputs]`, in the unit of the outputs, not yet clamped.
/// * `x` - `[inputs]`.
///
/// Each output is a chain in ascending `k` from the bias: in `f32` of fused multiply-adds, in
/// fixed point exact in 32 bits (checked when the model is read), then requantised. Low-rank: the
/// inner result is clamped to an activation (`f32`, `i16`) and multiplied in the same way; an
/// identity row is the bias plus the inner value.
/// Scratch: [`Scratch`]. Error against f64: none in fixed point but the roundings; in `f32` at most
/// `inputs` half units of the largest partial sum. Source: MambaLiteSR section III (low rank), the
/// identity rows are the project's own.
#[inline(always)]
pub fn run<A: Arithmetic, X: Operand<A::Acc>>(
    weights: &Weights<'_, A>,
    x: &[X],
    scratch: &mut Scratch<'_, A>,
    out: &mut [A::Acc],
) {
    let first = weights.first();
    let acc = if matches!(weights, Weights::Dense(_)) {
        &mut *out
    } else {
        &mut *scratch.acc
    };
    start(first, acc);
    accumulate(first, 0, x, acc);
    finish(weights, scratch, out);
}

/// Sets the accumulators to the bias, or to zero where there is none.
#[inline(always)]
pub(crate) fn start<A: Arithmetic>(matrix: &Matrix<'_, A>, acc: &mut [A::Acc]) {
    let acc = &mut acc[..matrix.outputs];
    if matrix.bias.is_empty() {
        acc.fill(A::Acc::default());
    }
    for (acc, &bias) in acc.iter_mut().zip(matrix.bias) {
        *acc = A::bias(bias);
    }
}

/// Adds the products of inputs `first..first + x.len()`, in ascending order.
#[inline(always)]
pub(crate) fn accumulate<A: Arithmetic, X: Operand<A::Acc>>(
    matrix: &Matrix<'_, A>,
    first: usize,
    x: &[X],
    acc: &mut [A::Acc],
) {
    let n = matrix.outputs;
    let acc = &mut acc[..n];
    let weights = &matrix.weights[first * n..][..x.len() * n];
    for (x, weights) in x.iter().zip(weights.chunks_exact(n)) {
        let x = x.widen();
        for (acc, &weight) in acc.iter_mut().zip(weights) {
            *acc = A::multiply_add(*acc, weight, x);
        }
    }
}

/// Takes the accumulators of [`Weights::first`] to the outputs.
///
/// They lie in `out` for a dense weight and in `scratch.acc` for the others.
#[inline(always)]
pub(crate) fn finish<A: Arithmetic>(
    weights: &Weights<'_, A>,
    scratch: &mut Scratch<'_, A>,
    out: &mut [A::Acc],
) {
    match weights {
        Weights::Dense(matrix) => A::rescale(&matrix.scale, &mut out[..matrix.outputs]),
        Weights::LowRank { v, u } => {
            let middle = middle(v, scratch.acc, scratch.middle);
            start(u, out);
            accumulate(u, 0, middle, out);
            A::rescale(&u.scale, &mut out[..u.outputs]);
        }
        Weights::IdentityRows {
            v,
            copies,
            u,
            order,
        } => {
            let rank = v.outputs;
            let middle = middle(v, scratch.acc, scratch.middle);
            let (copied, others) = scratch.acc[..rank + u.outputs].split_at_mut(rank);
            start(copies, copied);
            for (acc, &x) in copied.iter_mut().zip(middle) {
                *acc = A::copy_row(*acc, x);
            }
            A::rescale(&copies.scale, copied);
            start(u, others);
            accumulate(u, 0, middle, others);
            A::rescale(&u.scale, others);
            for (out, &i) in out.iter_mut().zip(*order) {
                *out = scratch.acc[usize::from(i)];
            }
        }
    }
}

/// Takes the accumulators of `v` to the inner activations.
#[inline(always)]
fn middle<'s, A: Arithmetic>(
    v: &Matrix<'_, A>,
    acc: &mut [A::Acc],
    middle: &'s mut [A::Act],
) -> &'s [A::Act] {
    let acc = &mut acc[..v.outputs];
    A::rescale(&v.scale, acc);
    let middle = &mut middle[..v.outputs];
    for (middle, &acc) in middle.iter_mut().zip(&*acc) {
        *middle = A::to_act(acc);
    }
    middle
}
