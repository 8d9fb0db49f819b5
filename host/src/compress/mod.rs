//! Compression of a trained network: each weight in the form and rank that a budget pays for.
//!
//! A weight is factorised so that what is lost matters least to the output: [`moments`] measures
//! on pictures which inputs it sees and how much each of its outputs moves the picture,
//! [`factors`] cuts it under both metrics at once, [`allocation`] chooses all ranks with one price
//! for a parameter.

pub mod allocation;
pub mod factors;
pub mod moments;
pub mod shrink;
#[cfg(test)]
mod tests;

use mambalite_kernels::config::Weight;
use mambalite_kernels::{Config, Form, ModelError, Precision};
use rayon::prelude::*;

use self::allocation::{Choice, Prices};
use self::factors::Factors;
use crate::arrays::Arrays;
use crate::import::{ImportError, weight_param};
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::train::parameters::Parameters;
use crate::{Error, Result};

/// Which form a weight gets that is not left dense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factored {
    /// [`Form::LowRank`].
    LowRank,
    /// [`Form::IdentityRows`], which is never dearer than dense.
    IdentityRows,
}

/// Networks that are timed between the smallest and the largest.
const TIMED: usize = 8;

/// What a network may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Trained numbers.
    Parameters(usize),
    /// Multiply-accumulates of an LR pixel.
    Macs(usize),
}

/// Why a network cannot be compressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressError {
    /// The model is in fixed point.
    #[error("the model is in {found}; compress the f32 model and quantise it then")]
    Precision {
        /// Its precision.
        found: Precision,
    },
    /// There is no calibration picture.
    #[error("no calibration pictures")]
    NoPictures,
    /// Not even rank 1 everywhere is small enough.
    #[error(
        "the budget is {budget}, the network of rank 1 everywhere costs {least}; \
             raise the budget or begin with a smaller network"
    )]
    Budget {
        /// What was asked for.
        budget: usize,
        /// The least there is.
        least: usize,
    },
    /// Not even rank 1 everywhere is fast enough.
    #[error(
        "the budget is {limit} milliseconds, the network of rank 1 everywhere takes {least:.3}; \
             raise the budget or begin with a smaller network"
    )]
    Time {
        /// What was asked for.
        limit: f64,
        /// The least there is.
        least: f64,
    },
    /// A dimension that the network does not have.
    #[error("cannot keep {wanted} {dimension} of {found}; take 1 to {found}")]
    Dimension {
        /// The dimension.
        dimension: &'static str,
        /// What was asked for.
        wanted: usize,
        /// What there is.
        found: usize,
    },
    /// A weight that should lose rows or columns has factors.
    #[error("weight `{weight}` is factorised already; take dimensions off the dense model first")]
    Factorised {
        /// Its name.
        weight: String,
    },
    /// A network that is none after something was taken away.
    #[error("{0}")]
    Import(ImportError),
    /// A factorisation that the numbers do not allow.
    #[error("the singular values of weight {weight} were not found; its values are not usual")]
    NotFound {
        /// Its name.
        weight: String,
    },
    /// An array that the format does not allow.
    #[error("{0}")]
    Model(#[from] ModelError),
}

impl From<CompressError> for Error {
    fn from(cause: CompressError) -> Self {
        Self::Compress { cause }
    }
}

/// A network of single precision with the factors of its dense weights, and what each rank of
/// them would lose.
#[derive(Debug)]
pub struct Factorization {
    config: Config,
    /// Weights in the order of the file, with their forms.
    weights: Vec<(Weight, Form)>,
    arrays: Arrays,
    /// Nothing for a weight that has factors already, and keeps them.
    factors: Vec<Option<Factors>>,
}

impl Factorization {
    /// Looks at a network through pictures.
    ///
    /// * `patches` - LR pictures such as the network will see, 20 of 48x48 pixels will do.
    /// * `progress` - is told how many patches are done.
    ///
    /// # Errors
    /// [`Error::Compress`]; [`Error::Run`] and [`Error::Channels`] for patches that cannot be run.
    pub fn new(
        file: &ModelFile,
        patches: &[Picture],
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self> {
        let model = file.model();
        let found = model.precision();
        if found != Precision::F32 {
            return Err(CompressError::Precision { found }.into());
        }
        if patches.is_empty() {
            return Err(CompressError::NoPictures.into());
        }
        let parameters = Parameters::of_model(&model).map_err(CompressError::Model)?;
        let moments = moments::collect(&parameters, patches, progress)?;
        let arrays = Arrays::of_model(&model).map_err(CompressError::Model)?;
        let config = *model.config();
        let weights: Vec<_> = config.weights().zip(model.forms()).collect();
        let factors: Result<_> = weights
            .par_iter()
            .zip(&moments)
            .map(|((weight, form), moments)| {
                let param = weight_param(weight.name).part("weight");
                let values = arrays.get::<f32>(param).filter(|_| *form == Form::Dense);
                let Some(values) = values else {
                    return Ok(None);
                };
                let factors = Factors::new(values, weight.outputs, moments);
                let not_found = || CompressError::NotFound {
                    weight: weight.name.to_string(),
                };
                factors.ok_or_else(not_found).map(Some)
            })
            .collect::<Result<_, CompressError>>()
            .map_err(Error::from);
        Ok(Self {
            config,
            factors: factors?,
            weights,
            arrays,
        })
    }

    /// Returns the network that loses least within a budget.
    ///
    /// # Errors
    /// [`CompressError::Budget`].
    pub fn within(&self, budget: Budget, factored: Factored) -> Result<ModelFile> {
        self.in_forms(&self.prices(factored).within(budget)?)
    }

    /// Returns the network that loses least within so many milliseconds, and its milliseconds.
    ///
    /// Time is not a sum over weights, so that networks of several numbers of multiply-accumulates
    /// are made and timed, between rank 1 everywhere and the network as it is, halving the range
    /// [`TIMED`] times.
    ///
    /// * `clock` - takes the time of a network.
    ///
    /// # Errors
    /// [`CompressError::Time`], and what the clock gives.
    pub fn within_time(
        &self,
        limit: f64,
        factored: Factored,
        clock: &mut dyn FnMut(&ModelFile) -> Result<f64>,
    ) -> Result<(ModelFile, f64)> {
        let prices = self.prices(factored);
        let mut timed = |forms: &[Form]| -> Result<(ModelFile, f64)> {
            let file = self.in_forms(forms)?;
            let time = clock(&file)?;
            Ok((file, time))
        };
        let macs = |forms: &[Form]| self.config.macs_per_pixel(forms.iter().copied());
        let (whole, least) = (prices.forms(0.0), prices.smallest());
        let all = timed(&whole)?;
        if all.1 <= limit {
            return Ok(all);
        }
        let mut best = timed(&least)?;
        if best.1 > limit {
            let least = best.1;
            return Err(CompressError::Time { limit, least }.into());
        }
        let (mut low, mut high) = (macs(&least), macs(&whole));
        for _ in 0..TIMED {
            let middle = low.midpoint(high);
            let found = timed(&prices.within(Budget::Macs(middle))?)?;
            if found.1 <= limit {
                (low, best) = (middle, found);
            } else {
                high = middle;
            }
        }
        Ok(best)
    }

    fn prices(&self, factored: Factored) -> Prices<'_> {
        let choices = self.weights.iter().zip(&self.factors);
        Prices {
            config: &self.config,
            choices: choices
                .map(|(&(weight, form), factors)| Choice {
                    weight,
                    form,
                    losses: factors.as_ref().map(|f| f.losses.as_slice()),
                })
                .collect(),
            factored,
        }
    }

    fn in_forms(&self, forms: &[Form]) -> Result<ModelFile> {
        let mut arrays = self.arrays.clone();
        for (((weight, _), factors), &form) in self.weights.iter().zip(&self.factors).zip(forms) {
            if let (Some(factors), Some(_)) = (factors, form.rank()) {
                factors.put(&mut arrays, weight_param(weight.name), form);
            }
        }
        let compressed = arrays.to_file(&self.config, forms, Precision::F32);
        Ok(compressed.map_err(CompressError::Model)?)
    }
}
