//! INA226 and INA228 on an I2C bus of this computer, at a shunt in the board's supply.
//!
//! There is no gate: the energy is that of the whole time of the jobs. An INA228 sums it up by
//! itself, of an INA226 the readings are integrated.

mod bus;
mod chip;
mod record;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::energy::{EnergyReport, IDLE_S, Limits, MeterFacts, window};
use super::{Live, Meter, PowerError};
use crate::error::Result;
use crate::interrupt::Interrupt;
use chip::{Chip, Model, Registers, Trouble};
use record::{POLL, Record, Side};

/// Addresses that the pins of these chips can choose.
const ADDRESSES: std::ops::RangeInclusive<u8> = 0x40..=0x4f;
/// How long a waiting thread sleeps.
const NAP: Duration = Duration::from_millis(10);

/// What the uncertainty leaves out.
const EXCLUDED: [&str; 2] = [
    "tolerance of the shunt, often 1 %, and of its wiring",
    "gain, offset and clock of the chip",
];

/// What the user states of a chip.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    model: Model,
    address: u8,
    shunt_uohm: u32,
    max_ma: u32,
    idle_s: f64,
}

/// A chip that was set up.
pub struct Ina {
    settings: Settings,
    path: PathBuf,
    facts: MeterFacts,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    is_stopped: AtomicBool,
    state: Mutex<State>,
}

struct State {
    chip: Chip,
    record: Record,
    since: Instant,
    failure: Option<std::io::Error>,
}

impl Settings {
    /// Takes the chip, `ina226` or `ina228`; its address, 0x40 to 0x4f; the shunt in microohms and
    /// the largest current in milliamperes.
    ///
    /// # Errors
    /// [`PowerError::Settings`] for what there is not.
    pub fn new(chip: &str, address: u8, shunt_uohm: u32, max_ma: u32) -> Result<Self, PowerError> {
        let fail = |cause| Err(PowerError::Settings { cause });
        let model = match chip {
            "ina226" => Model::Ina226,
            "ina228" => Model::Ina228,
            _ => return fail(format!("the chip is `ina226` or `ina228`, not `{chip}`")),
        };
        if !ADDRESSES.contains(&address) {
            let name = model.name();
            return fail(format!(
                "an {name} is at 0x40 to 0x4f, not at {address:#04x}"
            ));
        }
        Ok(Self {
            model,
            address,
            shunt_uohm,
            max_ma,
            idle_s: IDLE_S,
        })
    }
}

impl Ina {
    /// Sets up the chip on `/dev/i2c-<bus>`.
    ///
    /// # Errors
    /// [`Error::Power`](crate::Error::Power) when the bus is not to be opened, or the chip is
    /// another one or does not fit shunt and current.
    pub fn open(bus: u8, settings: Settings) -> Result<Self> {
        let path = bus::path(bus);
        let registers = bus::Linux::open(&path, settings.address);
        let registers = registers.map_err(|cause| PowerError::Open {
            path: path.clone(),
            cause: cause.to_string(),
        })?;
        Self::set_up(Box::new(registers), path, settings)
    }

    fn set_up(registers: Box<dyn Registers>, path: PathBuf, settings: Settings) -> Result<Self> {
        let shunt_ohm = f64::from(settings.shunt_uohm) * 1e-6;
        let max_a = f64::from(settings.max_ma) * 1e-3;
        let chip = Chip::set_up(registers, settings.model, shunt_ohm, max_a);
        let chip = chip.map_err(|trouble| match trouble {
            Trouble::Bus(cause) => bus_error(&path, settings.address, cause),
            Trouble::Other(found) => PowerError::OtherChip {
                chip: settings.model.name(),
                path: path.clone(),
                address: settings.address,
                found,
            },
            Trouble::Unfit(cause) => PowerError::Settings { cause },
        })?;
        let facts = MeterFacts {
            model: settings.model.name().to_owned(),
            serial: format!("{} {:#04x}", path.display(), settings.address),
            hardware: None,
            calibration_sha256: None,
            supply_v: None,
            operation: format!("shunt {} milliohms", f64::from(settings.shunt_uohm) / 1e3),
        };
        let state = State {
            chip,
            record: Record::new(),
            since: Instant::now(),
            failure: None,
        };
        Ok(Self {
            settings,
            path,
            facts,
            shared: Arc::new(Shared {
                is_stopped: AtomicBool::new(false),
                state: Mutex::new(state),
            }),
            thread: None,
        })
    }

    /// Reads now, and calls what comes from now on `side`.
    fn enter(&self, side: Side) -> Result<(), PowerError> {
        let mut state = self.shared.lock();
        state.poll();
        state.record.enter(side);
        self.check(&mut state)
    }

    fn idle(&self, interrupt: &Interrupt) -> Result<()> {
        let start = Instant::now();
        while start.elapsed().as_secs_f64() < self.settings.idle_s {
            interrupt.check()?;
            std::thread::sleep(NAP);
        }
        Ok(())
    }

    fn check(&self, state: &mut State) -> Result<(), PowerError> {
        match state.failure.take() {
            None => Ok(()),
            Some(cause) => Err(bus_error(&self.path, self.settings.address, cause)),
        }
    }

    /// Ends the readings.
    fn stop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // The thread looks at the flag after each reading.
        let _ = self.thread.take().map(JoinHandle::join);
        self.shared.is_stopped.store(false, Ordering::SeqCst);
    }
}

impl Meter for Ina {
    fn facts(&self) -> &MeterFacts {
        &self.facts
    }

    fn begin(&mut self, interrupt: &Interrupt) -> Result<()> {
        self.stop();
        {
            let mut state = self.shared.lock();
            state.record = Record::new();
            state.since = Instant::now();
            state.failure = state.chip.reset_energy().err();
            self.check(&mut state)?;
        }
        // The chip shows nothing, or something old, before its first conversion.
        std::thread::sleep(POLL * 2);
        self.enter(Side::Before)?;
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("ina-read".to_owned())
            .spawn(move || shared.read_all());
        let thread = thread.map_err(|cause| bus_error(&self.path, self.settings.address, cause))?;
        self.thread = Some(thread);
        self.idle(interrupt)?;
        Ok(self.enter(Side::Work)?)
    }

    fn live(&mut self) -> Result<Live> {
        if self.thread.is_none() {
            return Err(super::not_begun().into());
        }
        let mut state = self.shared.lock();
        self.check(&mut state)?;
        Ok(state.record.live())
    }

    fn finish(&mut self, inferences: u32, interrupt: &Interrupt) -> Result<EnergyReport> {
        if self.thread.is_none() {
            return Err(super::not_begun().into());
        }
        self.enter(Side::After)?;
        self.idle(interrupt)?;
        self.enter(Side::Done)?;
        self.stop();
        let measured = self.shared.lock().record.window();
        let facts = self.facts.clone();
        let limits = Limits::default();
        Ok(window(&measured, facts, inferences, &limits, &EXCLUDED))
    }
}

impl Drop for Ina {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Reads until it is stopped or the chip is gone.
    fn read_all(&self) {
        let start = Instant::now();
        let mut due = Duration::ZERO;
        while !self.is_stopped.load(Ordering::SeqCst) {
            let mut state = self.lock();
            state.poll();
            if state.failure.is_some() {
                return;
            }
            drop(state);
            due += POLL;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }

    /// Locks the state. It is whole even after a panic elsewhere: numbers without a bond.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn poll(&mut self) {
        if self.failure.is_some() {
            return;
        }
        match self.chip.read() {
            Ok(reading) => {
                let now_s = self.since.elapsed().as_secs_f64();
                self.record.push(now_s, &reading);
            }
            Err(cause) => self.failure = Some(cause),
        }
    }
}

fn bus_error(path: &std::path::Path, address: u8, cause: std::io::Error) -> PowerError {
    PowerError::Bus {
        path: path.to_owned(),
        address,
        cause,
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
