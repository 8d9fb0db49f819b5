//! Loss and gradient of a batch of patches.

use std::sync::Mutex;

use mambalite_kernels::arith::Float;
use mambalite_kernels::{Kernels, Layer, Model, Plan as MemoryPlan, Stream};
use rayon::prelude::*;

use super::backward::{Backward, Buffers, Plan};
use super::parameters::Parameters;
use super::tape::Tape;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::check_channels;
use crate::{Error, Result};

/// The loss of a patch: takes its place in the batch and the output before it is clamped, `[h scale,
/// w scale, channels]` with 1 for white; sets the gradient, and returns the loss.
pub type Objective<'o> = dyn Fn(usize, &[f32], &mut [f32]) -> f64 + Sync + 'o;

/// A network in training.
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    plan: Plan,
    /// Memory of as many patches as ever were under way at once.
    workspaces: Mutex<Vec<Workspace>>,
}

/// Memory for one patch.
#[derive(Debug)]
struct Workspace {
    arena: Vec<u64>,
    tape: Tape<f32>,
    buffers: Buffers<f32>,
    d_output: Vec<f32>,
}

impl Network {
    /// Takes the network of some parameters.
    pub fn new(parameters: Parameters) -> Self {
        Self {
            plan: Plan::new(&parameters),
            parameters,
            workspaces: Mutex::new(Vec::new()),
        }
    }

    /// Returns the parameters that the network began with.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Computes the mean loss over patches and its gradient, with the threads of the pool that it
    /// is called in.
    ///
    /// * `values` - of the parameters. * `gradient` - as long, replaced.
    ///
    /// Each patch has a gradient of its own, and these are added in the order of the patches: the
    /// bits do not depend on the threads.
    ///
    /// # Errors
    /// [`Error::TrainingDiverged`] for values that are not finite; [`Error::Channels`] and
    /// [`Error::Run`] for patches that the network does not take.
    pub fn gradient(
        &self,
        values: &[f32],
        patches: &[Picture],
        objective: &Objective<'_>,
        gradient: &mut [f32],
    ) -> Result<f64> {
        let file = self.to_file(values)?;
        let model = file.model();
        let indices = (0..patches.len()).into_par_iter().with_max_len(1);
        let parts: Result<Vec<(f64, Vec<f32>)>> = indices
            .map(|i| self.patch(&model, values, (i, &patches[i]), objective))
            .collect();
        let parts = parts?;
        let share = 1.0 / patches.len() as f32;
        gradient
            .par_chunks_mut(4096)
            .enumerate()
            .for_each(|(chunk, gradient)| {
                gradient.fill(0.0);
                for (_, part) in &parts {
                    let part = &part[chunk * 4096..];
                    gradient.iter_mut().zip(part).for_each(|(g, p)| *g += p);
                }
                gradient.iter_mut().for_each(|g| *g *= share);
            });
        Ok(parts.iter().map(|(loss, _)| loss).sum::<f64>() / patches.len() as f64)
    }

    /// Makes a model file of some values.
    ///
    /// # Errors
    /// [`Error::TrainingDiverged`] for values that are not finite.
    pub fn to_file(&self, values: &[f32]) -> Result<ModelFile> {
        let file = self.parameters.to_file(values);
        file.map_err(|cause| Error::TrainingDiverged { cause })
    }

    /// Computes the loss of one patch and its gradient.
    fn patch(
        &self,
        model: &Model<'_>,
        values: &[f32],
        (i, picture): (usize, &Picture),
        objective: &Objective<'_>,
    ) -> Result<(f64, Vec<f32>)> {
        let mut workspace = self.take_workspace();
        forward(model, picture, &mut workspace.arena, &mut workspace.tape)?;
        let output = workspace.tape.layer(Layer::Output);
        workspace.d_output.resize(output.len(), 0.0);
        let loss = objective(i, output, &mut workspace.d_output);
        let mut gradient = vec![0.0; values.len()];
        Backward {
            plan: &self.plan,
            values,
            tape: &workspace.tape,
            size: (picture.width(), picture.height()),
            buffers: &mut workspace.buffers,
            observer: None,
        }
        .run(picture.data(), &workspace.d_output, &mut gradient);
        self.give_workspace(workspace);
        Ok((loss, gradient))
    }

    fn take_workspace(&self) -> Workspace {
        let mut workspaces = self.lock();
        workspaces.pop().unwrap_or_else(|| Workspace {
            arena: Vec::new(),
            tape: Tape::new(self.plan.layout().config()),
            buffers: Buffers::default(),
            d_output: Vec::new(),
        })
    }

    fn give_workspace(&self, workspace: Workspace) {
        self.lock().push(workspace);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Workspace>> {
        let workspaces = self.workspaces.lock();
        workspaces.unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Runs a picture through a model of single precision and keeps every layer.
///
/// # Errors
/// [`Error::Channels`] and [`Error::Run`] for a picture that the network does not take.
pub(crate) fn forward(
    model: &Model<'_>,
    picture: &Picture,
    arena: &mut Vec<u64>,
    tape: &mut Tape<f32>,
) -> Result<()> {
    check_channels(model, picture)?;
    let (width, height) = (picture.width(), picture.height());
    let kernels = Kernels::<Float<f32>>::best();
    let plan = MemoryPlan::with_kernels(&kernels, model, width);
    arena.resize(plan.arena_bytes / size_of::<u64>(), 0);
    tape.clear();
    let mut stream = Stream::<Float<f32>>::new(model, width, height, arena)?;
    for row in picture.data().chunks_exact(width * picture.channels()) {
        stream.push_row(row, tape, &mut |_, _| ())?;
    }
    Ok(())
}
