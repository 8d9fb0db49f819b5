//! Matrix products and 3x3 convolutions of the sizes that others' kernels are known at.

use mambalite_kernels::arith::{Arithmetic, Fixed, Float};
use mambalite_kernels::linear::{self, Taps};
use mambalite_kernels::{Kernels, conv3x3};

use super::{Bench, Meter, Unit, digest, each_variant};
use crate::inputs::Inputs;
use crate::memory::Memory;
use crate::operators::{Arrays, MatrixDims, ScratchBuffers, Shape};
use crate::sequence::Sequence;

/// Pixels of a projection.
const PIXELS: usize = 256;
/// Width and height of the picture of a convolution.
const SIDE: usize = 16;
/// Pixels that low-rank forms take at a time: those of the executors.
const BAND: usize = if cfg!(feature = "std") { 16 } else { 12 };

each_variant! {
    // Taps outside the picture are counted, as others do.
    "conv3x3 32->32" Mac (SIDE * SIDE * 9 * 32 * 32) as u64, linear,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| convolution(k, (32, 32), m, meter);
    "linear 48->96" Mac (PIXELS * 48 * 96) as u64, linear,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| projection(k, dense(48, 96), m, meter);
    "linear 48->8" Mac (PIXELS * 48 * 8) as u64, linear,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| projection(k, dense(48, 8), m, meter);
    "linear 8->48" Mac (PIXELS * 8 * 48) as u64, linear,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| projection(k, dense(8, 48), m, meter);
    "low-rank 48->8->96" Mac (PIXELS * 8 * (48 + 96)) as u64, linear,
        |k: &Kernels<_>, m: &mut Memory<'_>, meter: &mut dyn Meter| {
            projection(k, (Shape::LowRank, MatrixDims { rank: 8, ..dense(48, 96).1 }), m, meter)
        };
}

fn dense(inputs: usize, outputs: usize) -> (Shape, MatrixDims) {
    let dims = MatrixDims {
        outputs,
        inputs,
        rank: 1,
        pixels: PIXELS,
        rounds: 1,
    };
    (Shape::Dense, dims)
}

/// Inputs to activations.
fn projection<A: Inputs>(
    kernels: &Kernels<A>,
    (shape, dims): (Shape, MatrixDims),
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
) -> Option<u64> {
    let (mut s, kernel) = (Sequence::new(1), &kernels.linear);
    let size = (&dims, dims.inputs);
    let arrays = Arrays::<A>::new(&dims, dims.inputs, &mut s, m)?;
    let weights = arrays.weights::<A::In>(kernel, size, shape, m)?;
    let mut scratch = ScratchBuffers::new(kernel, size, BAND, m)?;
    let x = m.array(dims.pixels * dims.inputs, || A::input(&mut s))?;
    let out = m.array(dims.pixels * dims.outputs, A::Act::default)?;
    let path = kernel.of_inputs();
    meter.measure(&mut || {
        let taps = Taps::rows(dims.pixels, dims.inputs, dims.inputs, x);
        linear::apply(&path, &weights, &taps, &mut scratch.scratch(), out);
    });
    Some(digest(out))
}

/// All rows of a picture, inputs to activations.
fn convolution<A: Inputs>(
    kernels: &Kernels<A>,
    (inputs, outputs): (usize, usize),
    m: &mut Memory<'_>,
    meter: &mut dyn Meter,
) -> Option<u64> {
    let (mut s, kernel) = (Sequence::new(1), &kernels.linear);
    let dims = MatrixDims {
        pixels: SIDE,
        ..dense(inputs, outputs).1
    };
    let size = (&dims, 9 * inputs);
    let arrays = Arrays::<A>::new(&dims, 9 * inputs, &mut s, m)?;
    let weights = arrays.weights::<A::In>(kernel, size, Shape::Dense, m)?;
    let mut scratch = ScratchBuffers::new(kernel, size, BAND, m)?;
    let x = m.array(SIDE * SIDE * inputs, || A::input(&mut s))?;
    let out = m.array(SIDE * SIDE * outputs, A::Act::default)?;
    let path = kernel.of_inputs();
    meter.measure(&mut || {
        for (y, out) in out.chunks_exact_mut(SIDE * outputs).enumerate() {
            let row = |y: usize| x.chunks_exact(SIDE * inputs).nth(y);
            let rows = [y.checked_sub(1).and_then(row), row(y), row(y + 1)];
            conv3x3::row(&path, &weights, rows, &mut scratch.scratch(), inputs, out);
        }
    });
    Some(digest(out))
}
