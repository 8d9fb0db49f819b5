//! Adam and AdamW over flat vectors, with a moving average of the parameters.
//!
//! Every sum runs from the first element to the last on one thread: the bits are those of any run
//! with the same gradients.

use core::ops::Range;

use super::config::{OptimizerKind, OptimizerSection};

/// Keeps the denominator of a step from zero.
const EPSILON: f32 = 1e-8;

/// How a step is made of a gradient.
#[derive(Clone, Debug)]
pub struct Optimizer {
    betas: [f64; 2],
    /// 0 for Adam.
    weight_decay: f64,
    decayed: Vec<Range<usize>>,
    /// 0 for none.
    clip: f64,
    ema: f64,
}

/// The parameters and what the optimizer knows of them.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The parameters.
    pub values: Vec<f32>,
    /// Mean of the gradients, decayed.
    pub first: Vec<f32>,
    /// Mean of their squares, decayed.
    pub second: Vec<f32>,
    /// Mean of the parameters, decayed.
    pub average: Vec<f32>,
    /// Steps that were taken.
    pub step: u64,
}

impl State {
    /// Returns the state before the first step.
    pub fn new(values: Vec<f32>) -> Self {
        Self {
            first: vec![0.0; values.len()],
            second: vec![0.0; values.len()],
            average: values.clone(),
            values,
            step: 0,
        }
    }
}

impl Optimizer {
    /// Makes the optimizer of a configuration; weight decay acts on the parameters in `decayed`.
    pub fn new(section: &OptimizerSection, decayed: Vec<Range<usize>>) -> Self {
        let weight_decay = match section.kind {
            OptimizerKind::Adam => 0.0,
            OptimizerKind::Adamw => section.weight_decay.unwrap_or_default(),
        };
        Self {
            betas: section.betas,
            weight_decay,
            decayed,
            clip: section.clip,
            ema: section.ema,
        }
    }

    /// Takes one step down `gradient`, which is cut to the largest norm first.
    ///
    /// Returns the norm that the gradient came with; where that is not finite, nothing else
    /// happens.
    pub fn step(&self, state: &mut State, gradient: &mut [f32], rate: f64) -> f64 {
        let norm = norm(gradient);
        if !norm.is_finite() {
            return norm;
        }
        if self.clip > 0.0 && norm > self.clip {
            let share = (self.clip / norm) as f32;
            gradient.iter_mut().for_each(|g| *g *= share);
        }
        state.step += 1;
        self.decay(&mut state.values, rate);
        self.adam(state, gradient, rate);
        self.average(state);
        norm
    }

    fn decay(&self, values: &mut [f32], rate: f64) {
        if self.weight_decay == 0.0 {
            return;
        }
        let left = (1.0 - rate * self.weight_decay) as f32;
        for range in &self.decayed {
            let part = values.get_mut(range.clone()).unwrap_or_default();
            part.iter_mut().for_each(|value| *value *= left);
        }
    }

    /// Algorithm 1 of arXiv 1412.6980, with the bias correction as PyTorch applies it.
    fn adam(&self, state: &mut State, gradient: &[f32], rate: f64) {
        let steps = state.step as f64;
        let [bias1, bias2] = self.betas.map(|beta| 1.0 - libm::pow(beta, steps));
        let (rate, root) = ((rate / bias1) as f32, bias2.sqrt() as f32);
        let [beta1, beta2] = self.betas.map(|beta| beta as f32);
        let [new1, new2] = self.betas.map(|beta| (1.0 - beta) as f32);
        let moments = state.first.iter_mut().zip(&mut state.second);
        let parameters = state.values.iter_mut().zip(moments).zip(gradient);
        for ((value, (first, second)), &g) in parameters {
            *first = beta1 * *first + new1 * g;
            *second = beta2 * *second + new2 * (g * g);
            *value -= rate * *first / (second.sqrt() / root + EPSILON);
        }
    }

    /// The average follows faster in the beginning, so that it forgets the start.
    fn average(&self, state: &mut State) {
        let steps = state.step as f64;
        let kept = self.ema.min((1.0 + steps) / (10.0 + steps));
        let (kept, new) = (kept as f32, (1.0 - kept) as f32);
        for (average, &value) in state.average.iter_mut().zip(&state.values) {
            *average = kept * *average + new * value;
        }
    }
}

/// Returns the Euclidean norm.
fn norm(values: &[f32]) -> f64 {
    let squares = values.iter().map(|&v| f64::from(v) * f64::from(v));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::train::config::Length;

    fn section(kind: OptimizerKind) -> OptimizerSection {
        OptimizerSection {
            kind,
            rate: 0.1,
            betas: [0.9, 0.99],
            weight_decay: (kind == OptimizerKind::Adamw).then_some(0.5),
            clip: 0.0,
            ema: 0.75,
            warm_up: 0,
            min_rate: 0.0,
            length: Length::Steps(1),
        }
    }

    fn optimizer(kind: OptimizerKind) -> Optimizer {
        Optimizer::new(&section(kind), vec![0..1, 2..3])
    }

    /// Three steps of one parameter as the papers write them, in `f64`.
    fn by_hand(gradients: &[f64], weight_decay: f64) -> (f64, f64) {
        let (mut value, mut m, mut v, mut average) = (1.0, 0.0, 0.0, 1.0);
        for (t, g) in (1..).zip(gradients) {
            value -= 0.1 * weight_decay * value;
            m = 0.9 * m + 0.1 * g;
            v = 0.99 * v + 0.01 * g * g;
            let (m_hat, v_hat) = (m / (1.0 - 0.9_f64.powi(t)), v / (1.0 - 0.99_f64.powi(t)));
            value -= 0.1 * m_hat / (v_hat.sqrt() + 1e-8);
            let kept = (f64::from(1 + t) / f64::from(10 + t)).min(0.75);
            average = kept * average + (1.0 - kept) * value;
        }
        (value, average)
    }

    #[test]
    fn steps_are_those_of_the_papers() {
        let gradients: Vec<f64> = (0..40).map(|i| f64::from(i % 7) - 2.5).collect();
        for (kind, decay) in [(OptimizerKind::Adam, 0.0), (OptimizerKind::Adamw, 0.5)] {
            let (value, average) = by_hand(&gradients, decay);
            // Decay acts on the first and the last of three equal parameters.
            let (undecayed, _) = by_hand(&gradients, 0.0);
            let mut state = State::new(vec![1.0; 3]);
            for &g in &gradients {
                optimizer(kind).step(&mut state, &mut [g as f32; 3], 0.1);
            }
            assert_eq!(state.step, 40);
            for (found, expected) in [
                (state.values[0], value),
                (state.values[2], value),
                (state.values[1], undecayed),
                (state.average[0], average),
            ] {
                assert!(
                    (f64::from(found) - expected).abs() < 1e-5,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let mut state = State::new(vec![1.0, 2.0]);
        let before = state.clone();
        let norm = optimizer(OptimizerKind::Adam).step(&mut state, &mut [1.0, f32::NAN], 0.1);
        assert!(norm.is_nan());
        assert_eq!(state, before);
    }

    proptest! {
        #[test]
        fn clipping_keeps_the_direction(
            mut gradient in prop::collection::vec(-9.0_f32..9.0, 1..9),
            clip in 0.01_f64..20.0,
        ) {
            let before = gradient.clone();
            let length = norm(&before);
            let mut settings = section(OptimizerKind::Adam);
            settings.clip = clip;
            let mut state = State::new(vec![0.0; gradient.len()]);
            let found = Optimizer::new(&settings, Vec::new()).step(&mut state, &mut gradient, 0.1);
            prop_assert_eq!(found, length);
            let share = (clip / length).min(1.0);
            for (g, b) in gradient.iter().zip(before) {
                prop_assert!((f64::from(*g) - share * f64::from(b)).abs() <= 1e-5);
            }
            prop_assert!(norm(&gradient) <= clip.min(length) * (1.0 + 1e-6) + 1e-9);
        }

        #[test]
        fn the_average_stays_between(steps in prop::collection::vec(-1.0_f32..1.0, 1..50)) {
            let mut state = State::new(vec![0.0]);
            let (mut low, mut high) = (0.0_f32, 0.0_f32);
            for g in steps {
                optimizer(OptimizerKind::Adam).step(&mut state, &mut [g], 0.01);
                (low, high) = (low.min(state.values[0]), high.max(state.values[0]));
                prop_assert!((low - 1e-6..=high + 1e-6).contains(&state.average[0]));
            }
        }
    }
}
