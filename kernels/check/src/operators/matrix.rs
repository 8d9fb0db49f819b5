//! Matrix products and convolutions, in every form of a weight.

use bytemuck::{Pod, Zeroable};
use mambalite_kernels::arith::Operand;
use mambalite_kernels::linear::{self, Matrix, Path, Taps, Weights};
use mambalite_kernels::{Kernels, Value, conv3x3};

use super::Fault;
use crate::inputs::{Inputs, matrix_shift, multiplier};
use crate::memory::{Buffer, Memory};
use crate::sequence::{Sequence, Sink};

/// Pixels that low-rank forms take at a time: calls have more.
const BAND: usize = 3;

/// Dimensions of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MatrixDims {
    /// Outputs.
    pub(crate) outputs: usize,
    /// Inputs; of a convolution, of one tap.
    pub(crate) inputs: usize,
    /// Rank of a low-rank form.
    pub(crate) rank: usize,
    /// Pixels of a call; of a convolution, of a row.
    pub(crate) pixels: usize,
    /// Calls.
    pub(crate) rounds: usize,
}

/// Form of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Dense,
    LowRank,
    IdentityRows,
}

/// Arrays of a weight, all of its forms.
pub(crate) struct Arrays<'m, A: Inputs> {
    /// In the order of the sequence, `[inputs, outputs]`.
    weights: &'m [A::Weight],
    factor: &'m [A::Weight],
    bias: &'m [A::Bias],
    multipliers: &'m [i32],
    shifts: &'m [u8],
    order: &'m [u16],
}

impl<'m, A: Inputs> Arrays<'m, A> {
    /// Makes a weight of `inputs` inputs (all taps).
    pub(crate) fn new(
        dims: &MatrixDims,
        inputs: usize,
        s: &mut Sequence,
        m: &mut Memory<'m>,
    ) -> Option<Self> {
        let n = dims.outputs;
        Some(Self {
            weights: m.array(inputs * n, || A::weight(s))?,
            factor: m.array(dims.rank * n, || A::weight(s))?,
            bias: m.array(n, || A::offset(s))?,
            multipliers: m.array(n, || multiplier(s))?,
            shifts: m.array(n, || matrix_shift(s))?,
            order: {
                let mut i = 0;
                m.array(n, || {
                    i += 1;
                    (((i - 1) * 7 + 3) % n) as u16
                })?
            },
        })
    }

    /// Makes the matrix of outputs `from..from + outputs` from the first weights of `of`.
    fn matrix<X: Operand<A::Acc>>(
        &self,
        kernel: &linear::Kernel<A>,
        of: &[A::Weight],
        (outputs, inputs): (usize, usize),
        bias_from: Option<usize>,
        m: &mut Memory<'m>,
    ) -> Option<Matrix<'m, A>> {
        let mut k_major = of.iter();
        let weights = m.array(outputs * inputs, A::Weight::zeroed)?;
        for k in 0..inputs {
            for o in 0..outputs {
                weights[A::weight_index((outputs, inputs), o, k)] = *k_major.next()?;
            }
        }
        let from = bias_from.unwrap_or(0);
        let range = from..from + outputs;
        let mut matrix = Matrix {
            outputs,
            inputs,
            weights,
            bias: bias_from.map_or(&[], |_| &self.bias[range.clone()]),
            scale: A::scale(&self.multipliers[range.clone()], &self.shifts[range]),
            packed: &[],
        };
        let bytes = size_of::<X>();
        let packed = m.array((kernel.packed_words)((outputs, inputs), bytes), || 0)?;
        (kernel.pack)(&matrix, bytes, packed);
        matrix.packed = packed;
        Some(matrix)
    }

    /// Makes the weight in a form, for inputs of type `X`.
    pub(crate) fn weights<X: Operand<A::Acc>>(
        &self,
        kernel: &linear::Kernel<A>,
        (dims, inputs): (&MatrixDims, usize),
        shape: Shape,
        m: &mut Memory<'m>,
    ) -> Option<Weights<'m, A>> {
        let (n, rank) = (dims.outputs, dims.rank);
        if shape == Shape::Dense {
            let matrix = self.matrix::<X>(kernel, self.weights, (n, inputs), Some(0), m)?;
            return Some(Weights::Dense(matrix));
        }
        let v = self.matrix::<X>(kernel, self.weights, (rank, inputs), None, m)?;
        let factor = self.factor;
        if shape == Shape::LowRank {
            let u = self.matrix::<A::Act>(kernel, factor, (n, rank), Some(0), m)?;
            return Some(Weights::LowRank { v, u });
        }
        let others = (n - rank, rank);
        Some(Weights::IdentityRows {
            v,
            copies: self.matrix::<A::Act>(kernel, &[], (rank, 0), Some(0), m)?,
            u: self.matrix::<A::Act>(kernel, factor, others, Some(rank), m)?,
            order: self.order,
        })
    }
}

/// Buffers of the products.
pub(crate) struct ScratchBuffers<'m, A: Inputs> {
    middle: Buffer<'m, A::Act>,
    unordered: Buffer<'m, A::Acc>,
    kernel: Buffer<'m, u64>,
    band: usize,
}

impl<'m, A: Inputs> ScratchBuffers<'m, A> {
    /// `band` - pixels that low-rank forms take at a time.
    pub(crate) fn new(
        kernel: &linear::Kernel<A>,
        (dims, inputs): (&MatrixDims, usize),
        band: usize,
        m: &mut Memory<'m>,
    ) -> Option<Self> {
        Some(Self {
            middle: m.take(band * dims.rank)?,
            unordered: m.take(band * dims.outputs)?,
            kernel: m.take((kernel.scratch_words)(inputs.max(dims.rank)))?,
            band,
        })
    }

    pub(crate) fn scratch(&mut self) -> linear::Scratch<'_, A> {
        linear::Scratch {
            band: self.band,
            middle: self.middle.values(),
            unordered: self.unordered.values(),
            kernel: self.kernel.values(),
        }
    }

    fn is_intact(&self) -> bool {
        self.middle.is_intact() && self.unordered.is_intact() && self.kernel.is_intact()
    }
}

/// A projection of several pixels, of inputs and of activations.
// Once for all cases: flash is short.
#[inline(never)]
pub(crate) fn linear<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &MatrixDims,
    shape: Shape,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let kernel = &kernels.linear;
    let arrays = Arrays::<A>::new(dims, dims.inputs, s, m).ok_or(Fault::Memory)?;
    let size = (dims, dims.inputs);
    let weights = arrays
        .weights::<A::In>(kernel, size, shape, m)
        .ok_or(Fault::Memory)?;
    pixels(
        &kernel.of_inputs(),
        kernel,
        &weights,
        dims,
        A::input,
        (s, m, sink),
    )?;
    let weights = arrays
        .weights::<A::Act>(kernel, size, shape, m)
        .ok_or(Fault::Memory)?;
    pixels(
        &kernel.of_acts_wide(),
        kernel,
        &weights,
        dims,
        A::act,
        (s, m, sink),
    )
}

fn pixels<A: Inputs, X: Operand<A::Acc>, O: Value + Pod>(
    path: &Path<A, X, O>,
    kernel: &linear::Kernel<A>,
    weights: &Weights<'_, A>,
    dims: &MatrixDims,
    next: fn(&mut Sequence) -> X,
    (s, m, sink): (&mut Sequence, &mut Memory<'_>, &mut dyn Sink),
) -> Result<(), Fault> {
    let mut scratch = ScratchBuffers::new(kernel, (dims, dims.inputs), BAND.min(dims.pixels), m)
        .ok_or(Fault::Memory)?;
    // Pixels lie in a wider tensor where there are several.
    let stride = dims.inputs + dims.pixels.min(2) - 1;
    let len = stride * (dims.pixels - 1) + dims.inputs;
    let x = m.array(len, X::default).ok_or(Fault::Memory)?;
    let mut out = m
        .take::<O>(dims.pixels * dims.outputs)
        .ok_or(Fault::Memory)?;
    for _ in 0..dims.rounds {
        x.fill_with(|| next(s));
        let taps = Taps::rows(dims.pixels, stride, dims.inputs, x);
        linear::apply(path, weights, &taps, &mut scratch.scratch(), out.values());
        sink.add(out.values());
    }
    match scratch.is_intact() && out.is_intact() {
        true => Ok(()),
        false => Err(Fault::Guard),
    }
}

/// Rows at the top, in the middle and at the bottom of a picture, as wide as `dims` say and one
/// pixel wide.
// Once for all cases: flash is short.
#[inline(never)]
pub(crate) fn conv3x3<A: Inputs>(
    kernels: &Kernels<A>,
    dims: &MatrixDims,
    shape: Shape,
    s: &mut Sequence,
    m: &mut Memory<'_>,
    sink: &mut dyn Sink,
) -> Result<(), Fault> {
    let (kernel, path) = (&kernels.linear, kernels.linear.of_inputs());
    let inputs = 9 * dims.inputs;
    let arrays = Arrays::<A>::new(dims, inputs, s, m).ok_or(Fault::Memory)?;
    let weights = arrays.weights::<A::In>(kernel, (dims, inputs), shape, m);
    let weights = weights.ok_or(Fault::Memory)?;
    let row_len = dims.pixels * dims.inputs;
    let x = m.array(3 * row_len, || A::input(s)).ok_or(Fault::Memory)?;
    let mut scratch = ScratchBuffers::new(kernel, (dims, inputs), BAND.min(dims.pixels), m)
        .ok_or(Fault::Memory)?;
    let mut out = m
        .take::<A::Act>(dims.pixels * dims.outputs)
        .ok_or(Fault::Memory)?;
    for (width, missing) in [dims.pixels, 1]
        .into_iter()
        .flat_map(|w| [(w, 0), (w, 1), (w, 2)])
    {
        let row = |i: usize| {
            let row = &x[i * row_len..][..width * dims.inputs];
            (i != missing || i == 1).then_some(row)
        };
        let rows = [row(0), row(1), row(2)];
        let out = &mut out.values()[..width * dims.outputs];
        conv3x3::row(
            &path,
            &weights,
            rows,
            &mut scratch.scratch(),
            dims.inputs,
            out,
        );
        sink.add(out);
    }
    match scratch.is_intact() && out.is_intact() {
        true => Ok(()),
        false => Err(Fault::Guard),
    }
}
