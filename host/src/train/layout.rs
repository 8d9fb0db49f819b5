//! Where the parameters of a network lie in one flat vector.

use std::collections::BTreeMap;
use std::ops::Range;

use bytemuck::Pod;
use mambalite_kernels::arith::{Arithmetic, Float};
use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::model::{Param, Scope, Source, WeightSource};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{Config, Form, ModelError};

use super::op::weight::{Parts, Weight};
use crate::import::weight_param;

/// The trainable arrays of a network one after another, in the order and layouts of the model file.
///
/// Of the rates of a scan the vector holds the logarithms, `ln(-A)`, as PyTorch's `A_log`: any
/// number is allowed there.
#[derive(Clone, Debug)]
pub struct Layout {
    config: Config,
    forms: Vec<Form>,
    arrays: BTreeMap<Param, Range<usize>>,
    len: usize,
}

impl Layout {
    /// Lays out a network; `forms` has one entry for each of [`Config::weights`].
    ///
    /// # Errors
    /// What is wrong with the dimensions or forms.
    pub fn new(config: &Config, forms: &[Form]) -> Result<Self, ModelError> {
        config.check().map_err(ModelError::Config)?;
        let (needed, found) = (config.n_weights(), forms.len());
        if needed != found {
            return Err(ModelError::WeightCount { needed, found });
        }
        let zeros = vec![0; longest(config)];
        let mut recorder = Recorder {
            zeros: &zeros,
            arrays: BTreeMap::new(),
            len: 0,
        };
        for section in Section::all(config) {
            load_section::<Float<f32>>(&mut recorder, config, &|i| forms[i], section)?;
        }
        Ok(Self {
            config: *config,
            forms: forms.to_vec(),
            arrays: recorder.arrays,
            len: recorder.len,
        })
    }

    /// Returns the dimensions and options of the network.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the forms of the weights, in file order.
    pub fn forms(&self) -> &[Form] {
        &self.forms
    }

    /// Returns the number of parameters.
    #[expect(
        clippy::len_without_is_empty,
        reason = "no network is without parameters"
    )]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns the arrays in file order, with their places.
    pub fn arrays(&self) -> impl Iterator<Item = (Param, Range<usize>)> + '_ {
        let mut arrays: Vec<_> = self.arrays.iter().map(|(&p, r)| (p, r.clone())).collect();
        arrays.sort_by_key(|(_, range)| range.start);
        arrays.into_iter()
    }

    /// Returns the place of an array; empty for one that the network does not have.
    pub fn range(&self, param: Param) -> Range<usize> {
        self.arrays.get(&param).cloned().unwrap_or(0..0)
    }

    /// Returns the places of a weight; `order` is that of its identity rows.
    pub(crate) fn weight(&self, name: WeightName, order: &[u16]) -> Weight {
        let param = weight_param(name);
        let weights = self.config.weights().zip(&self.forms);
        let found = weights.enumerate().find(|(_, (w, _))| w.name == name);
        let (index, outputs, inputs, form) = match found {
            Some((index, (w, &form))) => (index, w.outputs, w.inputs, form),
            None => (0, 0, 0, Form::Dense),
        };
        let of = |factor, part| self.range(param.factor(factor).part(part));
        let parts = match form {
            Form::Dense => Parts::Dense {
                weight: of("", "weight"),
                bias: of("", "bias"),
            },
            Form::LowRank(_) => Parts::LowRank {
                v: of("v", "weight"),
                u: of("u", "weight"),
                bias: of("u", "bias"),
            },
            Form::IdentityRows(_) => Parts::IdentityRows {
                v: of("v", "weight"),
                u: of("u", "weight"),
                copies_bias: of("copies", "bias"),
                bias: of("u", "bias"),
                order: order.to_vec(),
            },
        };
        Weight {
            index,
            outputs,
            inputs,
            rank: form.rank().unwrap_or(0),
            parts,
        }
    }
}

/// Returns the name of a projection of a block.
pub(crate) fn projection(group: usize, block: usize, part: Projection) -> WeightName {
    WeightName::Projection { group, block, part }
}

/// Returns the name of an operator of a block.
pub(crate) fn of_block(group: usize, block: usize, name: &'static str) -> Param {
    Param::new(Scope::Block(group as u8, block as u8), name)
}

/// Returns a bound of the elements of any array, in 64-bit words.
fn longest(config: &Config) -> usize {
    let outputs = config.width.max(config.sub_pixels()).max(2 * config.inner);
    let inputs = (9 * config.width).max(config.inner).max(config.projected());
    outputs * inputs
}

/// Hands out zeros and notes what was asked for.
struct Recorder<'a> {
    zeros: &'a [u64],
    arrays: BTreeMap<Param, Range<usize>>,
    len: usize,
}

impl<'a> Source<'a> for Recorder<'a> {
    fn array<T: Pod>(&mut self, param: Param, len: usize) -> Result<&'a [T], ModelError> {
        // The orders of identity rows are no parameters.
        if len > 0 && size_of::<T>() == size_of::<f32>() {
            self.arrays.insert(param, self.len..self.len + len);
            self.len += len;
        }
        let zeros: &[T] = bytemuck::cast_slice(self.zeros);
        zeros
            .get(..len)
            .ok_or(ModelError::Missing { param, needed: len })
    }

    fn verifies(&self) -> bool {
        false
    }
}

impl<'a, A: Arithmetic> WeightSource<'a, A> for Recorder<'a> {}
