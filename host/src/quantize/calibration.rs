//! Ranges of a network's tensors on calibration pictures.

use std::collections::BTreeMap;

use mambalite_kernels::config::{Projection, WeightName};
use mambalite_kernels::tap::{MixerPart, States};
use mambalite_kernels::{Config, Form, Layer, Tap, Value};

use crate::arrays::Arrays;
use crate::import::weight_param;

/// Margin of 16-bit tensors over the largest value seen.
pub(super) const MARGIN: f64 = 1.25;
/// Magnitude that stands for a tensor of zeros.
const LEAST: f64 = 1e-6;

/// A tensor that has a scale of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tensor {
    /// All values of a layer.
    Layer(Layer),
    /// The half of an input projection that goes into the causal convolution.
    Input(u8, u8),
    /// The half that goes into the gate.
    Z(u8, u8),
    /// The parts of `x_proj`: step size, B, C.
    StepSize(u8, u8),
    /// See [`Tensor::StepSize`].
    B(u8, u8),
    /// See [`Tensor::StepSize`].
    C(u8, u8),
    /// Inner values of low-rank weight `.0` (file order) at tap `.1`.
    Middle(usize, usize),
}

/// Magnitudes of a tensor: counts by the upper 16 bits of the `f32` (steps of less than 1 %).
#[derive(Clone, Debug)]
struct Histogram {
    counts: Vec<u32>,
    total: u64,
    max: f32,
}

impl Histogram {
    fn new() -> Self {
        Self {
            counts: vec![0; 1 << 15],
            total: 0,
            max: 0.0,
        }
    }

    fn add(&mut self, value: f32) {
        let magnitude = value.abs();
        let count = &mut self.counts[(magnitude.to_bits() >> 16) as usize & 0x7fff];
        *count = count.saturating_add(1);
        self.total += 1;
        self.max = self.max.max(magnitude);
    }

    /// Smallest magnitude that `percentile` of the values do not pass.
    fn clip(&self, percentile: f64) -> f32 {
        let beyond = (self.total as f64 * (1.0 - percentile / 100.0)) as u64;
        let mut seen = 0;
        for (bin, &count) in self.counts.iter().enumerate().rev() {
            seen += u64::from(count);
            if seen > beyond {
                return f32::from_bits(((bin as u32) << 16) | 0xffff).min(self.max);
            }
        }
        self.max
    }
}

/// Magnitudes that the tensors of a network reach.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    /// Largest magnitudes.
    most: BTreeMap<Tensor, f64>,
    /// Where a layer that has 8 bits is clipped.
    clips: BTreeMap<Layer, f64>,
    /// Largest magnitudes of the states of each mixer, by channel.
    states: BTreeMap<(u8, u8), Vec<f32>>,
}

impl Ranges {
    /// Returns the largest magnitude of a tensor; a tiny one for a tensor of zeros.
    pub(crate) fn most(&self, tensor: Tensor) -> f64 {
        self.most.get(&tensor).copied().unwrap_or(0.0).max(LEAST)
    }

    /// Returns where a layer that has 8 bits is clipped; as small for a layer of zeros.
    pub(crate) fn clip(&self, layer: Layer) -> f64 {
        self.clips.get(&layer).copied().unwrap_or(0.0).max(LEAST)
    }

    /// Clips a layer elsewhere.
    pub(crate) fn set_clip(&mut self, layer: Layer, clip: f64) {
        self.clips.insert(layer, clip);
    }

    /// Returns a bound of the inner values of low-rank weight `index`.
    pub(crate) fn middle(&self, index: usize, taps: usize) -> f64 {
        (0..taps)
            .map(|tap| self.most(Tensor::Middle(index, tap)))
            .sum()
    }

    /// Returns the largest magnitude of the states of channel `e`.
    pub(crate) fn state_max(&self, group: u8, block: u8, e: usize) -> f64 {
        let states = self.states.get(&(group, block)).and_then(|s| s.get(e));
        f64::from(states.copied().unwrap_or(0.0)).max(1e-9)
    }
}

/// A low-rank weight whose inner values are watched.
struct Factor {
    index: usize,
    taps: usize,
    inputs: usize,
    rank: usize,
    /// `[taps, inputs, rank]`.
    v: Vec<f32>,
}

/// A tap that collects the ranges of a run in single precision.
pub(crate) struct Calibration {
    config: Config,
    histograms: BTreeMap<Tensor, Histogram>,
    /// Largest magnitude of the states of each mixer, by channel.
    states: BTreeMap<(u8, u8), Vec<f32>>,
    /// By the layer that is the weight's input.
    factors: BTreeMap<Layer, Vec<Factor>>,
}

impl Calibration {
    /// Begins a calibration of a network of these forms.
    pub(crate) fn new(config: &Config, forms: &[Form], arrays: &Arrays) -> Self {
        let mut factors: BTreeMap<Layer, Vec<Factor>> = BTreeMap::new();
        for (index, (weight, form)) in config.weights().zip(forms).enumerate() {
            let v = weight_param(weight.name).factor("v").part("weight");
            if let (Some(rank), Some(v), Some(layer)) = (
                form.rank(),
                arrays.get::<f32>(v),
                input_layer(config, weight.name),
            ) {
                let (taps, inputs) = (weight.taps, weight.inputs);
                factors.entry(layer).or_default().push(Factor {
                    index,
                    taps,
                    inputs,
                    rank,
                    v: v.to_vec(),
                });
            }
        }
        Self {
            config: *config,
            histograms: BTreeMap::new(),
            states: BTreeMap::new(),
            factors,
        }
    }

    /// Ends the calibration; `percentile` of the magnitudes of a layer are what 8 bits keep.
    pub(crate) fn ranges(self, percentile: f64) -> Ranges {
        let mut clips = BTreeMap::new();
        for (tensor, histogram) in &self.histograms {
            if let Tensor::Layer(layer) = tensor {
                clips.insert(*layer, f64::from(histogram.clip(percentile)));
            }
        }
        let most = self.histograms.into_iter();
        Ranges {
            most: most.map(|(t, h)| (t, f64::from(h.max))).collect(),
            clips,
            states: self.states,
        }
    }

    fn add(&mut self, tensor: Tensor, values: impl Iterator<Item = f32>) {
        let histogram = self.histograms.entry(tensor).or_insert_with(Histogram::new);
        values.for_each(|v| histogram.add(v));
    }

    fn add_states(&mut self, key: (u8, u8), values: &[f32]) {
        let inner = self.config.inner;
        let max = self.states.entry(key).or_insert_with(|| vec![0.0; inner]);
        for row in values.chunks_exact(inner) {
            max.iter_mut()
                .zip(row)
                .for_each(|(m, v)| *m = m.max(v.abs()));
        }
    }

    /// Watches the inner values of the weights that take `layer`.
    fn add_middles(&mut self, layer: Layer, values: &[f32]) {
        let Some(factors) = self.factors.remove(&layer) else {
            return;
        };
        for factor in &factors {
            // Of x_proj only the step size goes on; of other layers the whole pixel.
            let pixel = if values.len().is_multiple_of(factor.inputs) {
                factor.inputs
            } else {
                values.len()
            };
            for x in values.chunks_exact(pixel) {
                let x = &x[..factor.inputs];
                for tap in 0..factor.taps {
                    let v = &factor.v[tap * factor.inputs * factor.rank..]
                        [..factor.inputs * factor.rank];
                    let product = |r| {
                        x.iter()
                            .zip(v[r..].iter().step_by(factor.rank))
                            .map(|(x, v)| x * v)
                            .sum()
                    };
                    self.add(
                        Tensor::Middle(factor.index, tap),
                        (0..factor.rank).map(product),
                    );
                }
            }
        }
        self.factors.insert(layer, factors);
    }
}

impl Tap for Calibration {
    const STATES: States = States::Pixels;

    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let values: Vec<f32> = values.iter().map(|v| v.real() as f32).collect();
        let (e, r, n) = (self.config.inner, self.config.dt_rank, self.config.states);
        match layer {
            Layer::States { group, block } => self.add_states((group, block), &values),
            Layer::Mixer {
                group,
                block,
                part: MixerPart::InProj,
            } => {
                self.add(Tensor::Input(group, block), values[..e].iter().copied());
                self.add(Tensor::Z(group, block), values[e..].iter().copied());
            }
            Layer::Mixer {
                group,
                block,
                part: MixerPart::XProj,
            } => {
                self.add(Tensor::StepSize(group, block), values[..r].iter().copied());
                self.add(Tensor::B(group, block), values[r..r + n].iter().copied());
                self.add(Tensor::C(group, block), values[r + n..].iter().copied());
                self.add_middles(layer, &values[..r]);
            }
            _ => {
                self.add(Tensor::Layer(layer), values.iter().copied());
                self.add_middles(layer, &values);
            }
        }
    }
}

/// Returns the layer that a weight takes as its input; none for the picture itself.
fn input_layer(config: &Config, name: WeightName) -> Option<Layer> {
    Some(match name {
        WeightName::ConvFirst => return None,
        WeightName::Projection { group, block, part } => {
            let part = match part {
                Projection::InProj => MixerPart::Norm,
                Projection::XProj => MixerPart::Conv1d,
                Projection::DtProj => MixerPart::XProj,
                Projection::OutProj => MixerPart::Gate,
            };
            Layer::Mixer {
                group: group as u8,
                block: block as u8,
                part,
            }
        }
        WeightName::GroupConv { group } => block_output(config, group, config.blocks - 1),
        WeightName::ConvAfterBody => Layer::NormLast,
        WeightName::Upsample => Layer::Body,
    })
}

/// Returns the layer that a block puts out.
pub(crate) fn block_output(config: &Config, group: usize, block: usize) -> Layer {
    let part = if config.mixer_skip {
        MixerPart::Skip
    } else {
        MixerPart::OutProj
    };
    Layer::Mixer {
        group: group as u8,
        block: block as u8,
        part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clips_at_the_percentile() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|i| histogram.add(-(i as f32)));
        assert_eq!(histogram.clip(100.0), 1000.0);
        let clip = histogram.clip(90.0);
        assert!((900.0..910.0).contains(&clip), "{clip}");
        assert_eq!(Histogram::new().clip(99.0), 0.0);
    }
}
