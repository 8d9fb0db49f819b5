//! The specification of the 3x3 convolution.

use crate::arith::{Arithmetic, Operand};
use crate::dispatch::dispatch;
use crate::linear::{Scratch, Weights, accumulate, finish, start};

dispatch! {
    /// Convolves one row of pixels.
    ///
    /// * `rows` - the rows above, at and below, each `[w, inputs]`; nothing outside the picture.
    /// * `out` - `[w, outputs]`. * `pixel` - `[outputs]`, scratch.
    ///
    /// Each output is a chain from the bias in the order (ky, kx, input channel); taps outside the
    /// picture are skipped. Numbers as [`crate::linear::run`]. Weights `[ky, kx, input, output]`.
    /// Scratch: `pixel` and [`Scratch`]. Error against f64: as the matrix product with nine times
    /// the inputs. Source: DVMSR (arXiv 2405.03008) figure 2.
    pub fn row<A: Arithmetic, X: Operand<A::Acc>>(
        weights: &Weights<'_, A>,
        rows: [Option<&[X]>; 3],
        out: &mut [A::Act],
        pixel: &mut [A::Acc],
        scratch: &mut Scratch<'_, A>,
        outputs: usize,
        inputs: usize,
    ) {
        let first = weights.first();
        let dense = matches!(weights, Weights::Dense(_));
        let width = out.len() / outputs;
        let pixel = &mut pixel[..outputs];
        for (x, out) in out.chunks_exact_mut(outputs).enumerate() {
            let acc = if dense { &mut *pixel } else { &mut *scratch.acc };
            start(first, acc);
            for (ky, row) in rows.iter().enumerate() {
                let Some(row) = row else { continue };
                for kx in usize::from(x == 0)..3 - usize::from(x + 1 == width) {
                    let values = &row[(x + kx - 1) * inputs..][..inputs];
                    accumulate(first, (ky * 3 + kx) * inputs, values, acc);
                }
            }
            finish(weights, scratch, pixel);
            for (out, &value) in out.iter_mut().zip(&*pixel) {
                *out = A::to_act(value);
            }
        }
    }
}
