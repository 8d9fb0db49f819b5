//! The parameters of a network as one flat vector: from and to model files, and at the start.

use std::collections::BTreeMap;

use mambalite_kernels::model::Param;
use mambalite_kernels::{Config, Decay, Form, Model, ModelError, Precision};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::layout::Layout;
use crate::arrays::Arrays;
use crate::model_file::ModelFile;
use crate::rate;

/// Part of a scan whose array holds the rates.
const RATE: &str = "rate";
/// Step sizes of a new network, evenly in the logarithm (those of Mamba).
const STEP_MIN: f64 = 1e-3;
/// See [`STEP_MIN`].
const STEP_MAX: f64 = 0.1;

/// A network's parameters.
#[derive(Clone, Debug)]
pub struct Parameters {
    layout: Layout,
    /// Orders of the identity rows.
    orders: BTreeMap<Param, Vec<u16>>,
    values: Vec<f32>,
}

impl Parameters {
    /// Takes those of a model of single precision.
    ///
    /// # Errors
    /// A model of another precision.
    pub fn of_model(model: &Model<'_>) -> Result<Self, ModelError> {
        let forms: Vec<Form> = model.forms().collect();
        let layout = Layout::new(model.config(), &forms)?;
        let arrays = Arrays::of_model(model)?;
        let mut values = vec![0.0; layout.len()];
        for (param, range) in layout.arrays() {
            let needed = range.len();
            let array = arrays.get::<f32>(param);
            let array = array.ok_or(ModelError::Missing { param, needed })?;
            match param.part {
                RATE => values[range]
                    .iter_mut()
                    .zip(array)
                    .for_each(|(v, &a)| *v = rate::to_log(a)),
                _ => values[range].copy_from_slice(array),
            }
        }
        Ok(Self {
            orders: orders(&layout, |param| {
                arrays.get::<u16>(param).map(<[u16]>::to_vec)
            }),
            layout,
            values,
        })
    }

    /// Makes those of a new network.
    ///
    /// Weights are uniform within `1 / sqrt(inputs)` (PyTorch's rule for linear layers and
    /// convolutions), a low-rank pair so that its product has that size; the last convolution is a
    /// tenth of that, so that a network with an anchor begins near it. Rates, step sizes and `D`
    /// are those of Mamba (arXiv 2312.00752) section 3.6: `A = -(n + 1)`, `D = 1`, step sizes from
    /// 0.001 to 0.1. Copies of identity rows are the first outputs.
    ///
    /// # Errors
    /// What is wrong with the dimensions or forms.
    pub fn new(config: &Config, forms: &[Form], seed: u64) -> Result<Self, ModelError> {
        let layout = Layout::new(config, forms)?;
        let mut values = vec![0.0; layout.len()];
        let mut random = Uniform(Pcg64::seed_from_u64(seed));
        for (param, range) in layout.arrays() {
            initial(&layout, param, &mut values[range], &mut random);
        }
        let in_order = |len: usize| (0..len).map(|i| i as u16).collect();
        let outputs: BTreeMap<Param, usize> = config
            .weights()
            .map(|w| (crate::import::weight_param(w.name).part("order"), w.outputs))
            .collect();
        Ok(Self {
            orders: orders(&layout, |param| outputs.get(&param).copied().map(in_order)),
            layout,
            values,
        })
    }

    /// Returns where the arrays lie.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the order of a weight's identity rows; empty for other forms.
    pub(crate) fn order(&self, weight: Param) -> &[u16] {
        self.orders
            .get(&weight.part("order"))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the orders of all identity rows, by the name of their array.
    #[cfg(test)]
    pub(super) fn orders(&self) -> &BTreeMap<Param, Vec<u16>> {
        &self.orders
    }

    /// Returns the values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the arrays of the kernels with these values.
    pub(crate) fn arrays(&self, values: &[f32]) -> Arrays {
        let mut arrays = Arrays::default();
        for (param, range) in self.layout.arrays() {
            let values = &values[range];
            match param.part {
                RATE => {
                    let rates: Vec<f32> = values.iter().map(|&log| rate::of_log(log)).collect();
                    arrays.insert(param, &rates);
                }
                _ => arrays.insert(param, values),
            }
        }
        for (&param, order) in &self.orders {
            arrays.insert(param, order);
        }
        arrays
    }

    /// Makes a model file of single precision with these values.
    ///
    /// # Errors
    /// A value that is not finite.
    pub fn to_file(&self, values: &[f32]) -> Result<ModelFile, ModelError> {
        let (config, forms) = (self.layout.config(), self.layout.forms());
        self.arrays(values).to_file(config, forms, Precision::F32)
    }
}

/// Returns the orders of all weights that have one.
fn orders(layout: &Layout, order: impl Fn(Param) -> Option<Vec<u16>>) -> BTreeMap<Param, Vec<u16>> {
    let weights = layout.config().weights().zip(layout.forms());
    let with_order = weights.filter(|(_, form)| matches!(form, Form::IdentityRows(_)));
    let params = with_order.map(|(w, _)| crate::import::weight_param(w.name).part("order"));
    params
        .filter_map(|param| Some((param, order(param)?)))
        .collect()
}

/// Sets an array of a new network.
fn initial(layout: &Layout, param: Param, values: &mut [f32], random: &mut Uniform) {
    let config = layout.config();
    match (param.name, param.factor, param.part) {
        ("patch_embed.norm" | "norm" | "norm_f", _, "weight") | ("scan", _, "skip") => {
            values.fill(1.0);
        }
        ("scan", _, RATE) => {
            for (n, row) in values.chunks_mut(config.inner).enumerate() {
                let times = match config.decay {
                    Decay::Full => n + 1,
                    Decay::Tied => 1,
                };
                row.fill(libm::log(times as f64) as f32);
            }
        }
        ("dt_proj", _, "bias") => {
            for value in values {
                let ratio = libm::log(STEP_MAX / STEP_MIN) * (random.next() + 1.0) / 2.0;
                // The inverse of softplus.
                *value = libm::log(libm::expm1(STEP_MIN * libm::exp(ratio))) as f32;
            }
        }
        (_, _, "bias") => values.fill(0.0),
        (name, factor, _) => {
            let inputs = match name {
                "conv1d" => mambalite_kernels::config::CONV1D_TAPS,
                _ => values.len() / columns(layout, param, factor).max(1),
            };
            // Of a pair, `v` has the size of a dense weight and `u` keeps it.
            let bound = match (name, factor) {
                ("upsample", _) => 0.1,
                (_, "u") => 3f64.sqrt(),
                _ => 1.0,
            } / (inputs as f64).sqrt();
            for value in values {
                *value = (bound * random.next()) as f32;
            }
        }
    }
}

/// Returns the outputs of a matrix.
fn columns(layout: &Layout, param: Param, factor: &str) -> usize {
    let weights = layout.config().weights().zip(layout.forms());
    let of_param = |name| {
        let weight = crate::import::weight_param(name);
        (weight.scope, weight.name) == (param.scope, param.name)
    };
    let found = weights.into_iter().find(|(w, _)| of_param(w.name));
    found.map_or(1, |(weight, form)| match (factor, *form) {
        ("v", _) => form.rank().unwrap_or(1),
        (_, Form::IdentityRows(rank)) => weight.outputs - rank,
        _ => weight.outputs,
    })
}

/// Uniform random numbers from -1 to 1.
struct Uniform(Pcg64);

impl Uniform {
    fn next(&mut self) -> f64 {
        // 53 random bits.
        (self.0.next_u64() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
