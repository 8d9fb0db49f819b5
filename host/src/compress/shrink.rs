//! A network with fewer groups, blocks, inner channels or states: those that matter least go.
//!
//! Groups, blocks and states are tried: the network is run without each, and what changes its
//! output least, measured as squared difference, goes. Inner channels are too many for that; the
//! share of each in the picture comes from the second moments that [`super::moments`] measures.
//! What is lost comes back by distillation.

use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::{Config, Decay, Precision};
use nalgebra::DVector;
use rayon::prelude::*;

use super::CompressError;
use super::moments::{self, Moments};
use crate::checkpoint::{Checkpoint, Tensor};
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::train::parameters::Parameters;
use crate::train::teacher::Teacher;
use crate::{Result, export, import};

/// Dimensions to keep; nothing leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dimensions {
    /// Groups of blocks.
    pub groups: Option<usize>,
    /// Blocks of a group; the same places go in all groups.
    pub blocks: Option<usize>,
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
    if let Some(wanted) = dimensions.inner {
        progress("inner channels");
        file = with_inner(&file, patches, wanted)?;
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

/// Keeps the inner channels of each mixer that have the largest share in the picture.
///
/// A channel has two ways there: the output projection, and that to step sizes, B and C.
fn with_inner(file: &ModelFile, patches: &[Picture], wanted: usize) -> Result<ModelFile> {
    let model = file.model();
    let config = *model.config();
    let parameters = Parameters::of_model(&model).map_err(CompressError::Model)?;
    let moments = moments::collect(&parameters, patches, &|_| ())?;
    let mut checkpoint = checkpoint(file)?;
    let mut shares = vec![vec![0.0; config.inner]; config.groups * config.blocks];
    for (weight, moments) in config.weights().zip(&moments) {
        let WeightName::Projection { group, block, part } = weight.name else {
            continue;
        };
        let name = match part {
            Projection::XProj => "x_proj.weight",
            Projection::OutProj => "out_proj.weight",
            Projection::InProj | Projection::DtProj => continue,
        };
        let projection = Mixer::new(group, block).tensor(&mut checkpoint, name)?;
        let shares = &mut shares[group * config.blocks + block];
        add_shares(projection, moments, shares);
    }
    for (mixer, shares) in Mixer::all(&config).zip(&shares) {
        mixer.keep_channels(&mut checkpoint, &config, &largest(shares, wanted))?;
    }
    imported(&checkpoint)
}

/// Adds what each input of a projection adds to its outputs, in the metric of what these do to the
/// picture.
fn add_shares(projection: &Tensor, moments: &Moments, shares: &mut [f64]) {
    let inputs = shares.len();
    for (e, share) in shares.iter_mut().enumerate() {
        let column = projection.data[e..].iter().step_by(inputs);
        let column: Vec<f64> = column.map(|&x| f64::from(x)).collect();
        let column = DVector::from_vec(column);
        *share += moments.inputs[(e, e)] * (&moments.gradients * &column).dot(&column);
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

/// The mixer of a block in a checkpoint.
struct Mixer {
    prefix: String,
}

impl Mixer {
    fn new(group: usize, block: usize) -> Self {
        let prefix = format!("layers.{group}.residual_group.blocks.{block}.mixer.");
        Self { prefix }
    }

    fn all(config: &Config) -> impl Iterator<Item = Self> + use<> {
        let (groups, blocks) = (config.groups, config.blocks);
        (0..groups).flat_map(move |group| (0..blocks).map(move |block| Self::new(group, block)))
    }

    fn tensor<'c>(
        &self,
        checkpoint: &'c mut Checkpoint,
        name: &str,
    ) -> Result<&'c mut Tensor, CompressError> {
        let name = format!("{}{name}", self.prefix);
        match checkpoint.tensors.get_mut(&name) {
            Some(tensor) => Ok(tensor),
            // All other tensors are in every checkpoint of a network.
            None => Err(CompressError::Factorised { weight: name }),
        }
    }

    /// Takes a state out of the output: its part of C is zero.
    fn silence(
        &self,
        checkpoint: &mut Checkpoint,
        config: &Config,
        state: usize,
    ) -> Result<(), CompressError> {
        let row = config.dt_rank + config.states + state;
        let tensor = self.tensor(checkpoint, "x_proj.weight")?;
        tensor.data[row * config.inner..][..config.inner].fill(0.0);
        Ok(())
    }

    fn keep_channels(
        &self,
        checkpoint: &mut Checkpoint,
        config: &Config,
        kept: &[usize],
    ) -> Result<(), CompressError> {
        let gate = kept.iter().map(|e| config.inner + e);
        let halves: Vec<usize> = kept.iter().copied().chain(gate).collect();
        for (name, axis, kept) in [
            ("in_proj.weight", 0, halves.as_slice()),
            ("conv1d.weight", 0, kept),
            ("conv1d.bias", 0, kept),
            ("x_proj.weight", 1, kept),
            ("dt_proj.weight", 0, kept),
            ("dt_proj.bias", 0, kept),
            ("A_log", 0, kept),
            ("D", 0, kept),
            ("out_proj.weight", 1, kept),
        ] {
            let tensor = self.tensor(checkpoint, name)?;
            *tensor = selected(tensor, axis, kept);
        }
        Ok(())
    }

    fn keep_states(
        &self,
        checkpoint: &mut Checkpoint,
        config: &Config,
        kept: &[usize],
    ) -> Result<(), CompressError> {
        let part = |first: usize| kept.iter().map(move |state| first + state);
        let (b, c) = (config.dt_rank, config.dt_rank + config.states);
        let rows: Vec<usize> = (0..b).chain(part(b)).chain(part(c)).collect();
        let projection = self.tensor(checkpoint, "x_proj.weight")?;
        *projection = selected(projection, 0, &rows);
        if config.decay == Decay::Full {
            let rates = self.tensor(checkpoint, "A_log")?;
            *rates = selected(rates, 1, kept);
        }
        Ok(())
    }
}

/// Returns the places of the `count` largest values, in ascending order.
fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..values.len()).collect();
    places.sort_by(|&a, &b| values[b].total_cmp(&values[a]).then(a.cmp(&b)));
    places.truncate(count);
    places.sort_unstable();
    places
}

/// Returns the tensor with these places of an axis only.
fn selected(tensor: &Tensor, axis: usize, places: &[usize]) -> Tensor {
    let inner: usize = tensor.shape[axis + 1..].iter().product();
    let len = tensor.shape[axis];
    let mut shape = tensor.shape.clone();
    shape[axis] = places.len();
    let slabs = tensor.data.chunks_exact(len * inner);
    let data = slabs.flat_map(|slab| {
        let runs = places.iter().map(|&place| &slab[place * inner..][..inner]);
        runs.flatten().copied()
    });
    Tensor {
        data: data.collect(),
        shape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::tests::{config, network, patches};

    fn shrunk(dimensions: Dimensions) -> ModelFile {
        shrink(&network(), &patches(), &dimensions, &|_| ()).unwrap()
    }

    /// Squared difference of two networks' outputs.
    fn change(a: &ModelFile, b: &ModelFile) -> f64 {
        changes(a, vec![checkpoint(b).unwrap()], &patches()).unwrap()[0]
    }

    #[test]
    fn dimensions_are_reached() {
        let file = shrunk(Dimensions {
            groups: Some(1),
            blocks: Some(1),
            inner: Some(7),
            states: Some(2),
        });
        let expected = Config {
            blocks: 1,
            inner: 7,
            states: 2,
            ..config()
        };
        assert_eq!(file.model().config(), &expected);
    }

    #[test]
    fn what_is_large_enough_stays() {
        let all = Dimensions {
            groups: Some(config().groups),
            blocks: Some(config().blocks),
            inner: Some(config().inner),
            states: Some(config().states),
        };
        assert_eq!(change(&shrunk(all), &network()), 0.0);
    }

    /// Silences a state and a channel of every mixer: nothing is lost without them.
    #[test]
    fn what_does_nothing_goes_first() {
        let config = config();
        let mut idle = checkpoint(&network()).unwrap();
        for (i, mixer) in Mixer::all(&config).enumerate() {
            mixer
                .silence(&mut idle, &config, i % config.states)
                .unwrap();
            for name in ["out_proj.weight", "x_proj.weight"] {
                let projection = mixer.tensor(&mut idle, name).unwrap();
                for row in projection.data.chunks_exact_mut(config.inner) {
                    row[3 + i] = 0.0;
                }
            }
        }
        let idle = imported(&idle).unwrap();
        for dimensions in [
            Dimensions {
                states: Some(config.states - 1),
                ..Dimensions::default()
            },
            Dimensions {
                inner: Some(config.inner - 1),
                ..Dimensions::default()
            },
        ] {
            let smaller = shrink(&idle, &patches(), &dimensions, &|_| ()).unwrap();
            // Sums over one addend less are rounded otherwise.
            let changed = change(&smaller, &idle);
            assert!(changed < 1e-9, "{dimensions:?}: {changed}");
        }
    }

    /// A block whose output projection is zero only adds its input: it is the one that goes.
    #[test]
    fn idle_blocks_go_first() {
        let config = config();
        for block in 0..config.blocks {
            let mut idle = checkpoint(&network()).unwrap();
            let projection = Mixer::new(0, block);
            let tensor = projection.tensor(&mut idle, "out_proj.weight").unwrap();
            tensor.data.fill(0.0);
            let idle = imported(&idle).unwrap();
            let dimensions = Dimensions {
                blocks: Some(config.blocks - 1),
                ..Dimensions::default()
            };
            let smaller = shrink(&idle, &patches(), &dimensions, &|_| ()).unwrap();
            assert_eq!(change(&smaller, &idle), 0.0);
        }
    }

    #[test]
    fn names_close_the_gap() {
        let mut three = Checkpoint::default();
        for name in [
            "layers.0.a",
            "layers.1.a",
            "layers.2.layers.1.a",
            "layers.x",
            "b",
        ] {
            three.tensors.insert(name.to_owned(), Tensor::default());
        }
        let two = without_group(&three, 1);
        let names: Vec<&str> = two.tensors.keys().map(String::as_str).collect();
        assert_eq!(names, ["b", "layers.0.a", "layers.1.layers.1.a"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refusal = |file: &ModelFile, dimensions: &Dimensions| {
            let refused = shrink(file, &patches(), dimensions, &|_| ());
            refused.unwrap_err().to_string()
        };
        let states = |states| Dimensions {
            states: Some(states),
            ..Dimensions::default()
        };
        for wanted in [0, 99] {
            let message = refusal(&network(), &states(wanted));
            assert!(message.contains("states"), "{message}");
        }
        let budget = crate::compress::Budget::Parameters(900);
        let factored = crate::compress::compress(
            &network(),
            &patches(),
            budget,
            crate::compress::Factored::LowRank,
            &|_| (),
        );
        let message = refusal(&factored.unwrap(), &states(1));
        assert!(message.contains("x_proj.weight"), "{message}");
    }
}
