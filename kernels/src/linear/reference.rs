//! The specification of the matrix product.

use super::{Kernel, Matrix, Taps};
use crate::arith::{Arithmetic, Operand};

/// Multiplies the inputs of a run of pixels with a matrix.
///
/// * `out` - `[pixels, outputs]`. * `convert` - takes a result in the unit of the outputs, not yet
///   clamped, to an output.
///
/// Each output is a chain in ascending `k` from the bias over the inputs that `taps` holds: in
/// `f32` of fused multiply-adds, in fixed point exact in 32 bits (checked when the model is read),
/// then requantised. Scratch: none. Error against f64: none in fixed point but the rounding; in
/// `f32` at most `inputs` half units of the largest partial sum. Source: PyTorch `Linear` and
/// `Conv2d`.
#[inline(always)]
fn run<A: Arithmetic, X: Operand<A::Acc>, O>(
    matrix: &Matrix<'_, A>,
    taps: &Taps<'_, X>,
    out: &mut [O],
    convert: impl Fn(A::Acc) -> O,
) {
    let pixels = out.chunks_exact_mut(matrix.outputs).take(taps.pixels());
    for (pixel, out) in pixels.enumerate() {
        for (o, out) in out.iter_mut().enumerate() {
            *out = convert(output(matrix, taps, pixel, o));
        }
    }
}

/// Returns output `o` of a pixel, not yet clamped.
#[inline(always)]
pub fn output<A: Arithmetic, X: Operand<A::Acc>>(
    matrix: &Matrix<'_, A>,
    taps: &Taps<'_, X>,
    pixel: usize,
    o: usize,
) -> A::Acc {
    let bias = matrix.bias.get(o);
    let mut acc = bias.map_or(A::Acc::default(), |&b| A::bias(b));
    for (k, x) in taps.inputs(pixel) {
        let at = A::weight_index((matrix.outputs, matrix.inputs), o, k);
        acc = A::multiply_add(acc, matrix.weights[at], x.widen());
    }
    A::rescale(&matrix.scale, o, acc)
}

fn to_acts<A: Arithmetic, X: Operand<A::Acc>>(
    matrix: &Matrix<'_, A>,
    taps: &Taps<'_, X>,
    _scratch: &mut [u64],
    out: &mut [A::Act],
) {
    run(matrix, taps, out, A::to_act);
}

fn to_accs<A: Arithmetic, X: Operand<A::Acc>>(
    matrix: &Matrix<'_, A>,
    taps: &Taps<'_, X>,
    _scratch: &mut [u64],
    out: &mut [A::Acc],
) {
    run(matrix, taps, out, |acc| acc);
}

/// Returns the entry points.
pub(crate) const fn kernel<A: Arithmetic>() -> Kernel<A> {
    Kernel {
        scratch_words: |_| 0,
        packed_words: |_, _| 0,
        pack: |_, _, _| (),
        inputs: to_acts::<A, A::In>,
        acts: to_acts::<A, A::Act>,
        wide: to_accs::<A, A::Act>,
    }
}
