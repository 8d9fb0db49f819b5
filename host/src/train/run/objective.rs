//! The loss of a batch.

use crate::picture::Picture;
use crate::train::config::Config;
use crate::train::data::patch::Patch;
use crate::train::loss::{Loss, l1};

/// The loss of a configuration.
#[derive(Debug)]
pub(super) struct Objective {
    loss: Loss,
    /// Part of the teacher.
    teacher: f64,
}

impl Objective {
    /// Makes the loss for outputs of `[side, side, channels]`.
    pub(super) fn new(config: &Config, side: usize, channels: usize) -> Self {
        Self {
            loss: Loss::new(&config.loss, [side, side, channels]),
            teacher: config.distill.as_ref().map_or(0.0, |it| it.weight),
        }
    }

    /// Returns `a L1(S, T) + (1 - a) L(S, GT)` for output `S` and sets the gradient.
    pub(super) fn of(&self, patch: &Target, output: &[f32], gradient: &mut [f32]) -> f64 {
        gradient.fill(0.0);
        let truth = match &patch.teacher {
            Some(teacher) => l1(output, teacher, self.teacher, gradient),
            None => 0.0,
        };
        let share = match patch.teacher {
            Some(_) => 1.0 - self.teacher,
            None => 1.0,
        };
        truth + self.loss.add(output, &patch.high, share, gradient)
    }
}

/// What an output is compared with.
#[derive(Debug)]
pub(super) struct Target {
    high: Vec<f32>,
    teacher: Option<Vec<f32>>,
}

/// Parts a batch into what the network gets and what its outputs are compared with.
pub(super) fn split(batch: Vec<Patch>) -> (Vec<Picture>, Vec<Target>) {
    let parts = batch.into_iter().map(|patch| {
        let Patch { low, high, teacher } = patch;
        (low, Target { high, teacher })
    });
    parts.unzip()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_teacher_has_its_part() {
        let text =
            crate::train::run::folder::example(true).replace("weight = 0.5", "weight = 0.25");
        let config = Config::parse(&text, Path::new("example.toml")).unwrap();
        let objective = Objective::new(&config, 2, 1);
        let mut gradient = [9.0; 4];
        let patch = |teacher| Target {
            high: vec![1.0; 4],
            teacher,
        };
        let output = [0.0; 4];
        let loss = objective.of(&patch(Some(vec![-2.0; 4])), &output, &mut gradient);
        assert!((loss - (0.25 * 2.0 + 0.75)).abs() < 1e-12);
        assert_eq!(gradient, [(0.25 - 0.75) / 4.0; 4]);
        let loss = objective.of(&patch(None), &output, &mut gradient);
        assert!((loss - 1.0).abs() < 1e-12);
        assert_eq!(gradient, [-0.25; 4]);
    }
}
