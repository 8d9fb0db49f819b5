//! The tensors of a mixer in a checkpoint.

use mambalite_kernels::{Config, Decay};

use crate::checkpoint::{Checkpoint, Tensor};
use crate::compress::CompressError;

/// The mixer of a block in a checkpoint.
pub(super) struct Mixer {
    prefix: String,
}

impl Mixer {
    pub(super) fn new(group: usize, block: usize) -> Self {
        let prefix = format!("layers.{group}.residual_group.blocks.{block}.mixer.");
        Self { prefix }
    }

    pub(super) fn all(config: &Config) -> impl Iterator<Item = Self> + use<> {
        let (groups, blocks) = (config.groups, config.blocks);
        (0..groups).flat_map(move |group| (0..blocks).map(move |block| Self::new(group, block)))
    }

    pub(super) fn tensor<'c>(
        &self,
        checkpoint: &'c mut Checkpoint,
        name: &str,
    ) -> Result<&'c mut Tensor, CompressError> {
        tensor_mut(checkpoint, format!("{}{name}", self.prefix))
    }

    /// Takes a state out of the output: its part of C is zero.
    pub(super) fn silence(
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

    pub(super) fn keep_channels(
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

    pub(super) fn keep_states(
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

/// Returns a tensor that every network has whose weights are dense.
pub(super) fn tensor_mut(
    checkpoint: &mut Checkpoint,
    name: String,
) -> Result<&mut Tensor, CompressError> {
    match checkpoint.tensors.get_mut(&name) {
        Some(tensor) => Ok(tensor),
        // Weights of the other forms have more than one tensor.
        None => Err(CompressError::Factorised { weight: name }),
    }
}

/// Returns the tensor with these places of an axis only.
pub(super) fn selected(tensor: &Tensor, axis: usize, places: &[usize]) -> Tensor {
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
