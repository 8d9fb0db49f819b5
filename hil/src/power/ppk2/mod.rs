//! Nordic's Power Profiler Kit II.
//!
//! It sends 100,000 samples a second over a serial port: the current in one of five ranges, and
//! eight logic inputs that were sampled together with it. One input is wired to the pin that a
//! board holds high during an inference.

pub mod convert;
pub mod decoder;
pub mod metadata;
mod port;
mod stream;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serialport::SerialPort;

use super::energy::{EnergyReport, IDLE_S, Limits, MeterFacts};
use super::{Live, Meter, PowerError};
use crate::error::Result;
use crate::interrupt::Interrupt;
use metadata::{Answer, Metadata};
use stream::Stream;

/// Time between samples, seconds.
pub const SAMPLE_S: f64 = 1e-5;

/// Supply that the kit can give, millivolts.
const SUPPLY_MV: std::ops::RangeInclusive<u16> = 800..=5000;
/// Logic inputs.
const INPUTS: u8 = 8;
/// A port over USB takes any rate.
const BAUD: u32 = 115_200;
/// How long a read waits before it looks whether it is still wanted.
const POLL: Duration = Duration::from_millis(50);
/// How often the kit is asked for its calibration.
const ATTEMPTS: u32 = 3;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long old samples may come after the kit was stopped.
const DRAIN: Duration = Duration::from_secs(2);

const AVERAGE_START: u8 = 0x06;
const AVERAGE_STOP: u8 = 0x07;
const DUT_POWER: u8 = 0x0c;
const REGULATOR: u8 = 0x0d;
const MODE: u8 = 0x11;
const GET_METADATA: u8 = 0x19;

const ON: u8 = 1;
const MODE_AMPERE: u8 = 1;
const MODE_SOURCE: u8 = 2;

/// What the uncertainty leaves out.
const EXCLUDED: [&str; 2] = [
    "accuracy of the kit's calibration, for which no figure is at hand",
    "error and sag of the supply: current times the stated voltage is the power",
];

/// What the user states of a kit.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    serial: String,
    supply_mv: u16,
    source: bool,
    gate: u8,
    idle_s: f64,
}

/// A kit that was set up.
#[derive(Debug)]
pub struct Ppk2 {
    settings: Settings,
    facts: MeterFacts,
    metadata: Metadata,
    port: Box<dyn SerialPort>,
    stream: Option<Stream>,
}

impl Settings {
    /// Takes the USB serial number; the supply in millivolts, which the kit gives where it is
    /// the `source` and which is stated where it is not; and the logic input of the gate, 0 to 7.
    ///
    /// # Errors
    /// [`PowerError::Settings`] for what the kit cannot do.
    pub fn new(serial: &str, supply_mv: u16, source: bool, gate: u8) -> Result<Self, PowerError> {
        let fail = |cause| Err(PowerError::Settings { cause });
        if gate >= INPUTS {
            return fail(format!("a PPK2 has the logic inputs 0 to 7, none {gate}"));
        }
        if !SUPPLY_MV.contains(&supply_mv) {
            return fail(format!(
                "the supply of a PPK2 is 800 to 5000 mV, not {supply_mv}"
            ));
        }
        Ok(Self {
            serial: serial.to_owned(),
            supply_mv,
            source,
            gate,
            idle_s: IDLE_S,
        })
    }

    fn supply_v(&self) -> f64 {
        f64::from(self.supply_mv) / 1e3
    }
}

impl Ppk2 {
    /// Finds the kit by its serial number and sets it up: where it is the source, the board has
    /// power from then on, also after the kit is dropped.
    ///
    /// # Errors
    /// [`Error::Power`](crate::Error::Power) when it is not there, not to be opened, or does not
    /// tell its calibration.
    pub fn open(settings: Settings) -> Result<Self> {
        let path = port::find(&settings.serial, &port::list())?;
        Self::open_at(&path, settings)
    }

    /// Sets up the kit at a known port.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_at(path: &Path, settings: Settings) -> Result<Self> {
        let mut port = serialport::new(path.to_string_lossy(), BAUD)
            .timeout(POLL)
            .open()
            .map_err(|cause| PowerError::Open {
                path: path.to_owned(),
                cause: cause.to_string(),
            })?;
        let metadata = read_metadata(&mut *port, &settings.serial)?;
        let facts = MeterFacts {
            model: "PPK2".to_owned(),
            serial: settings.serial.clone(),
            hardware: Some(format!("HW {}", metadata.hardware)),
            calibration_sha256: Some(metadata.sha256.clone()),
            supply_v: Some(settings.supply_v()),
            operation: if settings.source { "source" } else { "ampere" }.to_owned(),
        };
        let mut kit = Self {
            settings,
            facts,
            metadata,
            port,
            stream: None,
        };
        kit.set_up()?;
        Ok(kit)
    }

    fn set_up(&mut self) -> Result<(), PowerError> {
        let mode = if self.settings.source {
            MODE_SOURCE
        } else {
            MODE_AMPERE
        };
        let [high, low] = self.settings.supply_mv.to_be_bytes();
        self.command(&[MODE, mode])?;
        self.command(&[REGULATOR, high, low])?;
        self.command(&[DUT_POWER, ON])
    }

    fn command(&mut self, bytes: &[u8]) -> Result<(), PowerError> {
        self.port
            .write_all(bytes)
            .map_err(|cause| gone(&self.settings.serial, &cause))
    }

    fn stream(&mut self) -> Result<&mut Stream, PowerError> {
        self.stream.as_mut().ok_or_else(super::not_begun)
    }

    /// Ends the samples; the port is found empty by the next start.
    fn stop(&mut self) -> Result<(), PowerError> {
        self.stream = None;
        let stopped = self.command(&[AVERAGE_STOP]);
        stopped.and_then(|()| drain(&mut *self.port, &self.settings.serial))
    }

    fn notes(&self, lost_samples: u64) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.metadata.is_own {
            notes.push(
                "The kit told no calibration of its own: Nordic's nominal values were used."
                    .to_owned(),
            );
        }
        if lost_samples >= stream::LOST_WARNING {
            notes.push(format!(
                "{lost_samples} samples of 10 \u{b5}s are lost; Nordic's program warns from {} on.",
                stream::LOST_WARNING
            ));
        }
        notes
    }
}

impl Meter for Ppk2 {
    fn facts(&self) -> &MeterFacts {
        &self.facts
    }

    fn begin(&mut self, interrupt: &Interrupt) -> Result<()> {
        self.stop()?;
        let reader = self.port.try_clone().map_err(|cause| PowerError::Gone {
            meter: name(&self.settings.serial),
            cause: cause.to_string(),
        })?;
        let stream = Stream::start(reader, &self.settings, self.metadata.calibration);
        self.stream = Some(stream.map_err(|cause| gone(&self.settings.serial, &cause))?);
        self.command(&[AVERAGE_START])?;
        let stream = self.stream()?;
        stream.await_idle(interrupt)?;
        stream.begin_work()?;
        Ok(())
    }

    fn live(&mut self) -> Result<Live> {
        Ok(self.stream()?.live()?)
    }

    fn finish(&mut self, inferences: u32, interrupt: &Interrupt) -> Result<EnergyReport> {
        let stream = self.stream()?;
        stream.end_work(interrupt)?;
        stream.await_idle(interrupt)?;
        let gated = stream.gated()?;
        self.stop()?;
        let facts = self.facts.clone();
        let mut report = gated.report(facts, inferences, &Limits::default(), &EXCLUDED);
        report.notes = self.notes(report.lost_samples);
        Ok(report)
    }
}

impl Drop for Ppk2 {
    fn drop(&mut self) {
        // A kit that is gone needs no stopping.
        let _ = self.stop();
    }
}

/// Asks for the calibration until it comes whole.
fn read_metadata(port: &mut dyn SerialPort, serial: &str) -> Result<Metadata, PowerError> {
    let mut cause = String::new();
    for _ in 0..ATTEMPTS {
        let asked = port.write_all(&[AVERAGE_STOP]);
        asked.map_err(|cause| gone(serial, &cause))?;
        drain(port, serial)?;
        let asked = port.write_all(&[GET_METADATA]);
        asked.map_err(|cause| gone(serial, &cause))?;
        match answer(port, serial)? {
            Ok(text) => match Metadata::parse(&text) {
                Ok(metadata) => return Ok(metadata),
                Err(wrong) => cause = wrong,
            },
            Err(missing) => cause = missing,
        }
    }
    let serial = serial.to_owned();
    Err(PowerError::Metadata { serial, cause })
}

/// Collects one answer; the inner error says what came instead.
fn answer(port: &mut dyn SerialPort, serial: &str) -> Result<Result<String, String>, PowerError> {
    let start = Instant::now();
    let mut answer = Answer::default();
    while start.elapsed() < ANSWER {
        if let Some(text) = answer.feed(&read(port, serial)?) {
            return Ok(Ok(text));
        }
    }
    let came = answer.len();
    Ok(Err(format!("{came} bytes came and no END among them")))
}

/// Throws away what still comes after a stop.
fn drain(port: &mut dyn SerialPort, serial: &str) -> Result<(), PowerError> {
    let start = Instant::now();
    while start.elapsed() < DRAIN {
        if read(port, serial)?.is_empty() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads what there is, nothing after a while.
fn read(port: &mut dyn SerialPort, serial: &str) -> Result<Vec<u8>, PowerError> {
    let mut buffer = [0; 4096];
    match port.read(&mut buffer) {
        Ok(n) => Ok(buffer.get(..n).unwrap_or_default().to_vec()),
        Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
            Ok(Vec::new())
        }
        Err(cause) => Err(gone(serial, &cause)),
    }
}

fn name(serial: &str) -> String {
    format!("PPK2 {serial}")
}

fn gone(serial: &str, cause: &std::io::Error) -> PowerError {
    PowerError::Gone {
        meter: name(serial),
        cause: cause.to_string(),
    }
}

#[cfg(test)]
pub(super) mod simulator;
#[cfg(test)]
mod tests;
