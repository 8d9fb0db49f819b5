//! What a forward pass leaves for the backward pass: the outputs of the layers.

use mambalite_kernels::num::float::Real;
use mambalite_kernels::tap::{MixerPart, States};
use mambalite_kernels::{Config, Layer, Precision, Tap, Value};

use crate::quantize::{Units, block_output};

/// What an integer of the output in fixed point stands for: Q.20 grey levels.
const OUTPUT_UNIT: f32 = 1.0 / (255.0 * 1_048_576.0);

/// The hook into the kernels' run that keeps the layers that a backward pass reads.
#[derive(Debug)]
pub struct Tape<T> {
    config: Config,
    /// By [`Layer::index`], in raster order.
    layers: Vec<Vec<T>>,
    /// By mixer: the states after each row, `[rows, N, E]`.
    states: Vec<Vec<T>>,
}

impl<T: Real> Tape<T> {
    /// Makes an empty one.
    pub fn new(config: &Config) -> Self {
        Self {
            config: *config,
            layers: vec![Vec::new(); Layer::count(config)],
            states: vec![Vec::new(); config.groups * config.blocks],
        }
    }

    /// Forgets the values and keeps their memory for the next run.
    pub fn clear(&mut self) {
        self.layers
            .iter_mut()
            .chain(&mut self.states)
            .for_each(Vec::clear);
    }

    /// Tells whether a layer only goes into a sum or a copy, whose gradients need no values.
    fn is_only_added(&self, layer: Layer) -> bool {
        match layer {
            Layer::GroupConv { .. } | Layer::ConvAfterBody | Layer::Upsample => true,
            Layer::Mixer { part, .. } => part == MixerPart::OutProj && self.config.mixer_skip,
            _ => false,
        }
    }

    /// Returns the values of a layer; empty for one that is not kept.
    pub fn layer(&self, layer: Layer) -> &[T] {
        let index = layer.index(&self.config);
        index
            .and_then(|i| self.layers.get(i))
            .map_or(&[], Vec::as_slice)
    }

    /// Returns the values of a step of a mixer.
    pub fn mixer(&self, group: usize, block: usize, part: MixerPart) -> &[T] {
        let (group, block) = (group as u8, block as u8);
        self.layer(Layer::Mixer { group, block, part })
    }

    /// Returns the states of a mixer after row `y`, `[N, E]`.
    pub fn states(&self, group: usize, block: usize, y: usize) -> &[T] {
        let len = self.config.states * self.config.inner;
        &self.states[group * self.config.blocks + block][y * len..][..len]
    }
}

impl Tape<f32> {
    /// Takes the integers of a run in fixed point to the numbers that they stand for.
    ///
    /// Where the precision has 8-bit matrix inputs, layers that a convolution takes are cut to
    /// what it sees of them: their upper bytes.
    pub(crate) fn restore(&mut self, units: &Units, precision: Precision) {
        if precision == Precision::W8A8 {
            let last = self.config.blocks - 1;
            for group in 0..self.config.groups {
                let input = block_output(&self.config, group, last);
                self.of_layer(input).iter_mut().for_each(narrow);
            }
            self.of_layer(Layer::Body).iter_mut().for_each(narrow);
        }
        for (&layer, runs) in &units.layers {
            let pixel: usize = runs.iter().map(|&(len, _)| len).sum();
            for values in self.of_layer(layer).chunks_mut(pixel) {
                let mut rest = values;
                for &(len, unit) in runs {
                    let (run, after) = rest.split_at_mut(len.min(rest.len()));
                    run.iter_mut().for_each(|x| *x *= unit as f32);
                    rest = after;
                }
            }
        }
        self.of_layer(Layer::Output)
            .iter_mut()
            .for_each(|x| *x *= OUTPUT_UNIT);
        for (&(group, block), units) in &units.states {
            let mixer = usize::from(group) * self.config.blocks + usize::from(block);
            for states in self.states[mixer].chunks_exact_mut(units.len()) {
                let states = states.iter_mut().zip(units);
                states.for_each(|(x, &unit)| *x *= unit as f32);
            }
        }
    }

    fn of_layer(&mut self, layer: Layer) -> &mut [f32] {
        let index = layer.index(&self.config);
        index
            .and_then(|i| self.layers.get_mut(i))
            .map_or(&mut [], Vec::as_mut_slice)
    }
}

/// Keeps the upper byte of a 16-bit integer, rounded half up and clamped as the kernels do.
fn narrow(x: &mut f32) {
    *x = ((*x + 128.0) / 256.0).floor().clamp(-127.0, 127.0) * 256.0;
}

impl<T: Real> Tap for Tape<T> {
    const STATES: States = States::Rows;

    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        let kept = match layer {
            Layer::States { group, block } => {
                let mixer = usize::from(group) * self.config.blocks + usize::from(block);
                self.states.get_mut(mixer)
            }
            _ if self.is_only_added(layer) => None,
            _ => layer
                .index(&self.config)
                .and_then(|i| self.layers.get_mut(i)),
        };
        let Some(kept) = kept else { return };
        let number =
            |value: &V| <T as num_traits::NumCast>::from(value.real()).unwrap_or_else(T::zero);
        kept.extend(values.iter().map(number));
    }
}
