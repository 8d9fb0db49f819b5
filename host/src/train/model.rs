//! What a run trains.

use core::ops::Range;

use crate::Result;
use crate::model_file::ModelFile;
use crate::picture::Picture;

/// The loss of a patch: takes its place in the batch and the output before it is clamped,
/// `[h scale, w scale, channels]` with 1 for white; sets the gradient, and returns the loss.
pub type Objective<'o> = dyn Fn(usize, &[f32], &mut [f32]) -> f64 + Sync + 'o;

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
        objective: &Objective<'_>,
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
