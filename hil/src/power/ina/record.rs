//! Readings of a chip as energy of three stretches of time.

use std::time::Duration;

use super::super::energy::{Envelope, Stretch, Window};
use super::super::{Live, energy};
use super::chip::Reading;

/// Time between readings: a little more than the chip needs for one.
pub(super) const POLL: Duration = Duration::from_millis(40);

/// Which stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Idle before the jobs.
    Before,
    /// The jobs.
    Work,
    /// Idle after them.
    After,
    /// None any more.
    Done,
}

/// What was read since the start.
#[derive(Debug)]
pub(super) struct Record {
    side: Side,
    /// Before, work, after.
    sums: [Sums; 3],
    last: Option<(f64, Reading)>,
    /// Largest step, watts.
    step_w: f64,
    overflown: u64,
    live: Sums,
    envelope: Envelope,
}

#[derive(Debug, Clone, Copy)]
struct Sums {
    length_s: f64,
    energy_j: f64,
    /// Whether the chip summed the energy up.
    is_complete: bool,
    count: u64,
    power_w: f64,
    square: f64,
    min_w: f64,
    max_w: f64,
}

impl Record {
    /// Makes an empty record.
    pub(super) fn new() -> Self {
        Self {
            side: Side::Done,
            sums: [Sums::EMPTY; 3],
            last: None,
            step_w: 0.0,
            overflown: 0,
            live: Sums::EMPTY,
            envelope: Envelope::new(POLL.as_secs_f64()),
        }
    }

    /// Says which stretch begins with the last reading.
    pub(super) fn enter(&mut self, side: Side) {
        self.side = side;
    }

    /// Adds a reading at a time in seconds.
    pub(super) fn push(&mut self, now_s: f64, reading: &Reading) {
        let last = self.last.replace((now_s, *reading));
        self.step_w = self.step_w.max(reading.step_w);
        self.overflown += u64::from(reading.is_overflown);
        self.envelope
            .push(Some(reading.power_w), self.side == Side::Work);
        self.live.push(last.as_ref(), now_s, reading);
        let [before, work, after] = &mut self.sums;
        let sums = match self.side {
            Side::Before => before,
            Side::Work => work,
            Side::After => after,
            Side::Done => return,
        };
        sums.push(last.as_ref(), now_s, reading);
    }

    /// Returns what was read since the last call.
    pub(super) fn live(&mut self) -> Live {
        let live = std::mem::replace(&mut self.live, Sums::EMPTY);
        let any = |value: f64| (live.count > 0).then_some(value);
        Live {
            length_s: live.length_s,
            mean_w: energy::mean(live.power_w, live.count),
            min_w: any(live.min_w),
            max_w: any(live.max_w),
            samples: live.count,
            lost_samples: 0,
            rising: None,
        }
    }

    /// Returns the three stretches.
    pub(super) fn window(&self) -> Window {
        let [before, work, after] = &self.sums;
        Window {
            before: before.stretch(),
            work: work.stretch(),
            after: after.stretch(),
            step_w: self.step_w,
            reading_s: POLL.as_secs_f64(),
            saturated: self.overflown,
            trace: self.envelope.trace(),
        }
    }
}

impl Sums {
    const EMPTY: Self = Self {
        length_s: 0.0,
        energy_j: 0.0,
        is_complete: true,
        count: 0,
        power_w: 0.0,
        square: 0.0,
        min_w: f64::INFINITY,
        max_w: f64::NEG_INFINITY,
    };

    /// Adds the time from the last reading to this one.
    fn push(&mut self, last: Option<&(f64, Reading)>, now_s: f64, reading: &Reading) {
        self.count += 1;
        self.power_w += reading.power_w;
        self.square += reading.power_w.powi(2);
        self.min_w = self.min_w.min(reading.power_w);
        self.max_w = self.max_w.max(reading.power_w);
        let Some((then_s, then)) = last else {
            return;
        };
        let length_s = now_s - then_s;
        self.length_s += length_s;
        self.energy_j += match (then.energy_j, reading.energy_j) {
            (Some(then_j), Some(now_j)) => now_j - then_j,
            _ => {
                self.is_complete = false;
                f64::midpoint(then.power_w, reading.power_w) * length_s
            }
        };
    }

    /// Returns the stretch. Where readings stand for the time between them, their scatter tells
    /// how well.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of readings lie far below 2^53"
    )]
    fn stretch(&self) -> Stretch {
        let count = (self.count as f64).max(1.0);
        let variance = (self.square / count - (self.power_w / count).powi(2)).max(0.0);
        let sampling_j = (variance / count).sqrt() * self.length_s;
        Stretch {
            length_s: self.length_s,
            energy_j: self.energy_j,
            samples: self.count,
            sampling_j: if self.is_complete { 0.0 } else { sampling_j },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(power_w: f64, energy_j: Option<f64>) -> Reading {
        Reading {
            bus_v: 5.0,
            current_a: power_w / 5.0,
            power_w,
            energy_j,
            step_w: 1e-4,
            is_overflown: false,
        }
    }

    /// 2 s at 1 W, 12 s at a power that swings about 2 W, 2 s at 1 W.
    fn record(has_energy: bool) -> Window {
        let mut record = Record::new();
        let mut energy_j = 0.0;
        let mut at = |record: &mut Record, i: u32, power_w: f64| {
            energy_j += power_w * 0.04;
            let energy_j = has_energy.then_some(energy_j);
            record.push(f64::from(i) * 0.04, &reading(power_w, energy_j));
        };
        at(&mut record, 0, 1.0);
        record.enter(Side::Before);
        (1..=50).for_each(|i| at(&mut record, i, 1.0));
        record.enter(Side::Work);
        (51..=350).for_each(|i| at(&mut record, i, 2.0 + f64::from(i % 2) - 0.5));
        record.enter(Side::After);
        (351..=400).for_each(|i| at(&mut record, i, 1.0));
        record.enter(Side::Done);
        at(&mut record, 500, 9.0);
        record.window()
    }

    #[test]
    fn readings_are_integrated_where_the_chip_has_no_sum() {
        let window = record(false);
        assert!((window.work.length_s - 12.0).abs() < 1e-9);
        assert!((window.work.energy_j - 24.0).abs() < 0.05, "{window:?}");
        // Half a watt either way over 300 readings.
        let wanted_j = 0.5 / 300.0_f64.sqrt() * 12.0;
        assert!((window.work.sampling_j - wanted_j).abs() < 1e-6);
        assert!((window.before.energy_j - 2.0).abs() < 1e-9);
        assert_eq!(window.saturated, 0);
    }

    #[test]
    fn the_sum_of_the_chip_is_taken_where_there_is_one() {
        let window = record(true);
        assert!((window.work.energy_j - 24.0).abs() < 1e-9, "{window:?}");
        assert_eq!(window.work.sampling_j, 0.0);
    }
}
