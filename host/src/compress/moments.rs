//! Second moments of every weight's inputs, and of the gradients of its outputs.

use mambalite_kernels::Layer;
use nalgebra::DMatrix;
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use super::CompressError;
use crate::Result;
use crate::picture::Picture;
use crate::train::backward::{Backward, Buffers, Plan, Watch};
use crate::train::network::forward;
use crate::train::op::matrix::{View, Write, multiply};
use crate::train::op::weight::Input;
use crate::train::parameters::Parameters;
use crate::train::tape::Tape;

/// Patches that are under way at once; their sums wait in memory.
const AT_ONCE: usize = 8;

/// What a weight sees, and what its outputs do.
#[derive(Clone, Debug, Default)]
pub struct Moments {
    /// `sum x x'` over pixels, `[inputs, inputs]`, all taps together in the order of the kernels.
    pub inputs: DMatrix<f64>,
    /// `sum g g'` over pixels, `[outputs, outputs]`, for gradients `g` of the sum of the picture's
    /// values with random normal weights: the metric of Gauss and Newton of the picture's squared
    /// error.
    pub gradients: DMatrix<f64>,
}

/// Collects the moments of all weights, in file order.
///
/// The random weights come from a fixed seed, so that the same patches give the same moments.
///
/// # Errors
/// Patches that the network does not take.
pub fn collect(
    parameters: &Parameters,
    patches: &[Picture],
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Vec<Moments>> {
    let file = parameters.to_file(parameters.values());
    let file = file.map_err(CompressError::Model)?;
    let model = file.model();
    let plan = Plan::new(parameters);
    let n_weights = model.config().n_weights();
    let mut sums = vec![Moments::default(); n_weights];
    for (batch, patches) in patches.chunks(AT_ONCE).enumerate() {
        let parts: Result<Vec<Vec<Moments>>> = patches
            .par_iter()
            .enumerate()
            .map(|(i, patch)| {
                let (mut arena, mut tape) = (Vec::new(), Tape::new(model.config()));
                forward(&model, patch, &mut arena, &mut tape)?;
                let seed = (batch * AT_ONCE + i) as u64;
                let probe = normal(seed, tape.layer(Layer::Output).len());
                let mut collector = Collector {
                    parameters,
                    moments: vec![Moments::default(); n_weights],
                };
                let mut unused = vec![0.0; parameters.values().len()];
                Backward {
                    plan: &plan,
                    values: parameters.values(),
                    tape: &tape,
                    size: (patch.width(), patch.height()),
                    buffers: &mut Buffers::default(),
                    watch: &mut collector,
                }
                .run(patch.data(), &probe, &mut unused);
                Ok(collector.moments)
            })
            .collect();
        for part in parts? {
            for (sum, part) in sums.iter_mut().zip(part) {
                add(&mut sum.inputs, part.inputs);
                add(&mut sum.gradients, part.gradients);
            }
        }
        progress((batch * AT_ONCE + patches.len()).min(batch * AT_ONCE + AT_ONCE));
    }
    Ok(sums)
}

/// Keeps the moments of the weights of a backward pass.
struct Collector<'p> {
    parameters: &'p Parameters,
    moments: Vec<Moments>,
}

impl Watch<f32> for Collector<'_> {
    fn weight(&mut self, index: usize, input: Input<'_, f32>, gradient: &[f32]) {
        self.moments[index] = of_weight(input, gradient, self.parameters, index);
    }
}

fn add(sum: &mut DMatrix<f64>, part: DMatrix<f64>) {
    if sum.is_empty() {
        *sum = part;
    } else {
        *sum += part;
    }
}

/// Returns the moments of one patch.
fn of_weight(
    input: Input<'_, f32>,
    gradient: &[f32],
    parameters: &Parameters,
    index: usize,
) -> Moments {
    let weights = parameters.layout().config().weights().nth(index);
    let (outputs, inputs) = weights.map_or((1, 1), |w| (w.outputs, w.inputs * w.taps));
    let rows: Vec<f64> = match input {
        Input::Rows(x, stride) => {
            let rows = x.chunks(stride).flat_map(|row| &row[..inputs]);
            rows.map(|&x| f64::from(x)).collect()
        }
        Input::Picture(x, shape) => neighbourhoods(x, (shape.width, shape.height), shape.inputs),
    };
    let gradient: Vec<f64> = gradient.iter().map(|&g| f64::from(g)).collect();
    Moments {
        inputs: second_moment(&rows, inputs),
        gradients: second_moment(&gradient, outputs),
    }
}

/// Returns `sum x x'` over rows of `len` numbers.
fn second_moment(rows: &[f64], len: usize) -> DMatrix<f64> {
    let mut sum = vec![0.0; len * len];
    let x = View::new(rows, (rows.len() / len, len), len);
    multiply(x.transposed(), x, &mut sum, len, Write::Replace);
    DMatrix::from_vec(len, len, sum)
}

/// Returns the 3x3 neighbourhood of each pixel, `[ky, kx, channel]`, zero outside the picture.
fn neighbourhoods(x: &[f32], (width, height): (usize, usize), channels: usize) -> Vec<f64> {
    let row_len = 9 * channels;
    let mut rows = vec![0.0; width * height * row_len];
    for (i, row) in rows.chunks_exact_mut(row_len).enumerate() {
        for (tap, values) in row.chunks_exact_mut(channels).enumerate() {
            let y = (i / width + tap / 3).checked_sub(1).filter(|&y| y < height);
            let x_at = (i % width + tap % 3).checked_sub(1).filter(|&x| x < width);
            let (Some(y), Some(x_at)) = (y, x_at) else {
                continue;
            };
            let pixel = &x[(y * width + x_at) * channels..][..channels];
            for (value, &x) in values.iter_mut().zip(pixel) {
                *value = f64::from(x);
            }
        }
    }
    rows
}

/// Returns normal random numbers (Box and Muller).
fn normal(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Pcg64::seed_from_u64(seed);
    // Above 0 and at most 1.
    let mut uniform = || ((random.next_u64() >> 11) + 1) as f64 / (1u64 << 53) as f64;
    let mut draw = || {
        let radius = libm::sqrt(-2.0 * libm::log(uniform()));
        (radius * libm::cos(2.0 * std::f64::consts::PI * uniform())) as f32
    };
    (0..len).map(|_| draw()).collect()
}
