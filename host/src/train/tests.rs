//! The gradient of whole networks.

pub(super) mod golden;

use mambalite_kernels::arith::Float;
use mambalite_kernels::exec::part::Part;
use mambalite_kernels::{
    Anchor, Config, Decay, Form, Kernels, Layer, Plan as MemoryPlan, Precision, Stream,
};

use super::backward::{Backward, Buffers, Plan, Watch};
use super::model::Model;
use super::network::Network;
use super::op::tests::{assert_close, differences, random};
use super::parameters::Parameters;
use super::tape::Tape;
use crate::arrays::Arrays;
use crate::picture::Picture;

const SIZE: (usize, usize) = (5, 4);

fn config(mixer_skip: bool, anchor: Anchor, decay: Decay) -> Config {
    Config {
        channels: 3,
        scale: 2,
        width: 6,
        inner: 9,
        groups: 2,
        blocks: 2,
        states: 3,
        dt_rank: 2,
        mixer_skip,
        anchor,
        decay,
        mean: [0.45, 0.44, 0.4],
    }
}

/// Every form somewhere.
fn forms(config: &Config) -> Vec<Form> {
    let form = |i| match i % 3 {
        0 => Form::Dense,
        1 => Form::LowRank(2),
        _ => Form::IdentityRows(2),
    };
    (0..config.n_weights()).map(form).collect()
}

fn picture() -> Picture {
    let bytes = random(9, SIZE.0 * SIZE.1 * 3, 127.0);
    let bytes = bytes.iter().map(|b| (b + 128.0) as u8).collect();
    Picture::new(SIZE.0, SIZE.1, 3, bytes).unwrap()
}

/// A network whose values are on the grid of the differences; rates are rates, not logarithms.
struct Case {
    parameters: Parameters,
    values: Vec<f64>,
    picture: Picture,
}

impl Case {
    fn new(config: &Config) -> Self {
        let parameters = Parameters::new(config, &forms(config), 7).unwrap();
        let mut values = random(8, parameters.values().len(), 1.0);
        for (param, range) in parameters.layout().arrays() {
            for value in &mut values[range] {
                match param.part {
                    "rate" => *value = -0.25 - value.abs(),
                    // Norms near one keep the network's values in range.
                    "weight" if param.name.contains("norm") => *value += 1.0,
                    _ => {}
                }
            }
        }
        Self {
            parameters,
            values,
            picture: picture(),
        }
    }

    /// Runs the reference in `f64`; the tape has every layer.
    fn forward(&self, values: &[f64]) -> Tape<f64> {
        let layout = self.parameters.layout();
        let mut arrays = Arrays::default();
        for (param, range) in layout.arrays() {
            let single: Vec<f32> = values[range].iter().map(|&x| x as f32).collect();
            arrays.insert(param, &single);
        }
        for (param, order) in self.parameters.orders() {
            arrays.insert(*param, order);
        }
        let file = arrays.to_file(layout.config(), layout.forms(), Precision::F32);
        let file = file.unwrap();
        let (model, kernels) = (file.model(), Kernels::<Float<f64>>::reference());
        let plan = MemoryPlan::with_kernels(&kernels, &model, SIZE.0);
        let mut arena = vec![0; plan.arena_bytes / 8];
        let part = Part::whole(layout.config());
        let mut stream = Stream::with_kernels(kernels, part, &model, SIZE, &mut arena).unwrap();
        let mut tape = Tape::new(layout.config());
        for row in self.picture.rows() {
            let none = &mut |_: usize, _: &[u8]| ();
            stream.push_row(row, &mut tape, none).unwrap();
        }
        tape
    }

    /// The places of the rates.
    fn rates(&self) -> impl Iterator<Item = usize> + '_ {
        let arrays = self.parameters.layout().arrays();
        arrays
            .filter(|(param, _)| param.part == "rate")
            .flat_map(|(_, range)| range)
    }

    /// The gradient of `sum(weights output)` and of the likes of it for the features after each
    /// group that has weights, by logarithms of rates as in training.
    fn log_gradient(&self, weights: &[f64], features: &[Vec<f64>]) -> Vec<f64> {
        let mut values = self.values.clone();
        let mut gradient = vec![0.0; values.len()];
        self.rates()
            .for_each(|i| values[i] = libm::log(-self.values[i]));
        Backward {
            plan: &Plan::new(&self.parameters),
            values: &values,
            tape: &self.forward(&self.values),
            size: SIZE,
            buffers: &mut Buffers::default(),
            watch: &mut Features(features),
        }
        .run(self.picture.data(), weights, &mut gradient);
        gradient
    }

    /// As [`Case::log_gradient`], by rates and not by their logarithms.
    fn gradient(&self, weights: &[f64], features: &[Vec<f64>]) -> Vec<f64> {
        let mut gradient = self.log_gradient(weights, features);
        self.rates().for_each(|i| gradient[i] /= self.values[i]);
        gradient
    }
}

/// Weights of the features after each group in a loss.
struct Features<'a>(&'a [Vec<f64>]);

impl Watch<f64> for Features<'_> {
    fn group(&mut self, group: usize, gradient: &mut [f64]) {
        let weights = self.0.get(group).into_iter().flatten();
        gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += w);
    }
}

#[test]
fn networks_have_the_gradients_of_all_parameters() {
    for (mixer_skip, anchor, decay) in [
        (false, Anchor::None, Decay::Full),
        (true, Anchor::Bicubic, Decay::Tied),
        (true, Anchor::Nearest, Decay::Full),
    ] {
        let config = config(mixer_skip, anchor, decay);
        let case = Case::new(&config);
        let weights = random(10, SIZE.0 * SIZE.1 * config.sub_pixels(), 1.0);
        let features = [11, 12].map(|seed| random(seed, SIZE.0 * SIZE.1 * config.width, 1.0));
        let product = |values: &[f64], weights: &[f64]| -> f64 {
            values.iter().zip(weights).map(|(x, w)| x * w).sum()
        };
        let loss = |values: &[f64]| -> f64 {
            let tape = case.forward(values);
            let groups = features.iter().enumerate().map(|(group, weights)| {
                let group = group as u8;
                product(tape.layer(Layer::Group { group }), weights)
            });
            groups.sum::<f64>() + product(tape.layer(Layer::Output), &weights)
        };
        let gradient = case.gradient(&weights, &features);
        let expected = differences(&case.values, loss);
        for (param, range) in case.parameters.layout().arrays() {
            let name = format!("{decay:?} {param}");
            assert_close(&name, &gradient[range.clone()], &expected[range]);
        }
    }
}

#[test]
fn gradients_do_not_depend_on_the_threads() {
    let config = config(true, Anchor::Bicubic, Decay::Tied);
    let parameters = Parameters::new(&config, &forms(&config), 1).unwrap();
    let patches = vec![picture(); 5];
    let objective = |i: usize, output: &[f32], gradient: &mut [f32]| {
        gradient.copy_from_slice(output);
        i as f64
    };
    let run = |threads| {
        let network = Network::new(parameters.clone());
        let mut gradient = vec![0.0; parameters.values().len()];
        crate::parallel::pool(threads)
            .unwrap()
            .install(|| {
                let values = parameters.values();
                network.gradient(values, &patches, &objective, &mut gradient)
            })
            .map(|loss| (loss, gradient))
            .unwrap()
    };
    let (loss, gradient) = run(1);
    assert_eq!(loss, 2.0);
    assert!(gradient.iter().any(|&g| g != 0.0));
    assert_eq!(run(3), (loss, gradient));
}

#[test]
fn parameters_survive_a_model_file() {
    let config = config(false, Anchor::None, Decay::Full);
    let parameters = Parameters::new(&config, &forms(&config), 3).unwrap();
    let file = parameters.to_file(parameters.values()).unwrap();
    let back = Parameters::of_model(&file.model()).unwrap();
    for (before, after) in parameters.values().iter().zip(back.values()) {
        // Rates pass through a logarithm.
        assert!(
            (before - after).abs() <= 1e-6 * before.abs().max(1.0),
            "{before} {after}"
        );
    }
    assert_eq!(back.orders(), parameters.orders());
}

/// A network quantised for training, and its values at the start.
fn quantized(precision: Precision) -> (Network, Vec<f32>) {
    let config = config(true, Anchor::Bicubic, Decay::Tied);
    let parameters = Parameters::new(&config, &forms(&config), 1).unwrap();
    let network = Network::quantized(parameters, precision, &[picture()], 99.0).unwrap();
    let values = network.initial();
    (network, values)
}

/// The output that the training forward pass shows the loss is that of the model file, to the bit.
#[test]
fn the_forward_pass_is_that_of_the_integer_kernels() {
    for precision in [Precision::W8A16, Precision::W8A8] {
        let (network, values) = quantized(precision);
        let seen = std::sync::Mutex::new(Vec::new());
        let objective = |_: usize, output: &[f32], gradient: &mut [f32]| {
            *seen.lock().unwrap() = output.to_vec();
            gradient.fill(0.0);
            0.0
        };
        let mut gradient = vec![0.0; values.len()];
        network
            .gradient(&values, &[picture()], &objective, &mut gradient)
            .unwrap();
        let file = network.to_file(&values).unwrap();
        assert_eq!(file.model().precision(), precision);
        let magnified =
            crate::upscale::upscale(&file.model(), &picture(), crate::upscale::Executor::Stream);
        let seen = seen.into_inner().unwrap();
        assert_eq!(seen.len(), SIZE.0 * SIZE.1 * 12);
        // Q.20 grey levels, rounded half up and clamped: every byte of the shipped program.
        let bytes = seen.iter().map(|&x| {
            let level = (f64::from(x) * 255.0 * 1_048_576.0).round() as i64;
            ((level + (1 << 19)) >> 20).clamp(0, 255) as u8
        });
        assert!(bytes.eq(magnified.unwrap().data().iter().copied()));
    }
}

/// Straight-through gradients are near those of single precision, for rounding is small.
#[test]
fn gradients_through_fixed_point_are_near_those_of_single_precision() {
    let objective = |_: usize, output: &[f32], gradient: &mut [f32]| {
        for (g, x) in gradient.iter_mut().zip(output) {
            *g = x - 0.5;
        }
        0.0
    };
    let (network, values) = quantized(Precision::W8A16);
    let single = Network::new(network.parameters().clone());
    let gradient = |network: &Network, values: &[f32]| {
        let mut gradient = vec![0.0; values.len()];
        network
            .gradient(values, &[picture()], &objective, &mut gradient)
            .unwrap();
        gradient
    };
    let expected = gradient(&single, &values);
    let found = gradient(&network, &values);
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&a, &b)| f64::from(a) * f64::from(b))
            .sum()
    };
    let cosine = dot(&expected, &found) / (dot(&expected, &expected) * dot(&found, &found)).sqrt();
    assert!(cosine > 0.99, "{cosine}");
}

/// Ranges get a gradient where values are clipped, and move the file.
#[test]
fn clipping_ranges_are_learned() {
    let (network, mut values) = quantized(Precision::W8A8);
    let parameters = network.parameters().values().len();
    // Norm, causal convolution and gate of four blocks, and the last norm.
    assert_eq!(values.len() - parameters, 13);
    // Half the range: much is clipped.
    values[parameters..].iter_mut().for_each(|log| *log -= 0.7);
    let objective = |_: usize, output: &[f32], gradient: &mut [f32]| {
        gradient.copy_from_slice(output);
        0.0
    };
    let mut gradient = vec![0.0; values.len()];
    network
        .gradient(&values, &[picture()], &objective, &mut gradient)
        .unwrap();
    assert!(
        gradient[parameters..]
            .iter()
            .all(|&g| g.is_finite() && g != 0.0)
    );
    let before = network.to_file(&values).unwrap();
    values[parameters] += 0.1;
    assert_ne!(network.to_file(&values).unwrap().bytes(), before.bytes());
}
