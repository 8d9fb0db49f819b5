//! Training through fixed point: the forward pass is that of the integer kernels.
//!
//! The parameters stay numbers of single precision. Each step quantises them as `mambalite
//! quantize` would, with ranges from a calibration at the start, runs the model file that comes out,
//! and goes back as if rounding were the identity (straight-through estimator, arXiv 1308.3432).
//! Where 8-bit inputs of matrix products are clipped is learned beside the parameters (PACT, arXiv
//! 1805.06085): the vector has the logarithms of these ranges after the parameters.

use std::borrow::Cow;

use mambalite_kernels::tap::MixerPart;
use mambalite_kernels::{Config, Layer, Precision};

use super::backward::Watch;
use super::parameters::Parameters;
use super::tape::Tape;
use crate::Result;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::quantize::{Quantizer, Ranges, Units, calibrate};

/// Largest integer of an 8-bit input.
const INPUT_MAX: f64 = 127.0;

/// How a network in training is quantised.
#[derive(Clone, Debug)]
pub(super) struct Quantization {
    pub(super) precision: Precision,
    ranges: Ranges,
    /// Layers whose clipping is learned, in the order of the vector.
    clipped: Vec<Layer>,
}

/// A network of one step.
pub(super) struct Step<'v> {
    /// The model file that runs.
    pub(super) file: ModelFile,
    /// The parameters that the backward pass sees: weights as they were rounded.
    pub(super) values: Cow<'v, [f32]>,
    /// Units of the layers in fixed point.
    pub(super) units: Option<Units>,
}

impl Quantization {
    /// Calibrates on LR pictures; `percentile` is where clipping begins.
    pub(super) fn new(
        parameters: &Parameters,
        precision: Precision,
        pictures: &[Picture],
        percentile: f64,
    ) -> Result<Self> {
        let file = parameters.to_file(parameters.values());
        let file = file.map_err(crate::quantize::QuantizeError::Model)?;
        let model = file.model();
        let arrays = parameters.arrays(parameters.values());
        let ranges = calibrate(&model, &arrays, pictures, percentile, &mut |_| ())?;
        Ok(Self {
            precision,
            ranges,
            clipped: match precision {
                Precision::W8A8 => operands(model.config()),
                Precision::W8A16 | Precision::F32 => Vec::new(),
            },
        })
    }

    /// Returns the logarithms of the ranges that are learned, as they begin.
    pub(super) fn initial(&self) -> Vec<f32> {
        let log = |&layer| libm::log(self.ranges.clip(layer)) as f32;
        self.clipped.iter().map(log).collect()
    }

    /// Quantises the parameters at the front of `values` with the ranges after them.
    pub(super) fn step<'v>(&self, parameters: &Parameters, values: &'v [f32]) -> Result<Step<'v>> {
        let layout = parameters.layout();
        let (values, logs) = values.split_at(layout.len());
        let mut ranges = self.ranges.clone();
        for (&layer, &log) in self.clipped.iter().zip(logs) {
            ranges.set_clip(layer, libm::exp(f64::from(log)));
        }
        let arrays = parameters.arrays(values);
        let quantizer = Quantizer::new(
            layout.config(),
            layout.forms(),
            &arrays,
            &ranges,
            self.precision,
        );
        let quantized = quantizer.run()?;
        let mut values = values.to_vec();
        for (param, range) in layout.arrays() {
            if let Some(restored) = quantized.restored.get::<f32>(param)
                && restored.len() == range.len()
            {
                values[range].copy_from_slice(restored);
            }
        }
        Ok(Step {
            file: quantized.file,
            values: Cow::Owned(values),
            units: Some(quantized.units),
        })
    }

    /// Returns what a backward pass over a restored tape must heed.
    pub(super) fn watch<'t>(&'t self, tape: &'t Tape<f32>, units: &'t Units) -> Clipping<'t> {
        Clipping {
            quantization: self,
            tape,
            units,
            gradient: vec![0.0; self.clipped.len()],
        }
    }
}

/// Returns the layers that matrix products take as 8-bit inputs with a range of their own.
fn operands(config: &Config) -> Vec<Layer> {
    let parts = [MixerPart::Norm, MixerPart::Conv1d, MixerPart::Gate];
    let all = Layer::all(config);
    all.filter(|layer| match layer {
        Layer::Mixer { part, .. } => parts.contains(part),
        Layer::NormLast => true,
        _ => false,
    })
    .collect()
}

/// Stops gradients where a layer is clipped, and gives them to its range.
pub(super) struct Clipping<'t> {
    quantization: &'t Quantization,
    tape: &'t Tape<f32>,
    units: &'t Units,
    /// By the logarithms of the ranges.
    pub(super) gradient: Vec<f32>,
}

impl Watch<f32> for Clipping<'_> {
    fn operand(&mut self, layer: Layer, gradient: &mut [f32]) {
        let place = self.quantization.clipped.iter().position(|&l| l == layer);
        let unit = self.units.layers.get(&layer).and_then(|runs| runs.first());
        let (Some(place), Some(&(_, unit))) = (place, unit) else {
            return;
        };
        let clip = unit * INPUT_MAX;
        // Half a unit below: products of integers and units are rounded.
        let edge = (clip - unit / 2.0) as f32;
        let mut sum = 0.0;
        for (g, &x) in gradient.iter_mut().zip(self.tape.layer(layer)) {
            if x.abs() > edge {
                sum += f64::from(*g) * f64::from(x.signum());
                *g = 0.0;
            }
        }
        self.gradient[place] += (sum * clip) as f32;
    }
}
