//! Fewer channels: those that have the largest share in the picture stay.
//!
//! They are too many to be tried. What a channel adds to the outputs of the weights that read it,
//! in the metric of what these do to the picture, comes from [`moments`].

use mambalite_kernels::config::{Projection, WeightName};
use nalgebra::DVector;

use super::mixer::{Mixer, selected, tensor_mut};
use super::{checkpoint, imported, largest};
use crate::Result;
use crate::checkpoint::{Checkpoint, Tensor};
use crate::compress::CompressError;
use crate::compress::moments::{self, Moments};
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::train::parameters::Parameters;

/// Keeps so many inner channels of each mixer.
///
/// A channel has two ways to the picture: the output projection, and that to step sizes, B and C.
pub(super) fn with_inner(
    file: &ModelFile,
    patches: &[Picture],
    wanted: usize,
) -> Result<ModelFile> {
    let config = *file.model().config();
    let mut checkpoint = checkpoint(file)?;
    let mut shares = vec![vec![0.0; config.inner]; config.groups * config.blocks];
    for (name, moments) in moments_of(file, patches)? {
        let WeightName::Projection { group, block, part } = name else {
            continue;
        };
        if matches!(part, Projection::XProj | Projection::OutProj) {
            let shares = &mut shares[group * config.blocks + block];
            add_shares(weight_mut(&mut checkpoint, name)?, &moments, shares);
        }
    }
    for (mixer, shares) in Mixer::all(&config).zip(&shares) {
        mixer.keep_channels(&mut checkpoint, &config, &largest(shares, wanted))?;
    }
    imported(&checkpoint)
}

/// Keeps so many features.
///
/// What is added to the features in one place is there in all later ones, so that the same go
/// everywhere.
pub(super) fn with_width(
    file: &ModelFile,
    patches: &[Picture],
    wanted: usize,
) -> Result<ModelFile> {
    let config = *file.model().config();
    let mut checkpoint = checkpoint(file)?;
    let mut shares = vec![0.0; config.width];
    for (name, moments) in moments_of(file, patches)? {
        if feature_axes(name).contains(&1) {
            add_shares(weight_mut(&mut checkpoint, name)?, &moments, &mut shares);
        }
    }
    let kept = largest(&shares, wanted);
    for name in config.weights().map(|weight| weight.name) {
        for &axis in feature_axes(name) {
            let tensor = weight_mut(&mut checkpoint, name)?;
            *tensor = selected(tensor, axis, &kept);
        }
    }
    // What is left has one number a feature: norms, and biases of convolutions.
    for (name, tensor) in &mut checkpoint.tensors {
        let bias = name.contains("conv") && !name.contains("conv1d") && name.ends_with("bias");
        if bias || name.contains("norm") {
            *tensor = selected(tensor, 0, &kept);
        }
    }
    imported(&checkpoint)
}

fn moments_of(file: &ModelFile, patches: &[Picture]) -> Result<Vec<(WeightName, Moments)>> {
    let model = file.model();
    let parameters = Parameters::of_model(&model).map_err(CompressError::Model)?;
    let moments = moments::collect(&parameters, patches, &|_| ())?;
    let names = model.config().weights().map(|weight| weight.name);
    Ok(names.zip(moments).collect())
}

fn weight_mut(checkpoint: &mut Checkpoint, name: WeightName) -> Result<&mut Tensor, CompressError> {
    tensor_mut(checkpoint, format!("{name}.weight"))
}

/// Adds what each input of a weight `[outputs, inputs, taps..]` adds to its outputs.
fn add_shares(weight: &Tensor, moments: &Moments, shares: &mut [f64]) {
    let inputs = shares.len();
    let taps: usize = weight.shape[2..].iter().product();
    for (i, share) in shares.iter_mut().enumerate() {
        for tap in 0..taps {
            let column = weight.data[i * taps + tap..].iter().step_by(inputs * taps);
            let column = DVector::from_iterator(weight.shape[0], column.map(|&x| f64::from(x)));
            // Moments have the taps outside, as the kernels have.
            let at = tap * inputs + i;
            *share += moments.inputs[(at, at)] * (&moments.gradients * &column).dot(&column);
        }
    }
}

/// Returns the axes of a weight `[outputs, inputs, taps..]` that are features.
fn feature_axes(name: WeightName) -> &'static [usize] {
    match name {
        WeightName::ConvFirst => &[0],
        WeightName::GroupConv { .. } | WeightName::ConvAfterBody => &[0, 1],
        WeightName::Upsample => &[1],
        WeightName::Projection { part, .. } => match part {
            Projection::InProj => &[1],
            Projection::OutProj => &[0],
            Projection::XProj | Projection::DtProj => &[],
        },
    }
}
