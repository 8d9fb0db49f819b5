//! A network with fewer groups, blocks, channels or states: those that matter least go.
//!
//! Groups, blocks and states are tried: the network is run without each, and what changes its
//! output least, measured as squared difference, goes. Of [`channels`] the share in the picture is
//! known. What is lost comes back by distillation.

mod channels;
mod mixer;
#[cfg(test)]
mod tests;

use mambalite_kernels::{Decay, Precision};
use rayon::prelude::*;

use self::mixer::Mixer;
use super::CompressError;
use crate::checkpoint::Checkpoint;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::train::teacher::Teacher;
use crate::{Result, export, import};

/// Dimensions to keep; nothing leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// Groups of blocks.
    pub groups: Option<usize>,
    /// Blocks of a group; the same places go in all groups.
    pub blocks: Option<usize>,
    /// Features C.
    pub width: Option<usize>,
    /// Inner channels E.
    pub inner: Option<usize>,
    /// States N of a channel.
    pub states: Option<usize>,
}

/// Takes away what matters least on `patches` until the dimensions are reached; of the states of tied
/// decays, which are no choice, the last ones go.
///
/// * `progress` - is told what is done next.
///
/// # Errors
/// [`CompressError`]: a model in fixed point, a dimension that is larger than the network's,
/// channels or states of weights that are factorised; and what running the patches gives.
pub fn shrink(
    file: &ModelFile,
    patches: &[Picture],
    dimensions: &Dimensions,
    progress: &(dyn Fn(&'static str) + Sync),
) -> Result<ModelFile> {
    check(file, patches, dimensions)?;
    let mut file = file.clone();
    let count = |file: &ModelFile| file.model().config().groups;
    while dimensions
        .groups
        .is_some_and(|wanted| wanted < count(&file))
    {
        progress("groups");
        file = without_least(&file, patches, count(&file), without_group)?;
    }
    let count = |file: &ModelFile| file.model().config().blocks;
    while dimensions
        .blocks
        .is_some_and(|wanted| wanted < count(&file))
    {
        progress("blocks");
        file = without_least(&file, patches, count(&file), without_block)?;
    }
    if let Some(wanted) = dimensions.width {
        progress("features");
        file = channels::with_width(&file, patches, wanted)?;
    }
    if let Some(wanted) = dimensions.inner {
        progress("inner channels");
        file = channels::with_inner(&file, patches, wanted)?;
    }
    if let Some(wanted) = dimensions.states {
        progress("states");
        file = with_states(&file, patches, wanted)?;
    }
    Ok(file)
}

fn check(file: &ModelFile, patches: &[Picture], wanted: &Dimensions) -> Result<(), CompressError> {
    let model = file.model();
    let found = model.precision();
    if found != Precision::F32 {
        return Err(CompressError::Precision { found });
    }
    if patches.is_empty() {
        return Err(CompressError::NoPictures);
    }
    let config = model.config();
    for (dimension, wanted, found) in [
        ("groups", wanted.groups, config.groups),
        ("blocks", wanted.blocks, config.blocks),
        ("width", wanted.width, config.width),
        ("inner", wanted.inner, config.inner),
        ("states", wanted.states, config.states),
    ] {
        if wanted.is_some_and(|wanted| wanted == 0 || wanted > found) {
            return Err(CompressError::Dimension {
                dimension,
                wanted: wanted.unwrap_or_default(),
                found,
            });
        }
    }
    Ok(())
}

/// Makes a network without its group or block of this number.
type Without = fn(&Checkpoint, usize) -> Checkpoint;

/// Tries each of `count` and returns the network without the one that changes the output least.
fn without_least(
    file: &ModelFile,
    patches: &[Picture],
    count: usize,
    without: Without,
) -> Result<ModelFile> {
    let checkpoint = checkpoint(file)?;
    let variants = (0..count).map(|i| without(&checkpoint, i)).collect();
    let changes = changes(file, variants, patches)?;
    let least = (0..count).min_by(|&a, &b| changes[a].total_cmp(&changes[b]));
    imported(&without(&checkpoint, least.unwrap_or_default()))
}

/// Returns the squared difference that each variant makes in the outputs.
fn changes(file: &ModelFile, variants: Vec<Checkpoint>, patches: &[Picture]) -> Result<Vec<f64>> {
    let outputs = |file: &ModelFile| -> Result<Vec<Vec<f32>>> {
        let network = Teacher::of(file.clone());
        let outputs = patches.iter().map(|patch| Ok(network.run(patch)?.output));
        outputs.collect()
    };
    let wanted = outputs(file)?;
    let change = |variant: &Checkpoint| {
        let found = outputs(&imported(variant)?)?;
        let pairs = found.iter().flatten().zip(wanted.iter().flatten());
        Ok(pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum())
    };
    variants.par_iter().with_max_len(1).map(change).collect()
}

fn checkpoint(file: &ModelFile) -> Result<Checkpoint> {
    let exported = export::checkpoint(&file.model()).map_err(CompressError::Model)?;
    Ok(exported.checkpoint)
}

fn imported(checkpoint: &Checkpoint) -> Result<ModelFile> {
    Ok(import::import(checkpoint).map_err(CompressError::Import)?)
}

fn without_group(checkpoint: &Checkpoint, group: usize) -> Checkpoint {
    without(checkpoint, "layers.", group)
}

fn without_block(checkpoint: &Checkpoint, block: usize) -> Checkpoint {
    without(checkpoint, "residual_group.blocks.", block)
}

/// Takes away the tensors whose name has `place` after `before`, and closes the gap.
fn without(checkpoint: &Checkpoint, before: &str, place: usize) -> Checkpoint {
    let renamed = |name: &str| -> Option<String> {
        let Some((front, rest)) = name.split_once(before) else {
            return Some(name.to_owned());
        };
        let (number, rest) = rest.split_once('.')?;
        let number: usize = number.parse().ok()?;
        let number = match number.cmp(&place) {
            core::cmp::Ordering::Less => number,
            core::cmp::Ordering::Equal => return None,
            core::cmp::Ordering::Greater => number - 1,
        };
        Some(format!("{front}{before}{number}.{rest}"))
    };
    let tensors = checkpoint.tensors.iter();
    Checkpoint {
        tensors: tensors
            .filter_map(|(name, tensor)| Some((renamed(name)?, tensor.clone())))
            .collect(),
        metadata: checkpoint.metadata.clone(),
    }
}

/// Keeps the states of each mixer without which the output changes most.
fn with_states(file: &ModelFile, patches: &[Picture], wanted: usize) -> Result<ModelFile> {
    let config = *file.model().config();
    let mut checkpoint = checkpoint(file)?;
    let mut kept = Vec::new();
    for mixer in Mixer::all(&config) {
        let states = match config.decay {
            // The rates of tied decays are 1 to N times one: only the last can go.
            Decay::Tied => (0..wanted).collect(),
            Decay::Full => {
                let mut variants = vec![checkpoint.clone(); config.states];
                for (state, variant) in variants.iter_mut().enumerate() {
                    mixer.silence(variant, &config, state)?;
                }
                largest(&changes(file, variants, patches)?, wanted)
            }
        };
        // The next mixer is judged without those that go here.
        let gone = (0..config.states).filter(|state| !states.contains(state));
        for state in gone {
            mixer.silence(&mut checkpoint, &config, state)?;
        }
        kept.push((mixer, states));
    }
    for (mixer, states) in kept {
        mixer.keep_states(&mut checkpoint, &config, &states)?;
    }
    imported(&checkpoint)
}

/// Returns the places of the `count` largest values, in ascending order.
fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    places.truncate(count);
    places.sort_unstable();
    places
}
