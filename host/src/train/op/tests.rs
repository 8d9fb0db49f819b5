//! Gradients against finite differences of the kernels' reference in `f64`.

mod golden;

use mambalite_kernels::arith::Float;
use mambalite_kernels::{Decay, Kernels, Rows};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

use super::weight::{Input, Output, Parts, Scratch, Vectors, Weight};
use super::*;

/// Step of the differences. Values are multiples of a quarter of it, so that parameters, which the
/// kernels take in single precision, move by exactly one step.
const STEP: f64 = 1.0 / 8192.0;
/// The goal of the trainer: largest relative error of any gradient.
const TOLERANCE: f64 = 1e-6;

/// Random numbers from -`size` to `size`.
pub(in crate::train) fn random(seed: u64, len: usize, size: f64) -> Vec<f64> {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut draw = || f64::from(random.next_u32()) / 2f64.powi(31) - 1.0;
    let grid = STEP / 4.0;
    (0..len)
        .map(|_| (draw() * size / grid).round() * grid)
        .collect()
}

/// Returns the derivatives of `f` by each of `x`, to the sixth order.
pub(in crate::train) fn differences(x: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut moved = x.to_vec();
    let mut at = |i: usize, steps: f64| {
        moved[i] = x[i] + steps * STEP;
        let value = f(&moved);
        moved[i] = x[i];
        value
    };
    let mut difference = |i, steps| at(i, steps) - at(i, -steps);
    (0..x.len())
        .map(|i| {
            let sum = 45.0 * difference(i, 1.0) - 9.0 * difference(i, 2.0) + difference(i, 3.0);
            sum / (60.0 * STEP)
        })
        .collect()
}

/// Checks a gradient against differences, relative to the largest of them.
pub(in crate::train) fn assert_close(name: &str, gradient: &[f64], differences: &[f64]) {
    assert_eq!(gradient.len(), differences.len(), "{name}");
    let largest = differences.iter().fold(0.0f64, |m, d| m.max(d.abs()));
    assert!(largest > 1e-3, "{name}: nothing depends on it");
    let pairs = gradient.iter().zip(differences);
    let error = pairs.fold(0.0f64, |m, (g, d)| m.max((g - d).abs())) / largest;
    println!("{name}: relative error {error:.1e}");
    assert!(error <= TOLERANCE, "{name}: relative error {error:e}");
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn single(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&x| x as f32).collect()
}

fn kernels() -> Kernels<Float<f64>> {
    Kernels::reference()
}

#[test]
fn step_has_the_gradient_of_softplus() {
    let (x, g) = (random(1, 40, 6.0), random(2, 40, 1.0));
    let forward = |x: &[f64]| {
        let mut dt = vec![0.0; x.len()];
        (kernels().step)(x, &mut dt);
        dt
    };
    let mut d_x = g.clone();
    step::backward(&forward(&x), &mut d_x);
    let expected = differences(&x, |x| dot(&forward(x), &g));
    assert_close("step", &d_x, &expected);
}

#[test]
fn gate_has_the_gradients_of_both_inputs() {
    let (pixels, e) = (3, 19);
    let (y, x) = (random(1, pixels * e, 2.0), random(2, pixels * 2 * e, 4.0));
    let g = random(3, pixels * e, 1.0);
    let forward = |y: &[f64], x: &[f64]| {
        let mut out = vec![0.0; y.len()];
        (kernels().gate)(&(), y, Rows::new(x, 2 * e, e, e), &mut out);
        dot(&out, &g)
    };
    let (mut d_y, mut d_x) = (g.clone(), vec![0.0; x.len()]);
    gate::backward(&y, &x, e, &mut d_y, &mut d_x);
    assert_close("gate y", &d_y, &differences(&y, |y| forward(y, &x)));
    assert_close("gate z", &d_x, &differences(&x, |x| forward(&y, x)));
}

#[test]
fn norm_has_the_gradients_of_input_and_parameters() {
    for width in [5, 16, 24, 48] {
        let (gamma, beta) = (random(1, width, 2.0), random(2, width, 1.0));
        let (x, g) = (random(3, 3 * width, 3.0), random(4, 3 * width, 1.0));
        let forward = |x: &[f64], gamma: &[f64], beta: &[f64]| {
            let mut out = vec![0.0; x.len()];
            let (gamma, beta) = (&single(gamma), &single(beta));
            let params = mambalite_kernels::norm::FloatParams { gamma, beta };
            (kernels().norm.acts)(&params, x, width, &mut out);
            dot(&out, &g)
        };
        let (mut d_x, mut d_gamma, mut d_beta) = (g.clone(), vec![0.0; width], vec![0.0; width]);
        let mut parameters = norm::Gradients {
            gamma: &mut d_gamma,
            beta: &mut d_beta,
        };
        norm::backward(&x, &gamma, &mut d_x, &mut parameters);
        assert_close(
            "norm x",
            &d_x,
            &differences(&x, |x| forward(x, &gamma, &beta)),
        );
        let by_gamma = differences(&gamma, |gamma| forward(&x, gamma, &beta));
        assert_close("norm gamma", &d_gamma, &by_gamma);
        let by_beta = differences(&beta, |beta| forward(&x, &gamma, beta));
        assert_close("norm beta", &d_beta, &by_beta);
    }
}

#[test]
fn conv1d_has_the_gradients_of_input_and_parameters() {
    for (pixels, e) in [(1, 3), (2, 16), (9, 21)] {
        let (taps, bias) = (random(1, 4 * e, 1.0), random(2, e, 1.0));
        let (x, g) = (random(3, pixels * 2 * e, 2.0), random(4, pixels * e, 1.0));
        let forward = |x: &[f64], taps: &[f64], bias: &[f64]| {
            let (mut out, mut history) = (vec![0.0; pixels * e], vec![0.0; 3 * e]);
            let (taps, bias) = (&single(taps), &single(bias));
            let params = mambalite_kernels::conv1d::FloatParams { taps, bias };
            (kernels().conv1d)(&params, &mut history, Rows::new(x, 2 * e, 0, e), &mut out);
            dot(&out, &g)
        };
        let (mut d_taps, mut d_bias, mut d_x) =
            (vec![0.0; 4 * e], vec![0.0; e], vec![0.0; x.len()]);
        let parameters = conv1d::Parameters {
            taps: &taps,
            bias: &bias,
        };
        let mut gradients = conv1d::Gradients {
            taps: &mut d_taps,
            bias: &mut d_bias,
        };
        conv1d::backward(&parameters, &x, &g, &mut d_x, &mut gradients);
        assert_close(
            "conv1d x",
            &d_x,
            &differences(&x, |x| forward(x, &taps, &bias)),
        );
        assert_close(
            "conv1d bias",
            &d_bias,
            &differences(&bias, |b| forward(&x, &taps, b)),
        );
        let by_taps = differences(&taps, |taps| forward(&x, taps, &bias));
        // One pixel sees the last tap only; the others have no gradient.
        assert_close("conv1d taps", &d_taps, &by_taps);
    }
}

/// A scan of two runs of pixels, so that states and their gradients go from one to the next.
struct ScanCase {
    shape: scan::Shape,
    /// rate, skip, u, dt, projected.
    inputs: [Vec<f64>; 5],
    g: Vec<f64>,
}

impl ScanCase {
    const PIXELS: usize = 7;
    const FIRST: usize = 3;

    fn new(inner: usize, states: usize, decay: Decay) -> Self {
        let dt_rank = 2;
        let (width, rates) = (
            dt_rank + 2 * states,
            if decay == Decay::Full { states } else { 1 },
        );
        let positive = |seed, len, low: f64| -> Vec<f64> {
            let values = random(seed, len, 0.25);
            values.into_iter().map(|x| x + low).collect()
        };
        let rate = positive(1, rates * inner, 0.5)
            .into_iter()
            .map(|x| -x)
            .collect();
        let dt = positive(4, Self::PIXELS * inner, 0.375);
        Self {
            shape: scan::Shape {
                inner,
                states,
                dt_rank,
                decay,
            },
            inputs: [
                rate,
                random(2, inner, 1.0),
                random(3, Self::PIXELS * inner, 1.0),
                dt,
                random(5, Self::PIXELS * width, 1.0),
            ],
            g: random(6, Self::PIXELS * inner, 1.0),
        }
    }

    /// Runs the reference; returns the loss and the states after the first run of pixels.
    fn forward(&self, inputs: &[Vec<f64>; 5]) -> (f64, Vec<f64>) {
        let scan::Shape {
            inner,
            states,
            dt_rank,
            decay,
        } = self.shape;
        let [rate, skip, u, dt, projected] = inputs;
        let (rate, skip) = (&single(rate), &single(skip));
        let params = mambalite_kernels::scan::FloatParams { rate, skip, decay };
        let width = dt_rank + 2 * states;
        let (mut state, mut out) = (vec![0.0; states * inner], vec![0.0; u.len()]);
        let mut between = Vec::new();
        for pixels in [0..Self::FIRST, Self::FIRST..Self::PIXELS] {
            let of = |len: usize| pixels.start * len..pixels.end * len;
            let projected = &projected[of(width)];
            let tokens = mambalite_kernels::scan::Tokens {
                u: &u[of(inner)],
                dt: &dt[of(inner)],
                b: Rows::new(projected, width, dt_rank, states),
                c: Rows::new(projected, width, dt_rank + states, states),
            };
            (kernels().scan.run)(&params, &tokens, &mut state, &mut [], &mut out[of(inner)]);
            if between.is_empty() {
                between.clone_from(&state);
            }
        }
        (dot(&out, &self.g), between)
    }

    fn backward(&self) -> [Vec<f64>; 5] {
        let (inner, states) = (self.shape.inner, self.shape.states);
        let width = self.shape.dt_rank + 2 * states;
        let [rate, skip, u, dt, projected] = &self.inputs;
        let (_, between) = self.forward(&self.inputs);
        let zeros = vec![0.0; states * inner];
        let mut d = self.inputs.clone().map(|x| vec![0.0; x.len()]);
        let mut d_states = zeros.clone();
        let mut scratch = scan::Scratch::default();
        for (pixels, start) in [
            (Self::FIRST..Self::PIXELS, &between),
            (0..Self::FIRST, &zeros),
        ] {
            let of = |len: usize| pixels.start * len..pixels.end * len;
            let forward = scan::Forward {
                rate,
                skip,
                u: &u[of(inner)],
                dt: &dt[of(inner)],
                projected: &projected[of(width)],
                start,
            };
            let [d_rate, d_skip, d_u, d_dt, d_projected] = &mut d;
            let mut gradients = scan::Gradients {
                u: &mut d_u[of(inner)],
                dt: &mut d_dt[of(inner)],
                projected: &mut d_projected[of(width)],
                rate: d_rate,
                skip: d_skip,
                states: &mut d_states,
            };
            let g = &self.g[of(inner)];
            scan::backward(&self.shape, &forward, g, &mut gradients, &mut scratch);
        }
        d
    }
}

#[test]
fn scan_has_the_gradients_of_all_inputs() {
    for decay in [Decay::Full, Decay::Tied] {
        for (inner, states) in [(3, 1), (16, 4), (5, 6), (20, 8), (4, 16), (2, 13)] {
            let case = ScanCase::new(inner, states, decay);
            let names = ["rate", "skip", "u", "dt", "B and C"];
            for (i, (name, d)) in names.into_iter().zip(case.backward()).enumerate() {
                let expected = differences(&case.inputs[i], |x| {
                    let mut inputs = case.inputs.clone();
                    inputs[i] = x.to_vec();
                    case.forward(&inputs).0
                });
                let name = format!("scan {decay:?} {inner}x{states} {name}");
                assert_close(&name, &d, &expected);
            }
        }
    }
}

/// A weight of 7 outputs and 5 inputs, as a projection or as a convolution of 4x3 pixels.
fn weight(taps: usize, rank: usize, identity: bool) -> (Weight, usize) {
    let (outputs, inputs) = (7, 5);
    let mut len = 0;
    let mut take = |n: usize| {
        len += n;
        len - n..len
    };
    let parts = match (rank, identity) {
        (0, _) => Parts::Dense {
            weight: take(taps * inputs * outputs),
            bias: take(outputs),
        },
        (_, false) => Parts::LowRank {
            v: take(taps * inputs * rank),
            u: take(rank * outputs),
            bias: take(outputs),
        },
        (_, true) => Parts::IdentityRows {
            v: take(taps * inputs * rank),
            copies_bias: take(rank),
            u: take(rank * (outputs - rank)),
            bias: take(outputs - rank),
            order: vec![3, 0, 6, 1, 5, 2, 4],
        },
    };
    let weight = Weight {
        index: 0,
        outputs,
        inputs,
        rank,
        parts,
    };
    (weight, len)
}

/// The product as the contract states it: `[pixels, outputs]`.
fn product(weight: &Weight, values: &[f64], x: &[f64], taps: usize) -> Vec<f64> {
    let (outputs, inputs, rank) = (weight.outputs, weight.inputs, weight.rank);
    let patches: Vec<Vec<f64>> = match taps {
        1 => x.chunks(inputs).map(<[f64]>::to_vec).collect(),
        _ => patches(x, inputs),
    };
    let dense = |w: &[f64], x: &[f64], n: usize| -> Vec<f64> {
        let of = |o: usize| x.iter().enumerate().map(|(k, x)| w[k * n + o] * x).sum();
        (0..n).map(of).collect()
    };
    let biased = |out: Vec<f64>, bias: &[f64]| -> Vec<f64> {
        out.iter().zip(bias).map(|(x, b)| x + b).collect()
    };
    let of_patch = |x: &Vec<f64>| match &weight.parts {
        Parts::Dense { weight, bias } => biased(
            dense(&values[weight.clone()], x, outputs),
            &values[bias.clone()],
        ),
        Parts::LowRank { v, u, bias } => {
            let middle = dense(&values[v.clone()], x, rank);
            biased(
                dense(&values[u.clone()], &middle, outputs),
                &values[bias.clone()],
            )
        }
        Parts::IdentityRows {
            v,
            u,
            copies_bias,
            bias,
            order,
        } => {
            let middle = dense(&values[v.clone()], x, rank);
            let others = dense(&values[u.clone()], &middle, outputs - rank);
            let mut all = biased(middle, &values[copies_bias.clone()]);
            all.extend(biased(others, &values[bias.clone()]));
            order.iter().map(|&place| all[usize::from(place)]).collect()
        }
    };
    patches.iter().flat_map(of_patch).collect()
}

/// The 3x3 neighbourhoods of a picture of 4x3 pixels, `[ky, kx, input]` each.
fn patches(x: &[f64], inputs: usize) -> Vec<Vec<f64>> {
    let (w, h) = (4, 3);
    let value = |y: isize, x_at: isize, i: usize| {
        let inside = (0..h).contains(&y) && (0..w).contains(&x_at);
        if inside {
            x[(y * w + x_at) as usize * inputs + i]
        } else {
            0.0
        }
    };
    let of = |p: isize| {
        let (y, x) = (p / w, p % w);
        (0..9 * inputs as isize)
            .map(|k| {
                let (tap, i) = (k / inputs as isize, k % inputs as isize);
                value(y + tap / 3 - 1, x + tap % 3 - 1, i as usize)
            })
            .collect()
    };
    (0..w * h).map(of).collect()
}

/// Adds the gradient of a weight's parameters to `d_values`; returns that of its input.
fn weight_gradient(
    weight: &Weight,
    taps: usize,
    (values, x, g): (&[f64], &[f64], &[f64]),
    d_values: &mut [f64],
) -> Vec<f64> {
    let mut vectors = Vectors {
        values,
        gradient: d_values,
    };
    let (mut rows, mut picture) = (vec![0.0; x.len()], Vec::new());
    let (input, output) = match taps {
        1 => (
            Input::Rows(x, weight.inputs),
            Output::Rows(&mut rows, weight.inputs, matrix::Write::Replace),
        ),
        _ => {
            let shape = conv3x3::Shape {
                width: 4,
                height: 3,
                inputs: weight.inputs,
            };
            (Input::Picture(x, shape), Output::Picture(&mut picture))
        }
    };
    weight.backward(&mut vectors, input, g, output, &mut Scratch::default());
    if taps == 1 { rows } else { picture }
}

#[test]
fn weights_have_the_gradients_of_input_and_parameters() {
    for taps in [1, 9] {
        for (rank, identity) in [(0, false), (3, false), (3, true)] {
            let (weight, len) = weight(taps, rank, identity);
            let (values, x) = (random(1, len, 1.0), random(2, 12 * weight.inputs, 1.0));
            let g = random(3, 12 * weight.outputs, 1.0);
            let mut d_values = vec![0.0; len];
            let inputs = (values.as_slice(), x.as_slice(), g.as_slice());
            let d_x = weight_gradient(&weight, taps, inputs, &mut d_values);
            let loss = |values: &[f64], x: &[f64]| dot(&product(&weight, values, x, taps), &g);
            let name = format!("weight, {taps} taps, rank {rank}, identity rows {identity}");
            assert_close(
                &format!("{name}: x"),
                &d_x,
                &differences(&x, |x| loss(&values, x)),
            );
            let by_values = differences(&values, |values| loss(values, &x));
            assert_close(&format!("{name}: parameters"), &d_values, &by_values);
        }
    }
}

#[test]
fn shuffle_is_undone() {
    let (w, scale, channels) = (5, 3, 3);
    let x = random(1, w * channels * scale * scale, 1.0);
    let mut back = vec![0.0; x.len()];
    for dy in 0..scale {
        let mut row = vec![0.0; w * scale * channels];
        let (with, order) = (vec![(); row.len()], (channels, scale, dy));
        mambalite_kernels::shuffle::row(&x, &with, &mut row, order, |x, (), _| x);
        shuffle::gather(&row, &mut back, channels, scale, dy);
    }
    assert_eq!(back, x);
}
