//! Quantisation: a network of single precision to one of fixed point.
//!
//! Weights get a scale an output channel, activations one a tensor, from their ranges on
//! calibration pictures. 16-bit tensors keep the largest value seen and a margin; what is cut to
//! 8 bits is clipped at a percentile.

mod calibration;
mod quantizer;
mod scales;

use mambalite_kernels::model::Param;
use mambalite_kernels::{Form, Model, ModelError, Precision};

use self::calibration::Calibration;
pub(crate) use self::calibration::{Ranges, block_output};
pub(crate) use self::quantizer::{Quantizer, Units};
use crate::arrays::Arrays;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, upscale_with};
use crate::{Error, Result};

/// Percentile of the magnitudes of an 8-bit tensor that are not clipped, where none is asked for.
pub const PERCENTILE: f64 = 99.99;

/// Why a network cannot be quantised.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The model is in fixed point already.
    #[error("the model is in {found}; quantise the f32 model")]
    Precision {
        /// Its precision.
        found: Precision,
    },
    /// Single precision is no target.
    #[error("w8a16 and w8a8 are made by quantisation, f32 is not")]
    Target,
    /// There is no calibration picture.
    #[error("no calibration pictures")]
    NoPictures,
    /// The percentile is no percentile.
    #[error("percentile {0} is not above 0 and at most 100")]
    Percentile(f64),
    /// A ratio of scales that the format cannot express.
    #[error("scale of {param} is out of range ({ratio:e}); its tensors differ too much in size")]
    Scale {
        /// The operator.
        param: Param,
        /// Its ratio of scales.
        ratio: f64,
    },
    /// An array that the format does not allow.
    #[error("{0}")]
    Model(#[from] ModelError),
}

impl From<QuantizeError> for Error {
    fn from(cause: QuantizeError) -> Self {
        Self::Quantize { cause }
    }
}

/// Quantises a model of single precision.
///
/// * `pictures` - what the network will see (LR pictures), of its channels. * `percentile` - of
///   the magnitudes of a tensor that 8 bits keep unclipped, such as [`PERCENTILE`]. * `progress` - is told
///   how many pictures are done.
///
/// # Errors
/// [`Error::Quantize`]; [`Error::Run`] and [`Error::Channels`] for pictures that cannot be run.
pub fn quantize(
    file: &ModelFile,
    pictures: &[Picture],
    precision: Precision,
    percentile: f64,
    progress: &mut dyn FnMut(usize),
) -> Result<ModelFile> {
    let model = file.model();
    if model.precision() != Precision::F32 {
        return Err(QuantizeError::Precision {
            found: model.precision(),
        }
        .into());
    }
    if pictures.is_empty() {
        return Err(QuantizeError::NoPictures.into());
    }
    if !(percentile > 0.0 && percentile <= 100.0) {
        return Err(QuantizeError::Percentile(percentile).into());
    }
    if precision == Precision::F32 {
        return Err(QuantizeError::Target.into());
    }
    let arrays = Arrays::of_model(&model).map_err(QuantizeError::Model)?;
    let ranges = calibrate(&model, &arrays, pictures, percentile, progress)?;
    let forms: Vec<Form> = model.forms().collect();
    let quantized = Quantizer::new(model.config(), &forms, &arrays, &ranges, precision).run()?;
    Ok(quantized.file)
}

/// Runs pictures in single precision and notes the ranges of all tensors.
///
/// # Errors
/// [`Error::Run`] and [`Error::Channels`] for pictures that cannot be run.
pub(crate) fn calibrate(
    model: &Model<'_>,
    arrays: &Arrays,
    pictures: &[Picture],
    percentile: f64,
    progress: &mut dyn FnMut(usize),
) -> Result<Ranges> {
    let forms: Vec<Form> = model.forms().collect();
    let mut calibration = Calibration::new(model.config(), &forms, arrays);
    for (done, picture) in pictures.iter().enumerate() {
        upscale_with(
            model,
            picture,
            Executor::Stream,
            &mut calibration,
            &mut |_| (),
        )?;
        progress(done + 1);
    }
    Ok(calibration.ranges(percentile))
}
