//! Convolution of 3x3 taps with zeros around the picture.

use mambalite_kernels::num::float::Real;

use super::matrix::{View, Write, multiply};

/// Sides of a picture and channels of the input.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Channels of the input.
    pub inputs: usize,
}

impl Shape {
    /// Rows of the product of one tap: the pixels, and two columns of the frame a row but the last.
    fn rows(&self) -> usize {
        (self.height - 1) * (self.width + 2) + self.width
    }

    /// First pixel of tap `(dy, dx)` in the framed picture.
    fn offset(&self, tap: usize) -> usize {
        tap / 3 * (self.width + 2) + tap % 3
    }
}

/// Memory that convolutions share: pictures with a frame of a pixel.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    /// The input with its frame, `[h + 2, w + 2, inputs]`.
    input: Vec<T>,
    /// Rows of outputs or their gradients, `[h, w + 2, outputs]`, zeros in the last two columns.
    output: Vec<T>,
    /// Gradient of `input`.
    d_input: Vec<T>,
}

impl<T: Real> Scratch<T> {
    /// Takes the input of the convolutions that follow, `[h, w, inputs]`.
    pub fn take_input(&mut self, shape: &Shape, x: &[T]) {
        let (w, inputs) = (shape.width, shape.inputs);
        let framed = &mut self.input;
        framed.clear();
        framed.resize((w + 2) * inputs, T::zero());
        for row in x.chunks_exact(w * inputs) {
            framed.resize(framed.len() + inputs, T::zero());
            framed.extend_from_slice(row);
            framed.resize(framed.len() + inputs, T::zero());
        }
        framed.resize(framed.len() + (w + 2) * inputs, T::zero());
    }
}

/// Computes the convolution of the input taken, without a bias, `[h, w, outputs]`.
///
/// * `weights` - `[3, 3, inputs, outputs]`.
///
/// A backward pass needs the inner values of a low-rank convolution; they are not those of the
/// kernels to the bit, but the gradient is exact to rounding.
pub fn forward<T: Real>(
    shape: &Shape,
    weights: &[T],
    outputs: usize,
    scratch: &mut Scratch<T>,
    out: &mut Vec<T>,
) {
    scratch.output.clear();
    scratch
        .output
        .resize(shape.height * (shape.width + 2) * outputs, T::zero());
    for tap in 0..9 {
        let input = View::new(
            &scratch.input[shape.offset(tap) * shape.inputs..],
            (shape.rows(), shape.inputs),
            shape.inputs,
        );
        let w = &weights[tap * shape.inputs * outputs..];
        let w = View::new(w, (shape.inputs, outputs), outputs);
        multiply(input, w, &mut scratch.output, outputs, Write::Add);
    }
    out.clear();
    for row in scratch.output.chunks_exact((shape.width + 2) * outputs) {
        out.extend_from_slice(&row[..shape.width * outputs]);
    }
}

/// Adds the gradient of the weights, and returns that of the input taken where it is asked for.
///
/// * `gradient` - of the output, `[h, w, outputs]`. * `d_input` - `[h, w, inputs]`, replaced.
///
/// Nine products over the framed picture, one a tap, in place of a picture of patches.
pub fn backward<T: Real>(
    shape: &Shape,
    weights: &[T],
    gradient: &[T],
    d_weights: &mut [T],
    d_input: Option<&mut Vec<T>>,
    scratch: &mut Scratch<T>,
) {
    let outputs = gradient.len() / (shape.width * shape.height);
    let (inputs, rows) = (shape.inputs, shape.rows());
    scratch.output.clear();
    for row in gradient.chunks_exact(shape.width * outputs) {
        scratch.output.extend_from_slice(row);
        scratch
            .output
            .resize(scratch.output.len() + 2 * outputs, T::zero());
    }
    if d_input.is_some() {
        scratch.d_input.clear();
        scratch.d_input.resize(scratch.input.len(), T::zero());
    }
    for tap in 0..9 {
        let (from, at) = (shape.offset(tap) * inputs, tap * inputs * outputs);
        let g = View::new(&scratch.output, (rows, outputs), outputs);
        let input = View::new(&scratch.input[from..], (rows, inputs), inputs);
        multiply(
            input.transposed(),
            g,
            &mut d_weights[at..],
            outputs,
            Write::Add,
        );
        if d_input.is_some() {
            let w = View::new(&weights[at..], (inputs, outputs), outputs);
            multiply(
                g,
                w.transposed(),
                &mut scratch.d_input[from..],
                inputs,
                Write::Add,
            );
        }
    }
    if let Some(d_input) = d_input {
        let row_len = (shape.width + 2) * inputs;
        d_input.clear();
        for row in scratch
            .d_input
            .chunks_exact(row_len)
            .skip(1)
            .take(shape.height)
        {
            d_input.extend_from_slice(&row[inputs..][..shape.width * inputs]);
        }
    }
}
