//! A board that has its firmware and model, runs and is introduced.

mod hardware;

use std::path::Path;

use crate::board::{Board, Microcontroller};
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::flasher::{self, Flasher};
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::link::{DeviceInfo, DeviceModel, Link, Patience};
use crate::log::{Line, LogReader};
use crate::observer::Watch;
use crate::qemu::Qemu;
use crate::ssh::Station;
use crate::transport::{Serial, Transport};
use crate::verdict::Stage;
use hardware::Hardware;

/// A board on the bench. Dropping it ends its emulator, or its agent.
pub struct Bench(Machine);

/// What stands there.
enum Machine {
    /// A virtual microcontroller.
    Qemu {
        /// The log, which is read while the emulator runs.
        log: LogReader,
        /// The emulator.
        qemu: Box<Qemu>,
    },
    /// A real microcontroller.
    Hardware(Hardware),
    /// A computer behind SSH.
    Ssh(Box<Station>),
}

/// The line to a board, whatever it is.
pub type AnyLine = Box<dyn Transport>;

impl Bench {
    /// Brings `image` and `model` to the board and lets it run; its log goes to the file `log`.
    /// What is sent from now on waits by `patience`.
    ///
    /// # Errors
    /// Those of [`Qemu::start`] or [`Probe::open`](crate::probe::Probe::open), [`flasher::flash`],
    /// [`Serial::open`] and [`LogReader::start`] for a microcontroller, those of [`Station::open`] and [`Station::deploy`] for a computer.
    pub fn start(
        (board, rig): (&Board, &Rig),
        image: &Image,
        model: &[u8],
        log: &Path,
        (patience, interrupt): (Patience, &Interrupt),
        watch: &Watch<'_>,
    ) -> Result<(Self, Link<AnyLine>)> {
        watch.begin(Stage::Start, 0);
        let (machine, line) = match board.memory() {
            Some(memory) if !board.is_virtual() => {
                let (work, limits) = ((model, log), (patience, interrupt));
                let board = (board, memory, rig);
                let (hardware, link) = Hardware::start(board, image, work, limits, watch)?;
                return Ok((Self(Machine::Hardware(hardware)), link));
            }
            Some(memory) => {
                let qemu = Qemu::start(board, interrupt)?;
                flash(qemu, memory, image, (model, log), watch)?
            }
            None => {
                let station = Station::open(board, log, interrupt)?;
                copy(station, image, model, watch)?
            }
        };
        let link = Link::new(line, patience, interrupt.clone());
        Ok((Self(machine), link))
    }

    /// Returns the way to the board's memory.
    pub fn flasher(&mut self) -> &mut dyn Flasher {
        match &mut self.0 {
            Machine::Qemu { qemu, .. } => &mut **qemu,
            Machine::Hardware(hardware) => &mut hardware.probe,
            Machine::Ssh(station) => &mut **station,
        }
    }

    /// Starts the board anew, with what is in its memory.
    ///
    /// # Errors
    /// Those of [`Flasher::reset`] and [`Flasher::resume`].
    pub fn restart(&mut self) -> Result<()> {
        let flasher = self.flasher();
        flasher.reset()?;
        flasher.resume()
    }

    /// Reports whether a line that breaks comes back by itself, as a
    /// [`SteadySerial`](crate::transport::SteadySerial) does.
    #[must_use]
    pub fn reopens_by_itself(&self) -> bool {
        matches!(&self.0, Machine::Hardware(hardware) if hardware.reopens_by_itself())
    }

    /// Opens the line to the board once more; the one before must be gone.
    ///
    /// # Errors
    /// Those of [`Serial::open`]; [`Error::Line`] where it comes back by itself.
    pub fn reopen(&mut self) -> Result<AnyLine> {
        match &mut self.0 {
            Machine::Qemu { qemu, .. } => Ok(Box::new(Serial::open(qemu.wire_port()?)?)),
            Machine::Hardware(hardware) => hardware.reopen(),
            Machine::Ssh(station) => Ok(Box::new(station.line())),
        }
    }

    /// Returns the emulator of a microcontroller and its log.
    pub(crate) fn qemu(&mut self) -> Option<(&mut Qemu, &LogReader)> {
        match &mut self.0 {
            Machine::Qemu { qemu, log } => Some((qemu, log)),
            Machine::Hardware(_) | Machine::Ssh(_) => None,
        }
    }

    /// Returns the computer behind SSH.
    pub(crate) fn station(&mut self) -> Option<&mut Station> {
        match &mut self.0 {
            Machine::Qemu { .. } | Machine::Hardware(_) => None,
            Machine::Ssh(station) => Some(station),
        }
    }

    /// Ends the board and returns its log.
    #[must_use]
    pub fn finish(self) -> Vec<Line> {
        match self.0 {
            Machine::Qemu { log, mut qemu } => {
                // The log before its port: what a closed pseudo-terminal holds is lost. A board
                // that still runs is stopped, or its log might never end.
                let _ = qemu.pause();
                let lines = log.finish();
                drop(qemu);
                lines
            }
            Machine::Hardware(hardware) => hardware.finish(),
            Machine::Ssh(station) => station.finish(),
        }
    }
}

/// Flashes a microcontroller and lets it run.
fn flash(
    mut qemu: Qemu,
    memory: &Microcontroller,
    image: &Image,
    (model, log): (&[u8], &Path),
    watch: &Watch<'_>,
) -> Result<(Machine, AnyLine)> {
    write(&mut qemu, memory, image, model, watch)?;
    qemu.reset()?;
    // Both ports before the first instruction: what is sent to a closed one is lost.
    let log = LogReader::start(qemu.log_port()?, &image.elf, &image.path, log)?;
    let line = Serial::open(qemu.wire_port()?)?;
    qemu.resume()?;
    let qemu = Box::new(qemu);
    Ok((Machine::Qemu { log, qemu }, Box::new(line)))
}

/// Writes firmware and model, and reads them back.
fn write(
    flasher: &mut dyn Flasher,
    memory: &Microcontroller,
    image: &Image,
    model: &[u8],
    watch: &Watch<'_>,
) -> Result<()> {
    let total = flasher::flash_work(image, model);
    watch.begin(Stage::Flash, total as u64);
    let mut done = 0;
    flasher::flash(flasher, memory, image, model, &mut |bytes| {
        done += bytes as u64;
        watch.reach(done);
    })?;
    watch.end();
    Ok(())
}

/// Copies agent and model to a computer and starts the agent.
fn copy(
    mut station: Station,
    image: &Image,
    model: &[u8],
    watch: &Watch<'_>,
) -> Result<(Machine, AnyLine)> {
    let driver = image.driver.as_ref().map_or(0, Vec::len);
    let total = image.elf.len() + model.len() + driver;
    watch.begin(Stage::Flash, total as u64);
    let mut done = 0;
    station.deploy(image, model, &mut |bytes| {
        done += bytes as u64;
        watch.reach(done);
    })?;
    watch.end();
    station.resume()?;
    let line = station.line();
    Ok((Machine::Ssh(Box::new(station)), Box::new(line)))
}

/// Checks that a board is the one that was flashed, with what was flashed, and computes floats as it
/// must.
///
/// # Errors
/// [`Error::Identity`] with the first fact that differs.
pub fn check_identity(
    info: &DeviceInfo,
    board: &Board,
    build_id: &[u8; 20],
    model_sha256: &[u8; 32],
) -> Result<()> {
    check_facts(info, board, build_id, model_sha256)?;
    check_float_mode(info)
}

/// Checks that a board is the one that was flashed, with what was flashed.
///
/// # Errors
/// [`Error::Identity`] with the first fact that differs.
pub fn check_facts(
    info: &DeviceInfo,
    board: &Board,
    build_id: &[u8; 20],
    model_sha256: &[u8; 32],
) -> Result<()> {
    same("name", info.board.clone(), board.name.clone())?;
    same(
        "build id",
        hex::encode(info.build_id),
        hex::encode(build_id),
    )?;
    let model = match &info.model {
        DeviceModel::Ready { sha256, .. } => hex::encode(sha256),
        DeviceModel::Refused { code, detail } => format!("refused ({detail}, code {code})"),
    };
    same("model", model, hex::encode(model_sha256))?;
    let arena = |bytes: u32| format!("{bytes} bytes");
    same("arena", arena(info.arena_bytes), arena(board.arena_bytes))?;
    if !info.backend.is_wanted(board.backend) {
        let wanted = board.backend.word().to_owned();
        same("backend", info.backend.describe(), wanted)?;
    }
    Ok(())
}

/// Checks that a board computes floats as the number contract has it: round to nearest, subnormals
/// kept, NaNs as they come.
///
/// # Errors
/// [`Error::Identity`].
pub fn check_float_mode(info: &DeviceInfo) -> Result<()> {
    let mode = |flags: u32| format!("{flags:#010x}");
    same("floating-point mode", mode(info.fp_flags), mode(0))
}

/// Compares a fact that a board tells with the host's.
fn same(what: &'static str, device: String, host: String) -> Result<()> {
    if device == host {
        return Ok(());
    }
    Err(Error::Identity {
        what,
        board: device,
        host,
    })
}
