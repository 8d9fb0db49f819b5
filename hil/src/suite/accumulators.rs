//! How large the sums of each matrix can become with the weights of a model.

use bytemuck::Pod;
use mambalite_hil_certificate::predicate::Accumulator;
use mambalite_kernels::arith::{Fixed, FixedInput, Operand};
use mambalite_kernels::linear::Matrix;
use mambalite_kernels::model::{ArraySource, Param, Source, WeightSource};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Model, ModelError, Precision};

use crate::error::{Error, Result};

/// The weight of an identity row, which is a copy.
const COPY: i64 = 1 << 6;
/// Operators that sum products: matrices and the causal convolution. Others have a `multiplier` too.
const SUMS: [&str; 9] = [
    "conv_first",
    "in_proj",
    "conv1d",
    "x_proj",
    "dt_proj",
    "out_proj",
    "conv",
    "conv_after_body",
    "upsample",
];
/// Largest magnitude of an activation.
const ACT_MAX: i64 = <i16 as Operand<i32>>::MAX;

/// Returns for each integer matrix and causal convolution of a model the largest sum that any input of
/// its format can give, in the order of the file; nothing for single precision.
///
/// The largest over its outputs of `sum_k |w[o, k]| * max + |bias[o]|`, with `max` 32767 for inputs of
/// 16 bits and 127 * 256 for those of 8: formats are symmetric, so that an input reaches it, but for
/// the sign of the bias. Partial sums are never larger, in any order.
///
/// # Errors
/// [`Error::Reference`] for a model that cannot be read, which its reader has excluded.
pub fn accumulators(model: &Model<'_>) -> Result<Vec<Accumulator>> {
    match model.precision() {
        Precision::F32 => Ok(Vec::new()),
        Precision::W8A16 => of_precision::<i16>(model),
        Precision::W8A8 => of_precision::<i8>(model),
    }
}

fn of_precision<I: FixedInput>(model: &Model<'_>) -> Result<Vec<Accumulator>> {
    let mut found = Vec::new();
    for section in Section::all(model.config()) {
        let mut walk = Walk {
            arrays: model.section(section),
            weights: &[],
            bias: &[],
            found: &mut found,
        };
        let forms = |i| model.form(i);
        let loaded = load_section::<Fixed<I>>(&mut walk, model.config(), &forms, section);
        loaded.map_err(|error| Error::Reference {
            cause: error.to_string(),
        })?;
    }
    let accumulator = |(name, sums): (String, Sums)| Accumulator {
        name,
        bound: sums.largest().unsigned_abs(),
        limit: i32::MAX as u64,
    };
    Ok(found.into_iter().map(accumulator).collect())
}

/// What is known of a matrix.
struct Sums {
    /// Sum of the magnitudes of each output's weights, and the magnitude of its bias.
    outputs: Vec<(i64, i64)>,
    /// Largest magnitude of an input.
    max: i64,
}

impl Sums {
    fn largest(&self) -> i64 {
        let sums = self.outputs.iter().map(|(sum, bias)| sum * self.max + bias);
        sums.max().unwrap_or(0)
    }
}

/// A source that looks at what the network asks for: `weight`, `bias` and `multiplier` of each operator,
/// one after another.
struct Walk<'a, 'f> {
    arrays: ArraySource<'a>,
    /// Weights and bias of the operator that is being read.
    weights: &'a [i8],
    bias: &'a [i32],
    found: &'f mut Vec<(String, Sums)>,
}

impl Walk<'_, '_> {
    /// Notes the operator of `param`; its inputs are activations until [`WeightSource::packed`] says
    /// otherwise.
    fn end(&mut self, param: Param, outputs: usize) {
        let inputs = self.weights.len() / outputs.max(1);
        let sum = |o: usize| -> i64 {
            if inputs == 0 {
                return COPY;
            }
            // The taps of a causal convolution are the rows of its array, else outputs are.
            let (first, step) = match param.name {
                "conv1d" => (o, outputs),
                _ => (o * inputs, 1),
            };
            let row = self.weights.iter().skip(first).step_by(step).take(inputs);
            row.map(|&w| i64::from(w).abs()).sum()
        };
        let bias = |o: usize| self.bias.get(o).map_or(0, |&b| i64::from(b).abs());
        let outputs = (0..outputs).map(|o| (sum(o), bias(o))).collect();
        let (name, max) = (Param { part: "", ..param }.to_string(), ACT_MAX);
        self.found.push((name, Sums { outputs, max }));
    }
}

impl<'a> Source<'a> for Walk<'a, '_> {
    fn array<T: Pod>(
        &mut self,
        param: Param,
        len: usize,
    ) -> std::result::Result<&'a [T], ModelError> {
        let array = self.arrays.array::<T>(param, len)?;
        match param.part {
            "weight" => self.weights = bytemuck::try_cast_slice(array).unwrap_or_default(),
            "bias" => self.bias = bytemuck::try_cast_slice(array).unwrap_or_default(),
            "multiplier" if SUMS.contains(&param.name) => self.end(param, len),
            _ => {}
        }
        Ok(array)
    }

    fn verifies(&self) -> bool {
        false
    }
}

impl<'a, I: FixedInput> WeightSource<'a, Fixed<I>> for Walk<'a, '_> {
    fn packed(&mut self, _: &Matrix<'a, Fixed<I>>, input_bytes: usize) -> &'a [u64] {
        if let Some((_, sums)) = self.found.last_mut()
            && input_bytes == size_of::<i8>()
        {
            sums.max = <i8 as Operand<i32>>::MAX;
        }
        &[]
    }
}
