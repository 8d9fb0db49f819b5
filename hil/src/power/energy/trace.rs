//! The power over the time, in few numbers: least, mean and most of stretches of equal length.

use serde::{Deserialize, Serialize};

/// Most stretches; when they are full, neighbours become one.
const BUCKETS_MAX: usize = 400;

/// The power over the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Length of a stretch, seconds.
    pub bucket_s: f64,
    /// The stretches, from the beginning.
    pub buckets: Vec<Bucket>,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Least power, watts.
    pub min_w: f32,
    /// Mean power, watts.
    pub mean_w: f32,
    /// Most power, watts.
    pub max_w: f32,
    /// Share of the time in which the gate was high, 0 to 1.
    pub gate: f32,
}

/// Collects a trace of any length in bounded memory.
#[derive(Debug, Clone)]
pub struct Envelope {
    sample_s: f64,
    bucket_samples: u64,
    full: Vec<Sums>,
    open: Sums,
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    places: u64,
    count: u64,
    sum_w: f64,
    min_w: f64,
    max_w: f64,
    gate: u64,
}

impl Envelope {
    /// Makes an empty one of samples that are `sample_s` seconds apart.
    #[must_use]
    pub fn new(sample_s: f64) -> Self {
        Self {
            sample_s,
            bucket_samples: 1,
            full: Vec::new(),
            open: Sums::EMPTY,
        }
    }

    /// Adds the next sample: its power in watts, none for a lost one, and the gate.
    pub fn push(&mut self, power_w: Option<f64>, gate: bool) {
        self.open.push(power_w, gate);
        if self.open.places < self.bucket_samples {
            return;
        }
        self.full
            .push(std::mem::replace(&mut self.open, Sums::EMPTY));
        if self.full.len() >= BUCKETS_MAX {
            let pairs = self.full.chunks(2);
            self.full = pairs
                .map(|pair| pair.iter().fold(Sums::EMPTY, |sum, it| sum.with(it)))
                .collect();
            self.bucket_samples *= 2;
        }
    }

    /// Returns the trace so far; stretches without any sample are as the one before.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of samples lie far below 2^53"
    )]
    pub fn trace(&self) -> Option<Trace> {
        let open = (self.open.places > 0).then_some(&self.open);
        let mut last = None;
        let sums = self.full.iter().chain(open);
        let buckets: Vec<Bucket> = sums
            .filter_map(|it| {
                last = it.bucket().or(last);
                last
            })
            .collect();
        (!buckets.is_empty()).then_some(Trace {
            bucket_s: self.sample_s * self.bucket_samples as f64,
            buckets,
        })
    }
}

impl Sums {
    const EMPTY: Self = Self {
        places: 0,
        count: 0,
        sum_w: 0.0,
        min_w: f64::INFINITY,
        max_w: f64::NEG_INFINITY,
        gate: 0,
    };

    fn push(&mut self, power_w: Option<f64>, gate: bool) {
        self.places += 1;
        self.gate += u64::from(gate);
        if let Some(power_w) = power_w {
            self.count += 1;
            self.sum_w += power_w;
            self.min_w = self.min_w.min(power_w);
            self.max_w = self.max_w.max(power_w);
        }
    }

    fn with(&self, other: &Self) -> Self {
        Self {
            places: self.places + other.places,
            count: self.count + other.count,
            sum_w: self.sum_w + other.sum_w,
            min_w: self.min_w.min(other.min_w),
            max_w: self.max_w.max(other.max_w),
            gate: self.gate + other.gate,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a picture of the power needs no more digits"
    )]
    fn bucket(&self) -> Option<Bucket> {
        let mean_w = super::mean(self.sum_w, self.count)?;
        Some(Bucket {
            min_w: self.min_w as f32,
            mean_w: mean_w as f32,
            max_w: self.max_w as f32,
            gate: self.gate as f32 / self.places as f32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_and_means_survive_any_length() {
        for count in [1_u32, 399, 400, 401, 12_345, 100_000] {
            let mut envelope = Envelope::new(1e-5);
            let peak_at = count / 2;
            for i in 0..count {
                let power_w = if i == peak_at { 5.0 } else { 1.0 };
                envelope.push(Some(power_w), i < peak_at);
            }
            let trace = envelope.trace().unwrap();
            assert!(trace.buckets.len() <= BUCKETS_MAX, "{count}");
            let max_w = trace.buckets.iter().map(|it| it.max_w).fold(0.0, f32::max);
            assert_eq!(max_w, 5.0, "{count}");
            let length_s = trace.bucket_s * trace.buckets.len() as f64;
            let wanted_s = f64::from(count) * 1e-5;
            assert!(length_s >= wanted_s - 1e-12 && length_s < wanted_s + trace.bucket_s + 1e-12);
        }
    }

    #[test]
    fn lost_samples_leave_no_hole() {
        let mut envelope = Envelope::new(1.0);
        for power_w in [Some(2.0), None, Some(4.0)] {
            envelope.push(power_w, false);
        }
        let means: Vec<f32> = envelope
            .trace()
            .unwrap()
            .buckets
            .iter()
            .map(|it| it.mean_w)
            .collect();
        assert_eq!(means, [2.0, 2.0, 4.0]);
        assert_eq!(Envelope::new(1.0).trace(), None);
    }
}
