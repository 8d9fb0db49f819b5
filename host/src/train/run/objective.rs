//! The loss of a batch.

use crate::picture::Picture;
use crate::train::config::Config;
use crate::train::data::patch::Patch;
use crate::train::loss::{Loss, l1, relative_square};
use crate::train::model::{self, Kind};
use crate::train::teacher::Taught;

/// The loss of a configuration.
#[derive(Debug)]
pub(super) struct Objective {
    loss: Loss,
    /// Part of the teacher's output.
    teacher: f64,
    /// Weight of the teacher's features.
    features: f64,
    /// Groups of the student.
    groups: usize,
}

impl Objective {
    /// Makes the loss of a student.
    pub(super) fn new(config: &Config, student: Kind) -> Self {
        let side = config.data.patch * student.scale;
        let distill = config.distill.as_ref();
        Self {
            loss: Loss::new(&config.loss, [side, side, student.channels]),
            teacher: distill.map_or(0.0, |it| it.weight),
            features: distill.map_or(0.0, |it| it.features),
            groups: student.groups,
        }
    }

    /// Returns `a L1(S, T) + (1 - a) L(S, GT)` for output `S` and sets the gradient.
    fn output(&self, patch: &Target, output: &[f32], gradient: &mut [f32]) -> f64 {
        gradient.fill(0.0);
        let truth = match &patch.teacher {
            Some(teacher) => l1(output, &teacher.output, self.teacher, gradient),
            None => 0.0,
        };
        let share = match patch.teacher {
            Some(_) => 1.0 - self.teacher,
            None => 1.0,
        };
        truth + self.loss.add(output, &patch.high, share, gradient)
    }

    /// Returns the part of a group's features, the mean over groups of `|S - T|^2 / |T|^2`, and
    /// adds its gradient.
    fn group(&self, patch: &Target, group: usize, found: &[f32], gradient: &mut [f32]) -> f64 {
        let groups = patch.teacher.as_ref().map_or(&[][..], |it| &it.groups);
        // Group i of the student ends where this part of the teacher's depth is done.
        let place = ((group + 1) * groups.len() / self.groups).max(1) - 1;
        match groups.get(place) {
            Some(wanted) => {
                let share = self.features / self.groups as f64;
                relative_square(found, wanted, share, gradient)
            }
            None => 0.0,
        }
    }
}

/// A batch under its loss.
pub(super) struct Batch<'a> {
    pub(super) objective: &'a Objective,
    pub(super) targets: Vec<Target>,
}

impl model::Objective for Batch<'_> {
    fn output(&self, i: usize, output: &[f32], gradient: &mut [f32]) -> f64 {
        self.objective.output(&self.targets[i], output, gradient)
    }

    fn group(&self, i: usize, group: usize, features: &[f32], gradient: &mut [f32]) -> f64 {
        self.objective
            .group(&self.targets[i], group, features, gradient)
    }
}

/// What an output is compared with.
#[derive(Debug)]
pub(super) struct Target {
    high: Vec<f32>,
    teacher: Option<Taught>,
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

    fn objective(change: impl FnOnce(String) -> String) -> Objective {
        let text = change(crate::train::run::folder::example(true));
        let config = Config::parse(&text, Path::new("example.toml")).unwrap();
        let kind = Kind {
            channels: 1,
            scale: 2,
            width: 2,
            groups: 2,
        };
        Objective::new(&config, kind)
    }

    #[test]
    fn the_teacher_has_its_part() {
        let objective = objective(|text| text.replace("weight = 0.5", "weight = 0.25"));
        let mut gradient = [9.0; 4];
        let patch = |teacher| Target {
            high: vec![1.0; 4],
            teacher,
        };
        let output = [0.0; 4];
        let taught = Taught {
            output: vec![-2.0; 4],
            groups: Vec::new(),
        };
        let loss = objective.output(&patch(Some(taught)), &output, &mut gradient);
        assert!((loss - (0.25 * 2.0 + 0.75)).abs() < 1e-12);
        assert_eq!(gradient, [(0.25 - 0.75) / 4.0; 4]);
        let loss = objective.output(&patch(None), &output, &mut gradient);
        assert!((loss - 1.0).abs() < 1e-12);
        assert_eq!(gradient, [-0.25; 4]);
    }

    #[test]
    fn groups_learn_those_at_the_same_depth() {
        let objective = objective(|text| text.replace("features = 0.0", "features = 3.0"));
        let taught = Taught {
            output: Vec::new(),
            groups: (1..=4).map(|group| vec![group as f32; 2]).collect(),
        };
        let patch = Target {
            high: Vec::new(),
            teacher: Some(taught),
        };
        for (group, wanted) in [(0, 2.0_f32), (1, 4.0)] {
            let mut gradient = [1.0; 2];
            let loss = objective.group(&patch, group, &[wanted, 0.0], &mut gradient);
            // Half the energy is missing; two groups share the weight.
            assert!((loss - 1.5 * 0.5).abs() < 1e-12, "{loss}");
            assert_eq!(gradient, [1.0, 1.0 - 1.5 / wanted]);
        }
        let none = Target {
            high: Vec::new(),
            teacher: None,
        };
        assert_eq!(objective.group(&none, 0, &[1.0], &mut [0.0]), 0.0);
    }
}
