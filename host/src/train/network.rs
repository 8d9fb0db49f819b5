//! Loss and gradient of a batch of patches.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use mambalite_kernels::{Layer, Model, Plan as MemoryPlan, Precision, Upscaler};
use rayon::prelude::*;

use super::backward::{Backward, Buffers, Plan, Watch};
use super::model::{Model as Trained, Objective};
use super::parameters::Parameters;
use super::quantization::{Clipping, Quantization, Step};
use super::tape::Tape;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::check_channels;
use crate::{Error, Result};

/// Parameters whose gradients a thread adds at a time.
const CHUNK: usize = 4096;

/// A network in training.
#[derive(Debug)]
pub struct Network {
    parameters: Parameters,
    quantization: Option<Quantization>,
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
    /// Takes the network of some parameters, to be trained in single precision.
    pub fn new(parameters: Parameters) -> Self {
        Self {
            plan: Plan::new(&parameters),
            parameters,
            quantization: None,
            workspaces: Mutex::new(Vec::new()),
        }
    }

    /// Takes the network of some parameters, to be trained through fixed point.
    ///
    /// * `pictures` - LR pictures that show the ranges of its tensors. * `percentile` - of the
    ///   magnitudes of an 8-bit tensor that are not clipped at the start, such as 99.99.
    ///
    /// # Errors
    /// [`Error::Quantize`], and what running the pictures gives.
    pub fn quantized(
        parameters: Parameters,
        precision: Precision,
        pictures: &[Picture],
        percentile: f64,
    ) -> Result<Self> {
        let quantization = Quantization::new(&parameters, precision, pictures, percentile)?;
        Ok(Self {
            quantization: Some(quantization),
            ..Self::new(parameters)
        })
    }

    /// Returns the parameters that the network began with.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Returns the vector that training begins with: the parameters, and the ranges that are
    /// learned with them.
    pub fn initial(&self) -> Vec<f32> {
        let mut values = self.parameters.values().to_vec();
        values.extend(self.quantization.iter().flat_map(Quantization::initial));
        values
    }

    fn step<'v>(&self, values: &'v [f32]) -> Result<Step<'v>> {
        let diverged = |cause| Error::TrainingDiverged { cause };
        let single = &values[..self.parameters.layout().len()];
        match &self.quantization {
            Some(quantization) => {
                // Rounding would hide values that are no numbers.
                self.parameters.to_file(single).map_err(diverged)?;
                quantization.step(&self.parameters, values)
            }
            None => Ok(Step {
                file: self.parameters.to_file(single).map_err(diverged)?,
                values: Cow::Borrowed(values),
                units: None,
            }),
        }
    }

    /// Computes the loss of one patch and its gradient.
    fn patch(
        &self,
        model: &Model<'_>,
        step: &Step<'_>,
        (i, picture): (usize, &Picture),
        objective: &dyn Objective,
    ) -> Result<(f64, Vec<f32>)> {
        let mut workspace = self.take_workspace();
        let Workspace {
            arena,
            tape,
            buffers,
            d_output,
        } = &mut workspace;
        forward(model, picture, arena, tape)?;
        if let Some(units) = &step.units {
            tape.restore(units, model.precision());
        }
        let output = tape.layer(Layer::Output);
        d_output.resize(output.len(), 0.0);
        let loss = objective.output(i, output, d_output);
        let mut gradient = vec![0.0; step.values.len()];
        let clipping = self.quantization.as_ref().zip(step.units.as_ref());
        let mut hooks = Hooks {
            clipping: clipping.map(|(quantization, units)| quantization.watch(tape, units)),
            objective,
            i,
            tape,
            loss,
        };
        Backward {
            plan: &self.plan,
            values: &step.values,
            tape,
            size: (picture.width(), picture.height()),
            buffers,
            watch: &mut hooks,
        }
        .run(picture.data(), d_output, &mut gradient);
        let (clipping, loss) = (hooks.clipping, hooks.loss);
        gradient.extend(clipping.map(|it| it.gradient).unwrap_or_default());
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

impl Trained for Network {
    /// Each patch has a gradient of its own, and these are added in the order of the patches.
    fn gradient(
        &self,
        values: &[f32],
        patches: &[Picture],
        objective: &dyn Objective,
        gradient: &mut [f32],
    ) -> Result<f64> {
        let step = self.step(values)?;
        let model = step.file.model();
        let indices = (0..patches.len()).into_par_iter().with_max_len(1);
        let parts: Result<Vec<(f64, Vec<f32>)>> = indices
            .map(|i| self.patch(&model, &step, (i, &patches[i]), objective))
            .collect();
        let parts = parts?;
        let share = 1.0 / patches.len() as f32;
        let chunks = gradient.par_chunks_mut(CHUNK).enumerate();
        chunks.for_each(|(chunk, gradient)| {
            gradient.fill(0.0);
            for (_, part) in &parts {
                let part = &part[chunk * CHUNK..];
                gradient.iter_mut().zip(part).for_each(|(g, p)| *g += p);
            }
            gradient.iter_mut().for_each(|g| *g *= share);
        });
        Ok(parts.iter().map(|(loss, _)| loss).sum::<f64>() / patches.len() as f64)
    }

    fn to_file(&self, values: &[f32]) -> Result<ModelFile> {
        Ok(self.step(values)?.file)
    }

    /// Matrices decay; norms, biases, rates, skips, causal taps and ranges do not.
    fn decayed(&self, _len: usize) -> Vec<Range<usize>> {
        let arrays = self.parameters.layout().arrays();
        let matrices = arrays.filter(|(param, _)| {
            let vector = param.name.contains("norm") || param.name == "conv1d";
            param.part == "weight" && !vector
        });
        matrices.map(|(_, range)| range).collect()
    }
}

/// What a backward pass heeds on its way.
struct Hooks<'a> {
    clipping: Option<Clipping<'a>>,
    objective: &'a dyn Objective,
    /// Place of the patch in the batch.
    i: usize,
    tape: &'a Tape<f32>,
    /// Loss so far.
    loss: f64,
}

impl Watch<f32> for Hooks<'_> {
    fn operand(&mut self, layer: Layer, gradient: &mut [f32]) {
        if let Some(clipping) = &mut self.clipping {
            clipping.operand(layer, gradient);
        }
    }

    fn group(&mut self, group: usize, gradient: &mut [f32]) {
        let features = self.tape.layer(Layer::Group { group: group as u8 });
        self.loss += self.objective.group(self.i, group, features, gradient);
    }
}

/// Runs a picture through a model and keeps the layers that a backward pass reads.
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
    let plan = MemoryPlan::new(model, width);
    arena.resize(plan.arena_bytes / size_of::<u64>(), 0);
    tape.clear();
    let mut run = Upscaler::new(model, width, height, arena)?;
    for row in picture.rows() {
        run.push_row(row, tape, &mut |_, _| ())?;
    }
    Ok(())
}
