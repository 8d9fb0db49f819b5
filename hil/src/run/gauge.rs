//! The energy of a rig's pictures, by its meter or by its own monitors.
//!
//! A meter that fails takes nothing from what the board computed: the reason stands in the report in
//! place of a figure.

use std::time::Duration;

use super::Stand;
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::inventory;
use crate::link::Link;
use crate::power::{self, EnergyReport, Meter, rails};
use crate::report::{BoardReport, SensorReport};
use crate::transport::Transport;

/// How long a board idles before and after its pictures, for its own monitors.
const IDLE: Duration = Duration::from_secs(2);

/// What measures a rig.
pub(super) enum Gauge {
    /// Nothing.
    None,
    /// A meter in its supply.
    Meter(Box<dyn Meter>),
    /// The board's own monitors; what they showed while it was idle.
    Agent(Option<SensorReport>),
}

impl Gauge {
    /// Opens the meter of a rig. It comes before the board: it may be what feeds it.
    ///
    /// # Errors
    /// Those of [`power::open`].
    pub(super) fn open(stand: &Stand) -> Result<Self> {
        let is_virtual = stand.board.is_virtual();
        let name = is_virtual.then_some(stand.board.name.as_str());
        Ok(match power::open(&stand.rig.meter, name)? {
            Some(meter) => Self::Meter(meter),
            None if stand.rig.meter == inventory::Meter::Agent => Self::Agent(None),
            None => Self::None,
        })
    }

    /// Measures the idle board, before its pictures.
    pub(super) fn begin<T: Transport>(
        &mut self,
        link: &mut Link<T>,
        report: &mut BoardReport,
        interrupt: &Interrupt,
    ) {
        let begun = match self {
            Self::None => Ok(()),
            Self::Meter(meter) => meter.begin(interrupt),
            Self::Agent(before) => idle(link, interrupt).map(|it| *before = it),
        };
        if let Err(error) = begun {
            report.energy_failure = Some(error.to_string());
            *self = Self::None;
        }
    }

    /// Measures the idle board after its pictures, and makes the figure, or says why there is none.
    /// `work` is what the board's own monitors showed meanwhile.
    pub(super) fn finish<T: Transport>(
        self,
        link: &mut Link<T>,
        work: Option<&SensorReport>,
        report: &mut BoardReport,
        interrupt: &Interrupt,
    ) {
        let runs = report.jobs.iter().map(|job| job.attempts).sum();
        let energy = match self {
            Self::None => return,
            Self::Meter(mut meter) => meter.finish(runs, interrupt).map(Some),
            Self::Agent(before) => idle(link, interrupt).map(|after| {
                let (before, work, after) = (before.as_ref()?, work?, after.as_ref()?);
                Some(rails::report(before, work, after, runs))
            }),
        };
        match energy {
            Ok(energy) => report.energy = energy,
            Err(error) => report.energy_failure = Some(error.to_string()),
        }
    }
}

impl BoardReport {
    /// Returns the figure, where there is one that was not refused.
    #[must_use]
    pub fn energy_j(&self) -> Option<f64> {
        let energy: &EnergyReport = self.energy.as_ref()?;
        energy.energy.as_ref().map(|it| it.energy_j)
    }
}

/// Lets the board idle, and returns what its monitors showed.
fn idle<T: Transport>(link: &mut Link<T>, interrupt: &Interrupt) -> Result<Option<SensorReport>> {
    link.sensors(true)?;
    std::thread::sleep(IDLE);
    interrupt.check()?;
    let sensors = link.sensors(true)?;
    Ok(sensors.map(|it| SensorReport::new(&it, false)))
}
