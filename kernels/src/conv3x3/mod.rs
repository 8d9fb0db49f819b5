//! 3x3 convolution of one row, zero-padded at the picture's borders.
//!
//! A low-rank convolution is `rank` 3x3 filters, then a 1x1 convolution. A row of a picture holds
//! the inputs of its pixels at a stride of one pixel, so that a convolution is the matrix product
//! of [`crate::linear`] over three overlapping pieces: every variant of that is one of this.

use crate::arith::Arithmetic;
use crate::linear::{Path, Piece, Scratch, Taps, Weights, apply};

/// Convolves one row of pixels.
///
/// * `rows` - the rows above, at and below, each `[w, inputs]`; nothing outside the picture.
/// * `out` - `[w, outputs]`.
///
/// Each output is a chain from the bias in the order (ky, kx, input channel); taps outside the
/// picture are skipped. Numbers as [`crate::linear::Run`] with inputs `[ky, kx, input]`. Error
/// against f64: as the matrix product with nine times the inputs. Source: DVMSR (arXiv 2405.03008)
/// figure 2.
pub fn row<A: Arithmetic, X: Copy>(
    path: &Path<A, X, A::Act>,
    weights: &Weights<'_, A>,
    rows: [Option<&[X]>; 3],
    scratch: &mut Scratch<'_, A>,
    inputs: usize,
    out: &mut [A::Act],
) {
    let outputs = weights.outputs();
    let width = out.len() / outputs;
    // The first and the last pixel have fewer taps than those between.
    let spans = [
        0..1.min(width),
        1..width.saturating_sub(1),
        width.saturating_sub(1).max(1)..width,
    ];
    for span in spans {
        if span.is_empty() {
            continue;
        }
        let columns = usize::from(span.start == 0)..3 - usize::from(span.end == width);
        let mut taps = Taps::new(span.len(), inputs);
        for (ky, row) in rows.iter().enumerate() {
            let Some(row) = row else { continue };
            taps.push(Piece {
                k: (ky * 3 + columns.start) * inputs,
                len: columns.len() * inputs,
                x: row
                    .get((span.start + columns.start - 1) * inputs..)
                    .unwrap_or_default(),
            });
        }
        let out = &mut out[span.start * outputs..span.end * outputs];
        apply(path, weights, &taps, scratch, out);
    }
}
