//! RTT: buffers in the board's RAM that the probe reads and fills while the board runs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use object::{Object, ObjectSymbol};

use super::{Chip, ProbeError};
use crate::error::{Error, Result};
use crate::transport::RttEnds;

/// Channel of the frames, both ways.
pub const FRAMES: usize = 0;
/// Channel of the defmt log, from the board.
pub const LOG: usize = 1;

/// Symbol of the control block.
const SYMBOL: &str = "_SEGGER_RTT";

/// What is written over the first word of a control block that a reset has made stale: RAM keeps
/// it, with the counts of the former run.
const STALE: u32 = 0xdead_c0de;

/// From the start of the firmware to its control block.
const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes read at once.
const PIECE: usize = 4096;

/// Returns the address of the control block of an image.
///
/// # Errors
/// [`Error::Image`] when it is no ELF file, [`ProbeError::NoRtt`] when it has no such symbol.
pub fn control_block(elf: &[u8], path: &Path) -> Result<u32> {
    let file = object::File::parse(elf).map_err(|cause| Error::Image {
        path: path.to_owned(),
        cause: format!("no ELF file: {cause}"),
    })?;
    let symbol = file
        .symbols()
        .find(|it| it.name() == Ok(SYMBOL) && it.is_definition());
    let address = symbol.and_then(|it| u32::try_from(it.address()).ok());
    address.ok_or_else(|| {
        let cause = format!("`{}` has no symbol `{SYMBOL}`", path.display());
        ProbeError::NoRtt { cause }.into()
    })
}

/// Carries bytes between the queues of the harness and the buffers of the board.
#[derive(Debug)]
pub(super) struct Carrier {
    address: u32,
    ends: RttEnds,
    /// Bytes on their way to the board.
    pending: Vec<u8>,
    log: SyncSender<Vec<u8>>,
    log_dropped: Arc<AtomicU64>,
    state: State,
}

/// Where the board's control block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There may be a stale one.
    Unknown,
    /// The board has run since this moment and makes it.
    Awaited(Instant),
    /// It was read.
    Attached,
    /// Nothing is carried any more.
    Failed,
}

impl Carrier {
    /// Makes the carrier of a control block; it waits for the board to be started.
    pub(super) fn new(
        address: u32,
        ends: RttEnds,
        log: SyncSender<Vec<u8>>,
        log_dropped: Arc<AtomicU64>,
    ) -> Self {
        Self {
            address,
            ends,
            pending: Vec::new(),
            log,
            log_dropped,
            state: State::Unknown,
        }
    }

    /// Makes the control block of a chip that was reset and is halted unreadable.
    pub(super) fn spoil(&mut self, chip: &mut dyn Chip) -> Result<()> {
        self.state = State::Unknown;
        // What was meant for the firmware before the reset is no good to the next.
        self.pending.clear();
        chip.write_word(self.address, STALE)
    }

    /// The board runs from now on.
    pub(super) fn resumed(&mut self) {
        if self.state == State::Unknown {
            self.state = State::Awaited(Instant::now());
        }
    }

    /// Carries what there is; returns whether there was anything. An error is told to the line.
    pub(super) fn carry(&mut self, chip: &mut dyn Chip) -> bool {
        let carried = match self.state {
            State::Unknown | State::Failed => return false,
            State::Awaited(since) => self.attach(chip, since).map(|()| false),
            State::Attached => self.move_bytes(chip),
        };
        carried.unwrap_or_else(|error| {
            self.state = State::Failed;
            // A line that is gone asks for nothing.
            let _ = self.ends.from_board.send(Err(std::io::Error::other(error)));
            false
        })
    }

    fn attach(&mut self, chip: &mut dyn Chip, since: Instant) -> Result<()> {
        if chip.attach_rtt(self.address)? {
            self.state = State::Attached;
            return Ok(());
        }
        if since.elapsed() < PATIENCE {
            return Ok(());
        }
        let cause = format!(
            "the firmware made none at {:#010x} within {} s of its start",
            self.address,
            PATIENCE.as_secs()
        );
        Err(ProbeError::NoRtt { cause }.into())
    }

    fn move_bytes(&mut self, chip: &mut dyn Chip) -> Result<bool> {
        let mut buffer = vec![0; PIECE];
        let n = chip.read_rtt(FRAMES, &mut buffer)?;
        let mut moved = n;
        if n > 0 {
            buffer.truncate(n);
            let _ = self.ends.from_board.send(Ok(buffer));
            buffer = vec![0; PIECE];
        }
        let n = chip.read_rtt(LOG, &mut buffer)?;
        moved += n;
        if n > 0 {
            buffer.truncate(n);
            // The log never holds the frames up.
            if self.log.try_send(buffer).is_err() {
                self.log_dropped.fetch_add(n as u64, Ordering::Relaxed);
            }
        }
        if self.pending.is_empty() {
            match self.ends.to_board.try_recv() {
                Ok(piece) => self.pending = piece,
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
            }
        }
        if !self.pending.is_empty() {
            let n = chip
                .write_rtt(FRAMES, &self.pending)?
                .min(self.pending.len());
            self.pending.drain(..n);
            moved += n;
        }
        Ok(moved > 0)
    }
}
