//! Counts of the converter as amperes.

use super::decoder::Raw;
use super::metadata::{Calibration, Factors, RANGES};

/// Volts a count, times the resistor: reference voltage over gain and steps of the converter.
const VOLTS_A_COUNT: f64 = 1.8 / 163_840.0;

/// The kit sends a quarter of the converter's counts.
const COUNTS_A_STEP: f64 = 4.0;

/// Current at which the kit's ranges end, amperes; the converter itself would reach further.
const CURRENT_MAX_A: f64 = 1.0;

/// Weight of a new sample in the average of ranges 0 to 3.
const ALPHA: f64 = 0.18;
/// Weight of a new sample in the average of range 4.
const ALPHA_LAST: f64 = 0.06;
/// Samples after a change of range that are replaced by the average.
const AFTER_CHANGE: u8 = 3;
/// Samples at the start of range 4 that do not enter the averages.
const SETTLE_LAST: u8 = 2;

/// Current of one sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Current {
    /// With the spikes of range changes averaged away, as Nordic's program shows it, amperes.
    pub filtered_a: f64,
    /// As the converter gave it, amperes.
    pub unfiltered_a: f64,
    /// One step of the converter in this range, amperes.
    pub step_a: f64,
    /// Whether the current lies beyond the kit's ranges.
    pub is_saturated: bool,
}

/// Converts samples in their order.
#[derive(Debug, Clone)]
pub struct Converter {
    calibration: Calibration,
    supply_v: f64,
    filter: Filter,
}

/// Nordic's filter against the spikes of range changes.
#[derive(Debug, Clone, Default)]
struct Filter {
    average: Option<f64>,
    average_last: Option<f64>,
    range: Option<u8>,
    after: u8,
    since_change: u8,
}

impl Calibration {
    /// Converts one sample at this supply.
    ///
    /// With `r` the counts less their offset as the current through the resistor, the current is
    /// `ug * (r * (gs * r + gi) + s * volts + i)`.
    #[must_use]
    pub fn amps(&self, raw: Raw, supply_v: f64) -> f64 {
        let f = self.of(raw.range);
        let counts = f64::from(raw.adc) * COUNTS_A_STEP - f.o;
        let r = counts * (VOLTS_A_COUNT / f.r);
        f.ug * (r * (f.gs * r + f.gi) + (f.s * supply_v + f.i))
    }

    /// Returns one step of the converter in a range, amperes.
    #[must_use]
    pub fn step_a(&self, range: u8) -> f64 {
        let f = self.of(range);
        (COUNTS_A_STEP * VOLTS_A_COUNT / f.r * f.gi * f.ug).abs()
    }

    fn of(&self, range: u8) -> &Factors {
        let [.., last] = &self.0;
        self.0.get(usize::from(range)).unwrap_or(last)
    }
}

impl Converter {
    /// Makes the converter of a kit whose supply is `supply_v` volts: the voltage that was set,
    /// not the one in the metadata, which is that of an earlier session.
    #[must_use]
    pub fn new(calibration: Calibration, supply_v: f64) -> Self {
        Self {
            calibration,
            supply_v,
            filter: Filter::default(),
        }
    }

    /// Converts the next sample.
    pub fn convert(&mut self, raw: Raw) -> Current {
        let amps = self.calibration.amps(raw, self.supply_v);
        let filtered_a = self.filter.next(amps, raw.range);
        Current {
            filtered_a,
            unfiltered_a: amps,
            step_a: self.calibration.step_a(raw.range),
            is_saturated: filtered_a > CURRENT_MAX_A,
        }
    }
}

impl Filter {
    fn next(&mut self, amps: f64, range: u8) -> f64 {
        let is_last = usize::from(range) == RANGES - 1;
        let before = (self.average, self.average_last);
        self.average = Some(mix(self.average, amps, ALPHA));
        self.average_last = Some(mix(self.average_last, amps, ALPHA_LAST));
        let changed = self.range.replace(range).is_some_and(|it| it != range);
        if changed {
            (self.since_change, self.after) = (0, AFTER_CHANGE);
        } else if self.after == 0 {
            return amps;
        } else {
            self.since_change = self.since_change.saturating_add(1);
        }
        self.after -= 1;
        if is_last && self.since_change < SETTLE_LAST {
            (self.average, self.average_last) = before;
        }
        let average = if is_last {
            self.average_last
        } else {
            self.average
        };
        average.unwrap_or(amps)
    }
}

fn mix(average: Option<f64>, amps: f64, alpha: f64) -> f64 {
    average.map_or(amps, |it| alpha * amps + (1.0 - alpha) * it)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(adc: u16, range: u8) -> Raw {
        Raw {
            adc,
            range,
            logic: 0,
        }
    }

    #[test]
    fn the_formula_is_that_of_the_kit() {
        let mut calibration = Calibration::default();
        calibration.0[3] = Factors {
            r: 0.94,
            gs: 2.0,
            gi: 0.95,
            o: 40.0,
            s: 1e-5,
            i: 2e-5,
            ug: 1.01,
        };
        // By hand: (1000*4-40) * 1.8/163840 / 0.94 = 0.04628259 A.
        let r: f64 = 3960.0 * 1.8 / 163_840.0 / 0.94;
        let wanted = 1.01 * (r * (2.0 * r + 0.95) + 1e-5 * 3.3 + 2e-5);
        assert!((r - 0.046_282_6).abs() < 1e-6, "{r}");
        assert!((calibration.amps(raw(1000, 3), 3.3) - wanted).abs() < 1e-12);
        assert!((Calibration::default().step_a(4) - 1.022e-3).abs() < 1e-6);
    }

    #[test]
    fn a_current_beyond_the_ranges_is_marked() {
        let mut converter = Converter::new(Calibration::default(), 3.3);
        // 0.51 and 0.92 A through the resistor, with the square 0.77 and 1.77 A.
        let is_saturated = |adc| converter.convert(raw(adc, 4)).is_saturated;
        assert_eq!([500, 900].map(is_saturated), [false, true]);
    }

    fn filtered(samples: &[(f64, u8)]) -> Vec<f64> {
        let mut filter = Filter::default();
        samples.iter().map(|&(a, r)| filter.next(a, r)).collect()
    }

    #[test]
    fn within_a_range_nothing_is_filtered() {
        let samples: Vec<(f64, u8)> = (0..20).map(|i| (f64::from(i * i), 2)).collect();
        let wanted: Vec<f64> = samples.iter().map(|it| it.0).collect();
        assert_eq!(filtered(&samples), wanted);
    }

    #[test]
    fn three_samples_after_a_change_are_averages() {
        let seen = filtered(&[(1.0, 1), (1.0, 1), (9.0, 2), (2.0, 2), (2.0, 2), (2.0, 2)]);
        let first = 0.18 * 9.0 + 0.82;
        let second = 0.18 * 2.0 + 0.82 * first;
        let third = 0.18 * 2.0 + 0.82 * second;
        let wanted = [1.0, 1.0, first, second, third, 2.0];
        for (seen, wanted) in seen.iter().zip(wanted) {
            assert!((seen - wanted).abs() < 1e-12, "{seen} {wanted}");
        }
    }

    #[test]
    fn the_first_two_samples_of_the_last_range_do_not_count() {
        let seen = filtered(&[(1.0, 3), (50.0, 4), (60.0, 4), (2.0, 4), (2.0, 4)]);
        let third = 0.06 * 2.0 + 0.94;
        let wanted = [1.0, 1.0, 1.0, third, 2.0];
        for (seen, wanted) in seen.iter().zip(wanted) {
            assert!((seen - wanted).abs() < 1e-12, "{seen} {wanted}");
        }
    }
}
