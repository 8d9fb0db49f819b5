//! What a run trains.

use core::ops::Range;

use mambalite_kernels::Config;

use crate::Result;
use crate::model_file::ModelFile;
use crate::picture::Picture;

/// What of a network its teacher and its data must fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Channels of pictures.
    pub channels: usize,
    /// Scale.
    pub scale: usize,
    /// Feature width C.
    pub width: usize,
    /// Groups of blocks.
    pub groups: usize,
}

impl Kind {
    /// Returns that of a network.
    pub fn of(config: &Config) -> Self {
        Self {
            channels: config.channels,
            scale: config.scale,
            width: config.width,
            groups: config.groups,
        }
    }
}

/// The loss of the patches of a batch; the first argument is the place in it.
pub trait Objective: Sync {
    /// Takes the output before it is clamped, `[h scale, w scale, channels]` with 1 for white;
    /// sets the gradient, and returns the loss.
    fn output(&self, i: usize, output: &[f32], gradient: &mut [f32]) -> f64;

    /// Takes the features after a group, `[h, w, C]`; adds to their gradient what the loss wants of
    /// them beside that, and returns this part of the loss.
    fn group(&self, _i: usize, _group: usize, _features: &[f32], _gradient: &mut [f32]) -> f64 {
        0.0
    }
}

/// A loss of the output alone.
impl<F: Fn(usize, &[f32], &mut [f32]) -> f64 + Sync> Objective for F {
    fn output(&self, i: usize, output: &[f32], gradient: &mut [f32]) -> f64 {
        self(i, output, gradient)
    }
}

/// A network with one flat vector of parameters, `values`.
pub trait Model: Sync {
    /// Returns the mean loss over patches and replaces `gradient` by its gradient.
    ///
    /// The bits of both do not depend on the threads of the pool that it is called in.
    ///
    /// # Errors
    /// Values that are not finite, or patches that the network does not take.
    fn gradient(
        &self,
        values: &[f32],
        patches: &[Picture],
        objective: &dyn Objective,
        gradient: &mut [f32],
    ) -> Result<f64>;

    /// Makes a model file of the values: for validation, and to be shipped.
    ///
    /// # Errors
    /// Values that are not finite.
    fn to_file(&self, values: &[f32]) -> Result<ModelFile>;

    /// Returns the parts of the `len` parameters that weight decay acts on: all unless a network
    /// says otherwise.
    fn decayed(&self, len: usize) -> Vec<Range<usize>> {
        core::iter::once(0..len).collect()
    }
}
