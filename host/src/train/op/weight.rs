//! Weights in their forms: dense, low-rank, low-rank with identity rows; as projections and as 3x3
//! convolutions.

use std::ops::Range;

use mambalite_kernels::num::float::Real;

use super::conv3x3;
use super::matrix::{View, Write, add_rows, multiply};

/// A weight and where its arrays lie in the parameter vector.
#[derive(Clone, Debug)]
pub struct Weight {
    /// Place among the weights of the network.
    pub index: usize,
    /// Outputs.
    pub outputs: usize,
    /// Inputs, of one tap.
    pub inputs: usize,
    /// Rank; 0 of a dense weight.
    pub rank: usize,
    /// Its arrays.
    pub parts: Parts,
}

/// The arrays of a form; a bias that is not there is empty.
#[derive(Clone, Debug)]
pub enum Parts {
    /// One matrix.
    Dense {
        /// `[taps, inputs, outputs]`.
        weight: Range<usize>,
        /// `[outputs]`.
        bias: Range<usize>,
    },
    /// `U V`.
    LowRank {
        /// `[taps, inputs, rank]`.
        v: Range<usize>,
        /// `[rank, outputs]`.
        u: Range<usize>,
        /// `[outputs]`.
        bias: Range<usize>,
    },
    /// `P [I; U] V`.
    IdentityRows {
        /// `[taps, inputs, rank]`.
        v: Range<usize>,
        /// `[rank, outputs - rank]`.
        u: Range<usize>,
        /// Of the copies, `[rank]`.
        copies_bias: Range<usize>,
        /// Of the other outputs, `[outputs - rank]`.
        bias: Range<usize>,
        /// Where each output stands in (copies, others).
        order: Vec<u16>,
    },
}

/// The input of a weight.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a, T> {
    /// Of a projection: rows of pixels, so many numbers apart.
    Rows(&'a [T], usize),
    /// Of a 3x3 convolution: a picture.
    Picture(&'a [T], conv3x3::Shape),
}

/// Where the gradient of the input goes.
#[derive(Debug)]
pub enum Output<'a, T> {
    /// Nowhere.
    Unused,
    /// Rows of pixels, so many numbers apart.
    Rows(&'a mut [T], usize, Write),
    /// A picture, replaced.
    Picture(&'a mut Vec<T>),
}

/// Memory that weights share.
#[derive(Debug, Default)]
pub struct Scratch<T> {
    conv3x3: conv3x3::Scratch<T>,
    middle: Vec<T>,
    d_middle: Vec<T>,
    ordered: Vec<T>,
}

/// Parameters, and the gradient that is added to.
#[derive(Debug)]
pub struct Vectors<'a, T> {
    /// The parameter vector.
    pub values: &'a [T],
    /// Its gradient.
    pub gradient: &'a mut [T],
}

impl Weight {
    /// Adds the gradients of the parameters and returns that of the input.
    ///
    /// * `gradient` - of the output, `[pixels, outputs]`.
    ///
    /// `out = W x + b`: `dW += x' dy`, `db += dy`, `dx = W' dy`; low-rank in two steps. Source:
    /// MambaLiteSR (arXiv 2502.14090) section III for the low rank.
    pub fn backward<T: Real>(
        &self,
        vectors: &mut Vectors<'_, T>,
        input: Input<'_, T>,
        gradient: &[T],
        output: Output<'_, T>,
        s: &mut Scratch<T>,
    ) {
        let (outputs, rank) = (self.outputs, self.rank);
        if let Input::Picture(x, shape) = input {
            s.conv3x3.take_input(&shape, x);
        }
        s.d_middle.clear();
        let v = match &self.parts {
            Parts::Dense { weight, bias } => {
                vectors.add_bias(bias, gradient, outputs);
                let conv = &mut s.conv3x3;
                return first(vectors, weight, input, (gradient, outputs), output, conv);
            }
            Parts::LowRank { v, u, bias } => {
                vectors.add_bias(bias, gradient, outputs);
                s.second(vectors, (v, u), rank, input, (gradient, outputs));
                v
            }
            Parts::IdentityRows {
                v,
                u,
                copies_bias,
                bias,
                order,
            } => {
                let mut ordered = std::mem::take(&mut s.ordered);
                put_in_order(gradient, order, &mut ordered);
                let others = &ordered[rank..];
                vectors.add_bias(copies_bias, &ordered, outputs);
                vectors.add_bias(bias, others, outputs);
                for pixel in ordered.chunks_exact(outputs) {
                    s.d_middle.extend_from_slice(&pixel[..rank]);
                }
                s.second(vectors, (v, u), rank, input, (others, outputs));
                s.ordered = ordered;
                v
            }
        };
        let middle = (s.d_middle.as_slice(), rank);
        first(vectors, v, input, middle, output, &mut s.conv3x3);
    }
}

impl<T: Real> Vectors<'_, T> {
    /// Adds the gradient of a bias: the sums of columns of rows that are `stride` numbers apart.
    fn add_bias(&mut self, bias: &Range<usize>, rows: &[T], stride: usize) {
        add_rows(rows, bias.len(), stride, &mut self.gradient[bias.clone()]);
    }
}

impl<T: Real> Scratch<T> {
    /// Backward pass of the matrix `u` that takes the inner values: its gradient, and that of
    /// the inner values, which is added to what `d_middle` has.
    ///
    /// * `gradient` - rows of its outputs, and the numbers from one row to the next.
    fn second(
        &mut self,
        vectors: &mut Vectors<'_, T>,
        (v, u): (&Range<usize>, &Range<usize>),
        rank: usize,
        input: Input<'_, T>,
        (gradient, stride): (&[T], usize),
    ) {
        inner(
            vectors.values,
            v,
            rank,
            input,
            &mut self.conv3x3,
            &mut self.middle,
        );
        let (pixels, columns) = (self.middle.len() / rank, u.len() / rank);
        self.d_middle.resize(pixels * rank, T::zero());
        let gradient = View::new(gradient, (pixels, columns), stride);
        let middle = View::new(&self.middle, (pixels, rank), rank);
        let d_u = &mut vectors.gradient[u.clone()];
        multiply(middle.transposed(), gradient, d_u, columns, Write::Add);
        let u = View::new(&vectors.values[u.clone()], (rank, columns), columns);
        multiply(
            gradient,
            u.transposed(),
            &mut self.d_middle,
            rank,
            Write::Add,
        );
    }
}

/// Backward pass of the matrix that takes the input, `[taps, inputs, outputs]`, without a bias.
fn first<T: Real>(
    vectors: &mut Vectors<'_, T>,
    weight: &Range<usize>,
    input: Input<'_, T>,
    (gradient, outputs): (&[T], usize),
    output: Output<'_, T>,
    scratch: &mut conv3x3::Scratch<T>,
) {
    let weights = &vectors.values[weight.clone()];
    let d_weights = &mut vectors.gradient[weight.clone()];
    match input {
        Input::Rows(x, stride) => {
            let (inputs, pixels) = (weights.len() / outputs, gradient.len() / outputs);
            let g = View::new(gradient, (pixels, outputs), outputs);
            let x = View::new(x, (pixels, inputs), stride);
            multiply(x.transposed(), g, d_weights, outputs, Write::Add);
            if let Output::Rows(d_x, stride, write) = output {
                let w = View::new(weights, (inputs, outputs), outputs);
                multiply(g, w.transposed(), d_x, stride, write);
            }
        }
        Input::Picture(_, shape) => {
            let d_input = match output {
                Output::Picture(d_input) => Some(d_input),
                _ => None,
            };
            conv3x3::backward(&shape, weights, gradient, d_weights, d_input, scratch);
        }
    }
}

/// Computes the inner values of a low-rank weight, `[pixels, rank]`.
fn inner<T: Real>(
    values: &[T],
    v: &Range<usize>,
    rank: usize,
    input: Input<'_, T>,
    scratch: &mut conv3x3::Scratch<T>,
    middle: &mut Vec<T>,
) {
    let weights = &values[v.clone()];
    match input {
        Input::Rows(x, stride) => {
            let inputs = weights.len() / rank;
            let pixels = (x.len() + stride - inputs) / stride;
            middle.clear();
            middle.resize(pixels * rank, T::zero());
            let x = View::new(x, (pixels, inputs), stride);
            let w = View::new(weights, (inputs, rank), rank);
            multiply(x, w, middle, rank, Write::Replace);
        }
        Input::Picture(_, shape) => {
            conv3x3::forward(&shape, weights, rank, scratch, middle);
        }
    }
}

/// Puts the gradients of outputs, `[pixels, outputs]`, where their values stood: copies, others.
fn put_in_order<T: Real>(gradient: &[T], order: &[u16], out: &mut Vec<T>) {
    out.clear();
    out.resize(gradient.len(), T::zero());
    let pixels = gradient.chunks_exact(order.len());
    for (gradient, out) in pixels.zip(out.chunks_exact_mut(order.len())) {
        for (&g, &place) in gradient.iter().zip(order) {
            out[usize::from(place)] = g;
        }
    }
}
