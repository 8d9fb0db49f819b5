//! Scores on pictures that are not trained on.

use rayon::prelude::*;

use crate::dataset::{Dataset, LoadedPair};
use crate::metrics::{luma, psnr};
use crate::model_file::ModelFile;
use crate::picture::Color;
use crate::train::config::DataSection;
use crate::upscale::{Executor, upscale};
use crate::{Error, Result};

/// Pictures to score on, in memory.
#[derive(Debug)]
pub struct Validation {
    pairs: Vec<LoadedPair>,
    scale: usize,
}

impl Validation {
    /// Loads the validation pictures of a configuration, where it has any.
    ///
    /// # Errors
    /// Those of [`Dataset::open`], and [`Error::Evaluate`] with the picture that cannot be read.
    pub fn load(section: &DataSection, (scale, color): (usize, Color)) -> Result<Option<Self>> {
        let Some(high) = &section.validation else {
            return Ok(None);
        };
        let set = Dataset::open(high, section.validation_low.as_deref(), scale, color)?;
        let load = |pair| {
            set.load(pair).map_err(|cause| Error::Evaluate {
                path: pair.high.clone(),
                cause: Box::new(cause),
            })
        };
        let pairs = set.pairs().par_iter().map(load).collect::<Result<_>>()?;
        Ok(Some(Self { pairs, scale }))
    }

    /// Returns the mean PSNR on luma in dB, without a border as wide as the scale.
    ///
    /// # Errors
    /// As [`upscale`]; [`Error::Border`] for a picture that is too small.
    pub fn score(&self, file: &ModelFile) -> Result<f64> {
        let model = file.model();
        let pairs = self.pairs.par_iter().with_max_len(1);
        let scores = pairs.map(|pair| {
            let found = luma(&upscale(&model, &pair.low, Executor::Stream)?);
            let truth = luma(&pair.high).without_border(self.scale)?;
            psnr(&truth, &found.without_border(self.scale)?)
        });
        let scores = scores.collect::<Result<Vec<_>>>()?;
        Ok(scores.iter().sum::<f64>() / scores.len() as f64)
    }
}
