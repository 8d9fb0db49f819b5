//! A board that has its firmware and model, runs and is introduced.

use std::path::Path;

use crate::board::{Board, Microcontroller};
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::flasher::{self, Flasher};
use crate::interrupt::Interrupt;
use crate::link::{DeviceInfo, DeviceModel, Link};
use crate::log::{Line, LogReader};
use crate::observer::Observer;
use crate::qemu::Qemu;
use crate::ssh::Station;
use crate::transport::{Serial, Transport};
use crate::verdict::Stage;

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
    /// A computer behind SSH.
    Ssh(Box<Station>),
}

/// The line to a board, whatever it is.
pub type AnyLine = Box<dyn Transport>;

impl Bench {
    /// Brings `image` and `model` to the board and lets it run; its log goes to the file `log`.
    ///
    /// # Errors
    /// Those of [`Qemu::start`], [`flasher::flash`], [`Serial::open`] and [`LogReader::start`] for
    /// a microcontroller, those of [`Station::open`] and [`Station::deploy`] for a computer.
    pub fn start(
        board: &Board,
        image: &Image,
        model: &[u8],
        log: &Path,
        interrupt: &Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Link<AnyLine>)> {
        let (machine, line) = match board.memory() {
            Some(memory) => {
                let qemu = Qemu::start(board, interrupt)?;
                flash(qemu, (board, memory), image, (model, log), observer)?
            }
            None => {
                let station = Station::open(board, log, interrupt)?;
                copy(station, board, image, model, observer)?
            }
        };
        let link = Link::new(line, board.backend.patience(), interrupt.clone());
        Ok((Self(machine), link))
    }

    /// Returns the way to the board's memory.
    pub fn flasher(&mut self) -> &mut dyn Flasher {
        match &mut self.0 {
            Machine::Qemu { qemu, .. } => &mut **qemu,
            Machine::Ssh(station) => &mut **station,
        }
    }

    /// Ends the board and returns its log.
    #[must_use]
    pub fn finish(self) -> Vec<Line> {
        match self.0 {
            Machine::Qemu { log, qemu } => {
                drop(qemu);
                log.finish()
            }
            Machine::Ssh(station) => station.finish(),
        }
    }
}

/// Flashes a microcontroller and lets it run.
fn flash(
    mut qemu: Qemu,
    (board, memory): (&Board, &Microcontroller),
    image: &Image,
    (model, log): (&[u8], &Path),
    observer: &mut dyn Observer,
) -> Result<(Machine, AnyLine)> {
    let total = flasher::flash_work(image, model);
    observer.begin(&board.name, Stage::Flash, total as u64);
    let mut done = 0;
    flasher::flash(&mut qemu, memory, image, model, &mut |bytes| {
        done += bytes as u64;
        observer.reach(done);
    })?;
    observer.end();
    qemu.reset()?;
    // Both ports before the first instruction: what is sent to a closed one is lost.
    let log = LogReader::start(qemu.log_port()?, &image.elf, &image.path, log)?;
    let line = Serial::open(qemu.wire_port()?)?;
    qemu.resume()?;
    let qemu = Box::new(qemu);
    Ok((Machine::Qemu { log, qemu }, Box::new(line)))
}

/// Copies agent and model to a computer and starts the agent.
fn copy(
    mut station: Station,
    board: &Board,
    image: &Image,
    model: &[u8],
    observer: &mut dyn Observer,
) -> Result<(Machine, AnyLine)> {
    let driver = image.driver.as_ref().map_or(0, Vec::len);
    let total = image.elf.len() + model.len() + driver;
    observer.begin(&board.name, Stage::Flash, total as u64);
    let mut done = 0;
    station.deploy(image, model, &mut |bytes| {
        done += bytes as u64;
        observer.reach(done);
    })?;
    observer.end();
    station.resume()?;
    let line = station.line();
    Ok((Machine::Ssh(Box::new(station)), Box::new(line)))
}

/// Checks that a board is the one that was flashed, with what was flashed.
///
/// # Errors
/// [`Error::Identity`] with the first fact that differs.
pub fn check_identity(
    info: &DeviceInfo,
    board: &Board,
    build_id: &[u8; 20],
    model_sha256: &[u8; 32],
) -> Result<()> {
    let same = |what, device: String, host: String| {
        if device == host {
            return Ok(());
        }
        Err(Error::Identity {
            what,
            board: device,
            host,
        })
    };
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
    // The number contract: round to nearest, denormals kept, NaNs as they come.
    let mode = |flags: u32| format!("{flags:#010x}");
    same("floating-point mode", mode(info.fp_flags), mode(0))
}
