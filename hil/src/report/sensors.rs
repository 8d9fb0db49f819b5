//! What the sensors showed while the pictures ran.

use mambalite_hil_wire::Quantity;
use serde::{Deserialize, Serialize};

use crate::link::{Reading, Sensors};

/// A shorter window is no figure: the monitors of a Jetson sample slowly and in coarse steps.
const WINDOW_MIN_S: f64 = 10.0;

/// Of numbers that nothing measured.
const MADE_UP: &str = "The sensors of a virtual board are made up: nothing was measured.";

/// Of power, whoever quotes it.
const POWER: [&str; 3] = [
    "VDD_IN feeds the other rails: never add it to them. It leaves the carrier board out.",
    "On the module of a Jetson Orin Nano one step of current is 8 mA, about 40 mW at 5 V; a rail \
     takes about 7 ms to read, so nothing shorter is seen.",
    "The window holds the transfer of the pictures and the reading of the sensors too.",
];

/// The sensors over the time of the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SensorReport {
    /// Length of that time, seconds.
    pub window_s: f64,
    /// Whether a virtual board made the numbers up.
    pub made_up: bool,
    /// The sensors in the board's order.
    pub readings: Vec<ReadingReport>,
    /// Facts in the board's words: module, release, power mode.
    pub facts: Vec<String>,
    /// What must be known to read the numbers.
    pub notes: Vec<String>,
}

/// One sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReadingReport {
    /// Label of the sensor.
    pub name: String,
    /// `power`, `temperature`, `memory` or `clock`.
    pub quantity: String,
    /// Unit of the numbers.
    pub unit: String,
    /// Mean of the samples.
    pub mean: f64,
    /// Least sample.
    pub min: f64,
    /// Greatest sample.
    pub max: f64,
    /// Number of samples.
    pub samples: u32,
}

impl SensorReport {
    /// Makes the report; `made_up` for a virtual board.
    #[must_use]
    pub fn new(sensors: &Sensors, made_up: bool) -> Self {
        let window_s = f64::from(sensors.window_ms) / 1e3;
        let readings: Vec<_> = sensors.readings.iter().filter_map(reading).collect();
        let facts = sensors
            .readings
            .iter()
            .filter(|it| it.quantity == Quantity::Fact);
        let mut notes = Vec::new();
        if made_up {
            notes.push(MADE_UP.to_owned());
        } else if readings.iter().any(|it| it.quantity == "power") {
            notes.extend(POWER.map(str::to_owned));
            if window_s < WINDOW_MIN_S {
                notes.push(format!(
                    "{window_s:.1} s are too short for a figure of power: at least \
                     {WINDOW_MIN_S} s, so run more or larger pictures."
                ));
            }
        }
        Self {
            window_s,
            made_up,
            facts: facts.map(|it| it.name.clone()).collect(),
            readings,
            notes,
        }
    }

    /// Returns the power rails.
    pub fn rails(&self) -> impl Iterator<Item = &ReadingReport> {
        self.readings.iter().filter(|it| it.quantity == "power")
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes, hertz and microwatts of a computer lie far below 2^53"
)]
fn reading(from: &Reading) -> Option<ReadingReport> {
    let (quantity, unit, divisor) = match from.quantity {
        Quantity::Power => ("power", "mW", 1e3),
        Quantity::Temperature => ("temperature", "\u{b0}C", 1e3),
        Quantity::Memory => ("memory", "MiB", 1_048_576.0),
        Quantity::Frequency => ("clock", "MHz", 1e6),
        Quantity::Fact => return None,
    };
    let number = |value: i64| value as f64 / divisor;
    Some(ReadingReport {
        name: from.name.clone(),
        quantity: quantity.to_owned(),
        unit: unit.to_owned(),
        mean: number(from.mean),
        min: number(from.min),
        max: number(from.max),
        samples: from.samples,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sensors(window_ms: u32) -> Sensors {
        let reading = |quantity, name: &str, mean| Reading {
            quantity,
            name: name.to_owned(),
            mean,
            min: mean,
            max: mean + 1000,
            samples: 7,
        };
        Sensors {
            window_ms,
            readings: vec![
                reading(Quantity::Power, "VDD_IN", 5_040_000),
                reading(Quantity::Memory, "in use", 1 << 30),
                reading(Quantity::Fact, "NV Power Mode: 25W 1", 0),
            ],
        }
    }

    #[test]
    fn power_is_in_milliwatts_with_its_caveats() {
        let report = SensorReport::new(&sensors(12_000), false);
        let rail = report.rails().next().unwrap();
        assert_eq!(
            (rail.name.as_str(), rail.mean, rail.max),
            ("VDD_IN", 5040.0, 5041.0)
        );
        assert_eq!(report.readings[1].mean, 1024.0);
        assert_eq!(report.facts, ["NV Power Mode: 25W 1"]);
        assert_eq!(report.notes.len(), POWER.len());
        let short = SensorReport::new(&sensors(9_900), false);
        assert!(short.notes.last().unwrap().contains("9.9 s are too short"));
    }

    #[test]
    fn a_virtual_board_has_measured_nothing() {
        let report = SensorReport::new(&sensors(12_000), true);
        assert_eq!(report.notes, [MADE_UP]);
        let json = serde_json::to_string(&report).unwrap();
        assert!(
            json.contains("\"made_up\":true") && !json.contains('J'),
            "{json}"
        );
    }
}
