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

use mambalite_kernels::{Form, ModelError, Precision};
use rayon::prelude::*;

use self::allocation::Choice;
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

/// Compresses a network of single precision whose weights are dense; those that are not stay.
///
/// * `patches` - LR pictures such as the network will see, 20 of 48x48 pixels will do.
///   * `progress` - is told how many patches are done.
///
/// Method: `notes` of the project's pilot, in [`factors`] and [`allocation`].
///
/// # Errors
/// [`Error::Compress`]; [`Error::Run`] and [`Error::Channels`] for patches that cannot be run.
pub fn compress(
    file: &ModelFile,
    patches: &[Picture],
    budget: Budget,
    factored: Factored,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<ModelFile> {
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
    let mut arrays = Arrays::of_model(&model).map_err(CompressError::Model)?;
    let config = *model.config();
    let weights: Vec<_> = config.weights().zip(model.forms()).collect();
    let dense: Vec<Option<Factors>> = weights
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
        .collect::<Result<_, _>>()?;
    let choices: Vec<Choice<'_>> = weights
        .iter()
        .zip(&dense)
        .map(|(&(weight, form), factors)| Choice {
            weight,
            form,
            losses: factors.as_ref().map(|f| f.losses.as_slice()),
        })
        .collect();
    let forms = allocation::allocate(&config, &choices, budget, factored)?;
    for ((weight, factors), &form) in config.weights().zip(&dense).zip(&forms) {
        if let (Some(factors), Some(_)) = (factors, form.rank()) {
            factors.put(&mut arrays, weight_param(weight.name), form);
        }
    }
    let compressed = arrays.to_file(&config, &forms, Precision::F32);
    Ok(compressed.map_err(CompressError::Model)?)
}
