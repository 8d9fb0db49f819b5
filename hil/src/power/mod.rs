//! Meters of power, and the energy of an inference.
//!
//! [`open`] gives the meter of a rig; [`Meter::begin`] before the jobs, [`Meter::finish`] after
//! them. A board that waits must be idle at both: its power is measured then and subtracted.
//! A figure is refused, in words, where it would not be one. Virtual boards have no meter.

pub mod check;
pub mod energy;
mod error;
pub mod ina;
pub mod ppk2;
pub mod rails;

use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::inventory;

pub use energy::{EnergyReport, MeterFacts};
pub use error::PowerError;

/// A meter in the supply of one board. Dropping it leaves it stopped.
pub trait Meter: Send {
    /// Returns which meter it is.
    fn facts(&self) -> &MeterFacts;

    /// Starts anew and measures the idle power, some seconds.
    ///
    /// # Errors
    /// [`Error::Power`](crate::Error::Power) when the meter is gone or silent,
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    fn begin(&mut self, interrupt: &Interrupt) -> Result<()>;

    /// Returns what was measured since the last call.
    ///
    /// # Errors
    /// [`Error::Power`](crate::Error::Power) when the meter is gone, or was not begun.
    fn live(&mut self) -> Result<Live>;

    /// Measures the idle power again, stops, and makes the report of a run in which the board
    /// ran the network `inferences` times, repetitions included.
    ///
    /// # Errors
    /// [`Error::Power`](crate::Error::Power) when the meter is gone, silent, or was not begun,
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    fn finish(&mut self, inferences: u32, interrupt: &Interrupt) -> Result<EnergyReport>;
}

/// What a meter shows at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct Live {
    /// Length, seconds.
    pub length_s: f64,
    /// Mean power, watts; none where no sample came.
    pub mean_w: Option<f64>,
    /// Least power, watts.
    pub min_w: Option<f64>,
    /// Most power, watts.
    pub max_w: Option<f64>,
    /// Samples that came.
    pub samples: u64,
    /// Samples that are missing among them.
    pub lost_samples: u64,
    /// Rising edges of the logic inputs D0 to D7; none where the meter has no inputs.
    pub rising: Option<[u32; 8]>,
}

/// Opens the meter of a rig; none where it has none, and where the agent reads the board's own
/// rails (see [`rails`]).
///
/// # Errors
/// [`Error::Power`](crate::Error::Power) when the meter is not there or cannot be set up, and when
/// `virtual_board` names a virtual board and the rig has a meter.
pub fn open(
    meter: &inventory::Meter,
    virtual_board: Option<&str>,
) -> Result<Option<Box<dyn Meter>>> {
    if let (Some(board), false) = (virtual_board, *meter == inventory::Meter::None) {
        let board = board.to_owned();
        return Err(PowerError::Virtual { board }.into());
    }
    Ok(match meter {
        inventory::Meter::None | inventory::Meter::Agent => None,
        inventory::Meter::Ppk2 {
            serial,
            supply_mv,
            source,
            gate,
        } => {
            let settings = ppk2::Settings::new(serial, *supply_mv, *source, *gate)?;
            Some(Box::new(ppk2::Ppk2::open(settings)?))
        }
        inventory::Meter::Ina {
            chip,
            bus,
            address,
            shunt_uohm,
            max_ma,
        } => {
            let settings = ina::Settings::new(chip, *address, *shunt_uohm, *max_ma)?;
            Some(Box::new(ina::Ina::open(*bus, settings)?))
        }
    })
}

/// Makes the error of what was not begun.
fn not_begun() -> PowerError {
    PowerError::Settings {
        cause: "it was not started".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EXIT_INPUT;

    fn ppk2() -> inventory::Meter {
        inventory::Meter::Ppk2 {
            serial: "none such".to_owned(),
            supply_mv: 3300,
            source: true,
            gate: 0,
        }
    }

    #[test]
    fn a_virtual_board_never_has_a_meter() {
        for meter in [ppk2(), inventory::Meter::Agent] {
            let error = open(&meter, Some("qemu-mps2-an500")).err().unwrap();
            assert!(
                error
                    .to_string()
                    .contains("`qemu-mps2-an500`: it is virtual")
            );
            assert_eq!(error.exit_code(), EXIT_INPUT);
        }
        let none = open(&inventory::Meter::None, Some("qemu-mps2-an500")).unwrap();
        assert!(none.is_none());
    }

    #[test]
    fn a_meter_that_is_not_there_is_missing() {
        let error = open(&ppk2(), None).err().unwrap();
        assert!(
            error.to_string().contains("find the PPK2 none such"),
            "{error}"
        );
        assert_eq!(error.exit_code(), crate::error::EXIT_MISSING);
    }
}
