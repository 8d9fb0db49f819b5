//! What the sensors of a board show.

use mambalite_hil_wire::{Quantity, Request, Response};

use super::Link;
use crate::error::{Error, Result};
use crate::transport::Transport;

/// Most sensors that are believed.
const SENSORS_MAX: u16 = 512;

/// Readings over a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensors {
    /// Length of that stretch, milliseconds.
    pub window_ms: u32,
    /// The readings, in the board's order.
    pub readings: Vec<Reading>,
}

/// One sensor, or a fact in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the numbers are.
    pub quantity: Quantity,
    /// Label of the sensor, or the fact.
    pub name: String,
    /// Mean of the samples.
    pub mean: i64,
    /// Least sample.
    pub min: i64,
    /// Greatest sample.
    pub max: i64,
    /// Number of samples.
    pub samples: u32,
}

/// One answer of several.
type Part = (u16, u16, u32, Option<Reading>);

impl<T: Transport> Link<T> {
    /// Asks for the sensors, nothing where the board has none; with `restart` the board forgets
    /// its samples afterwards.
    ///
    /// # Errors
    /// [`Error::Timeout`] when answers are missing each time, [`Error::Misbehaved`] when they
    /// contradict each other, [`Error::Line`] when the line is gone.
    pub fn sensors(&mut self, restart: bool) -> Result<Option<Sensors>> {
        for _ in 0..self.patience.attempts.max(1) {
            self.send(&Request::Sensors { restart })?;
            if let Some(sensors) = self.collect_sensors()? {
                return Ok(sensors);
            }
            self.counters.requests_repeated += 1;
        }
        let after = self.patience.reply * self.patience.attempts;
        Err(Error::Timeout {
            what: "the sensors",
            after,
        })
    }

    /// Collects the answers to one request; nothing when one is missing.
    fn collect_sensors(&mut self) -> Result<Option<Option<Sensors>>> {
        let mut readings = Vec::new();
        loop {
            let part = self.wait_for(self.patience.reply, part)?;
            let Some((index, count, window_ms, reading)) = part else {
                return Ok(None);
            };
            let Some(reading) = reading else {
                return Ok(Some(None));
            };
            if count > SENSORS_MAX || index >= count {
                let cause = format!("it shows sensor {index} of {count}");
                return Err(Error::Misbehaved { cause });
            }
            if usize::from(index) != readings.len() {
                return Ok(None);
            }
            readings.push(reading);
            if readings.len() == usize::from(count) {
                return Ok(Some(Some(Sensors {
                    window_ms,
                    readings,
                })));
            }
        }
    }
}

fn part(response: &Response<'_>) -> Option<Part> {
    let &Response::Sensor {
        index,
        count,
        window_ms,
        reading,
    } = response
    else {
        return None;
    };
    let reading = reading.map(|it| Reading {
        quantity: it.quantity,
        name: it.name.to_owned(),
        mean: it.mean,
        min: it.min,
        max: it.max,
        samples: it.samples,
    });
    Some((index, count, window_ms, reading))
}
