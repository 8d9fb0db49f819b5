//! The learning rate over a run: a rise, then half a cosine.

use core::f64::consts::PI;

/// The learning rate of each step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// Rate after the rise.
    pub rate: f64,
    /// Steps of the rise; the first has `rate / warm_up`.
    pub warm_up: u64,
    /// Part of the rate that is left in the end.
    pub min_rate: f64,
    /// Steps of the run; as long as they are not known there is no cosine.
    pub steps: Option<u64>,
}

impl Schedule {
    /// Returns the rate of a step, counted from 0.
    pub fn rate(&self, step: u64) -> f64 {
        if step < self.warm_up {
            return self.rate * (step + 1) as f64 / self.warm_up as f64;
        }
        let Some(steps) = self.steps else {
            return self.rate;
        };
        let length = steps.saturating_sub(self.warm_up).max(1);
        let done = ((step - self.warm_up) as f64 / length as f64).min(1.0);
        let wave = 0.5 * (1.0 + libm::cos(PI * done));
        self.rate * (self.min_rate + (1.0 - self.min_rate) * wave)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: Schedule = Schedule {
        rate: 2.0,
        warm_up: 4,
        min_rate: 0.25,
        steps: Some(104),
    };

    #[test]
    fn rises_and_falls() {
        let rates = [0, 1, 3, 4, 54, 104, 200].map(|step| SCHEDULE.rate(step));
        let expected = [0.5, 1.0, 2.0, 2.0, 1.25, 0.5, 0.5];
        for (found, expected) in rates.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        let falls = (4..104).all(|step| SCHEDULE.rate(step) > SCHEDULE.rate(step + 1));
        assert!(falls);
    }

    #[test]
    fn without_an_end_it_stays() {
        let schedule = Schedule {
            steps: None,
            warm_up: 0,
            ..SCHEDULE
        };
        assert_eq!([0, 10, 1000].map(|step| schedule.rate(step)), [2.0; 3]);
    }

    #[test]
    fn a_run_shorter_than_the_rise_is_a_rise() {
        let schedule = Schedule {
            steps: Some(2),
            ..SCHEDULE
        };
        assert_eq!(schedule.rate(1), 1.0);
    }
}
