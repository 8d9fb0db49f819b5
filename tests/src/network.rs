//! Small networks with random weights, and pictures for them.

use std::collections::BTreeMap;

use mambalite::checkpoint::{Checkpoint, Tensor};
use mambalite::export::metadata;
use mambalite::picture::Picture;
use mambalite_kernels::config::Weight;
use mambalite_kernels::{Anchor, Config, Decay, Form};

/// A network small enough for thousands of runs.
pub const TINY: Config = Config {
    channels: 3,
    scale: 2,
    width: 4,
    inner: 8,
    groups: 1,
    blocks: 1,
    states: 2,
    dt_rank: 1,
    mixer_skip: false,
    anchor: Anchor::Nearest,
    decay: Decay::Full,
    mean: [0.4488, 0.4371, 0.4040],
};

/// A sequence of numbers that a seed fixes (xorshift64*).
#[derive(Clone, Debug)]
pub struct Sequence(u64);

impl Sequence {
    /// Begins the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next number, 0 to 1.
    pub fn unit(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1 << 24) as f32
    }

    /// Returns the next number of a range.
    pub fn between(&mut self, min: f32, max: f32) -> f32 {
        min + (max - min) * self.unit()
    }
}

/// The tensors of a checkpoint while they are made.
struct Tensors {
    tensors: BTreeMap<String, Tensor>,
    sequence: Sequence,
}

impl Tensors {
    fn uniform(&mut self, name: String, shape: &[usize], min: f32, max: f32) {
        let data = (0..shape.iter().product())
            .map(|_| self.sequence.between(min, max))
            .collect();
        self.tensors.insert(
            name,
            Tensor {
                shape: shape.to_vec(),
                data,
            },
        );
    }

    /// Puts a weight in: uniform with the variance of its inputs' number.
    fn weight(&mut self, weight: Weight, form: Form, gain: f32) {
        let Weight {
            outputs,
            inputs,
            taps,
            ..
        } = weight;
        let name = weight.name.to_string();
        let range = |inputs: usize| (2.0 / inputs as f32).sqrt();
        let shape = |outputs| match taps {
            1 => vec![outputs, inputs],
            _ => vec![outputs, inputs, 3, 3],
        };
        let limit = range(inputs * taps);
        match form {
            Form::Dense => {
                let limit = limit * gain;
                self.uniform(format!("{name}.weight"), &shape(outputs), -limit, limit);
            }
            Form::LowRank(rank) | Form::IdentityRows(rank) => {
                let limit = limit * gain;
                self.uniform(format!("{name}.weight.v"), &shape(rank), -limit, limit);
                let copied = if matches!(form, Form::LowRank(_)) {
                    0
                } else {
                    rank
                };
                let limit = range(rank);
                let shape = [outputs - copied, rank];
                self.uniform(format!("{name}.weight.u"), &shape, -limit, limit);
            }
        }
        if matches!(form, Form::IdentityRows(_)) {
            let data = shuffled(outputs, &mut self.sequence);
            let order = Tensor {
                shape: vec![outputs],
                data,
            };
            self.tensors.insert(format!("{name}.weight.order"), order);
        }
        if name.ends_with("dt_proj") {
            self.uniform(format!("{name}.bias"), &[outputs], -5.0, -1.0);
        } else if taps == 9 {
            self.uniform(format!("{name}.bias"), &[outputs], -0.1, 0.1);
        }
    }

    fn norm(&mut self, name: &str, width: usize) {
        self.uniform(format!("{name}.weight"), &[width], 0.5, 1.5);
        self.uniform(format!("{name}.bias"), &[width], -0.2, 0.2);
    }

    fn scan(&mut self, mixer: &str, config: &Config) {
        let inner = config.inner;
        self.uniform(format!("{mixer}.conv1d.weight"), &[inner, 1, 4], -0.6, 0.6);
        self.uniform(format!("{mixer}.conv1d.bias"), &[inner], -0.1, 0.1);
        self.uniform(format!("{mixer}.D"), &[inner], 0.5, 1.5);
        let rates = config.rates();
        let log = |i: usize| ((i % rates + 1) as f32).ln() + self.sequence.between(-0.2, 0.2);
        let data = (0..inner * rates).map(log).collect();
        self.tensors.insert(
            format!("{mixer}.A_log"),
            Tensor {
                shape: vec![inner, rates],
                data,
            },
        );
    }
}

/// Returns `0..len` in a random order.
fn shuffled(len: usize, sequence: &mut Sequence) -> Vec<f32> {
    let mut order: Vec<f32> = (0..len).map(|i| i as f32).collect();
    for i in (1..len).rev() {
        order.swap(i, (sequence.unit() * (i + 1) as f32) as usize);
    }
    order
}

/// Makes a checkpoint of random weights.
///
/// * `form` - the form of each weight.
pub fn checkpoint(config: &Config, form: impl Fn(Weight) -> Form, seed: u64) -> Checkpoint {
    let sequence = Sequence::new(seed);
    let mut tensors = Tensors {
        tensors: BTreeMap::new(),
        sequence,
    };
    for weight in config.weights() {
        // A correction of the anchor, small enough that most of the picture does not clip.
        let gain = if weight.name.to_string() == "upsample.0" {
            0.5
        } else {
            1.0
        };
        tensors.weight(weight, form(weight), gain);
    }
    tensors.norm("patch_embed.norm", config.width);
    tensors.norm("norm_f", config.width);
    for group in 0..config.groups {
        for block in 0..config.blocks {
            let block = format!("layers.{group}.residual_group.blocks.{block}");
            tensors.norm(&format!("{block}.norm"), config.width);
            tensors.scan(&format!("{block}.mixer"), config);
        }
    }
    Checkpoint {
        tensors: tensors.tensors,
        metadata: metadata(config),
    }
}

/// Returns a form for each weight in turn, with ranks that its matrix can have.
///
/// The first and the last convolution are dense at `offset` 0.
pub fn mixed_forms(config: &Config, offset: usize) -> impl Fn(Weight) -> Form + use<> {
    let names: Vec<_> = config.weights().map(|w| w.name).collect();
    move |weight| {
        let index = names.iter().position(|&n| n == weight.name).unwrap_or(0);
        let rank = weight.outputs.min(weight.inputs * weight.taps).div_ceil(2);
        match (index + offset) % 3 {
            1 => Form::LowRank(rank),
            2 if rank < weight.outputs => Form::IdentityRows(rank),
            _ => Form::Dense,
        }
    }
}

/// A smooth random picture with an edge.
///
/// # Panics
/// Without pixels.
pub fn picture(width: usize, height: usize, channels: usize, seed: u64) -> Picture {
    let mut sequence = Sequence::new(seed);
    let mut wave = || sequence.between(0.1, 0.6);
    let waves = [wave(), wave(), wave()];
    let edge = sequence.between(0.2, 0.8) * (width + height) as f32;
    let sample = |i: usize| {
        let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
        let phase = waves[0] * x as f32 + waves[1] * y as f32 + waves[2] * (c as f32 + 3.0);
        let step = if (x + y) as f32 > edge { 60.0 } else { 0.0 };
        (80.0 + 60.0 * phase.sin() + step + 12.0 * sequence.unit()) as u8
    };
    let data = (0..width * height * channels).map(sample).collect();
    Picture::new(width, height, channels, data).expect("a picture has pixels")
}
