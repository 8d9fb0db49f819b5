//! Inputs that drive the sums of the first layer to their ends, made from its weights.

use mambalite::picture::Picture;
use mambalite_kernels::arith::{Arithmetic, Fixed, Float, Operand};
use mambalite_kernels::linear::{Matrix, Weights};
use mambalite_kernels::network::{First, Section};
use mambalite_kernels::{Model, Precision, Value};

use crate::error::{Error, Result};

/// Side of such a picture: the middle pixel sees all of it.
const SIDE: usize = 3;
/// LR pixels of such a picture.
pub(super) const PIXELS: usize = SIDE * SIDE;

/// A sum of the first matrix at both of its ends.
struct Ends {
    /// Output of the matrix.
    output: usize,
    /// Bytes and sum, smallest and largest.
    ends: [(Vec<u8>, f64); 2],
}

impl Ends {
    /// Returns the magnitude of the larger end.
    fn reach(&self) -> f64 {
        let [(_, low), (_, high)] = &self.ends;
        low.abs().max(high.abs())
    }
}

/// Returns pictures of 3 x 3 pixels, two for each of `count` outputs: those whose sums reach farthest.
/// Of a low-rank weight the outputs are those of its first factor, which sees the pixels.
///
/// # Errors
/// [`Error::Reference`] for a model that cannot be read, which its reader has excluded.
pub(super) fn pictures(model: &Model<'_>, count: usize) -> Result<Vec<(String, Picture)>> {
    let mut ends = match model.precision() {
        Precision::F32 => ends::<Float<f32>>(model)?,
        Precision::W8A16 => ends::<Fixed<i16>>(model)?,
        Precision::W8A8 => ends::<Fixed<i8>>(model)?,
    };
    // Stable: of equal ones the first.
    ends.sort_by(|a, b| b.reach().total_cmp(&a.reach()));
    let channels = model.config().channels;
    let mut all = Vec::new();
    for Ends { output, ends } in ends.into_iter().take(count) {
        for ((bytes, _), end) in ends.into_iter().zip(["smallest", "largest"]) {
            let picture = Picture::new(SIDE, SIDE, channels, bytes)?;
            all.push((format!("accumulator/{output}-{end}"), picture));
        }
    }
    Ok(all)
}

fn ends<A: Arithmetic>(model: &Model<'_>) -> Result<Vec<Ends>> {
    let mut source = model.section(Section::First);
    let first = First::<A>::load(&mut source, model.config(), &|i| model.form(i));
    let first = first.map_err(|error| Error::Reference {
        cause: error.to_string(),
    })?;
    let (Weights::Dense(matrix)
    | Weights::LowRank { v: matrix, .. }
    | Weights::IdentityRows { v: matrix, .. }) = &first.conv;
    let of_output = |output| Ends {
        output,
        ends: [false, true].map(|largest| end(model, matrix, output, largest)),
    };
    Ok((0..matrix.outputs).map(of_output).collect())
}

/// Returns the bytes that drive the sum of an output to its end, and that sum. Tap `k` of the matrix is
/// byte `k` of the picture; what a byte adds rises or falls with it, so that the ends are at 0 and 255.
fn end<A: Arithmetic>(
    model: &Model<'_>,
    matrix: &Matrix<'_, A>,
    output: usize,
    largest: bool,
) -> (Vec<u8>, f64) {
    let (config, shape) = (model.config(), (matrix.outputs, matrix.inputs));
    let bias = matrix.bias.get(output);
    let mut sum = bias.map_or(0.0, |&bias| A::bias(bias).real());
    let mut bytes = Vec::with_capacity(matrix.inputs);
    for k in 0..matrix.inputs {
        let weight = matrix.weights.get(A::weight_index(shape, output, k));
        let adds = |byte: u8| {
            let x = A::pixel(config, k % config.channels, byte).widen();
            weight.map_or(0.0, |&w| A::multiply_add(A::Acc::default(), w, x).real())
        };
        let (dark, light) = (adds(0), adds(255));
        let takes_light = (light > dark) == largest && light != dark;
        bytes.push(if takes_light { 255 } else { 0 });
        sum += if takes_light { light } else { dark };
    }
    (bytes, sum)
}
