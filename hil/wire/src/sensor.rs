//! What the sensors of a board show.

use serde::{Deserialize, Serialize};

/// Longest name of a reading, bytes; a reading then fits a frame whatever its numbers are.
pub const MAX_NAME: usize = 200;

/// One sensor over a stretch of time, or one fact that numbers do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading<'a> {
    /// What the numbers are.
    pub quantity: Quantity,
    /// Label of the sensor as the board's system has it, or the fact itself; at most [`MAX_NAME`]
    /// bytes.
    #[serde(borrow)]
    pub name: &'a str,
    /// Mean of the samples.
    pub mean: i64,
    /// Least sample.
    pub min: i64,
    /// Greatest sample.
    pub max: i64,
    /// Number of samples; 0 for a fact.
    pub samples: u32,
}

/// What is measured, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// Electric power, microwatts.
    Power,
    /// Temperature, thousandths of a degree Celsius.
    Temperature,
    /// Memory in use, bytes.
    Memory,
    /// Clock, hertz.
    Frequency,
    /// No number: the name is all.
    Fact,
}
