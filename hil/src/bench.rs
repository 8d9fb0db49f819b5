//! A virtual board, flashed, running and introduced.

use std::path::Path;

use crate::board::Board;
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::flasher::{self, Flasher};
use crate::interrupt::Interrupt;
use crate::link::{DeviceInfo, DeviceModel, Link, Patience};
use crate::log::{Line, LogReader};
use crate::observer::{Observer, Stage};
use crate::qemu::Qemu;
use crate::transport::Serial;

/// A board on the bench. Dropping it ends its emulator.
#[derive(Debug)]
pub struct Bench {
    log: LogReader,
    qemu: Qemu,
}

impl Bench {
    /// Starts the emulator of `board`, flashes `image` and `model`, and lets the board run; its
    /// log goes to the file `log`.
    ///
    /// # Errors
    /// Those of [`Qemu::start`], [`flasher::flash`], [`Serial::open`] and [`LogReader::start`].
    pub fn start(
        board: &Board,
        image: &Image,
        model: &[u8],
        log: &Path,
        interrupt: &Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Link<Serial>)> {
        let mut qemu = Qemu::start(board, interrupt)?;
        let total = flasher::flash_work(image, model);
        observer.begin(&board.name, Stage::Flash, total as u64);
        let mut done = 0;
        flasher::flash(&mut qemu, board, image, model, &mut |bytes| {
            done += bytes as u64;
            observer.reach(done);
        })?;
        observer.end();
        qemu.reset()?;
        // Both ports before the first instruction: what is sent to a closed one is lost.
        let log = LogReader::start(qemu.log_port()?, &image.elf, &image.path, log)?;
        let line = Serial::open(qemu.wire_port()?)?;
        qemu.resume()?;
        let link = Link::new(line, Patience::default(), interrupt.clone());
        Ok((Self { log, qemu }, link))
    }

    /// Returns the way to the board's memory.
    pub fn flasher(&mut self) -> &mut dyn Flasher {
        &mut self.qemu
    }

    /// Ends the board and returns its log.
    #[must_use]
    pub fn finish(self) -> Vec<Line> {
        self.log.finish()
    }
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
    // The number contract: round to nearest, denormals kept, NaNs as they come.
    let mode = |flags: u32| format!("{flags:#010x}");
    same("floating-point mode", mode(info.fp_flags), mode(0))
}
