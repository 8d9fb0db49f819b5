//! The thread of a probe.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::Chip;
use super::rtt::Carrier;
use crate::board::Microcontroller;
use crate::error::{Error, Result};

/// Pause after a look at buffers in which nothing was.
const PAUSE: Duration = Duration::from_millis(1);

/// Bytes read back at once.
const VERIFY_PIECE: usize = 4096;

/// Something to be done.
pub(super) type Work = Box<dyn FnOnce(&mut Desk) + Send>;

/// What the thread has.
pub(super) struct Desk {
    /// The chip.
    pub(super) chip: Box<dyn Chip>,
    /// RTT, where it carries the frames.
    pub(super) carrier: Option<Carrier>,
    /// The memory, where the flash may be elsewhere for the probe.
    pub(super) memory: Option<Microcontroller>,
}

impl Desk {
    /// Takes a chip.
    pub(super) fn new(chip: Box<dyn Chip>) -> Self {
        Self {
            chip,
            carrier: None,
            memory: None,
        }
    }

    /// Makes the memory at `address`, the core's, hold `bytes`.
    pub(super) fn program(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let at = self.elsewhere(address, bytes.len()).unwrap_or(address);
        self.chip.program(at, bytes, progress)
    }

    /// Compares the memory at `address`, the core's, with `bytes`. The core sees flash that is elsewhere
    /// for the probe through a cache and once its boot ROM has mapped it: what programs it reads it.
    pub(super) fn verify(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let Some(at) = self.elsewhere(address, bytes.len()) else {
            return verify(&mut *self.chip, address, bytes, progress);
        };
        if !self.chip.is_programmed(at, bytes)? {
            return Err(Error::Flash {
                address,
                len: bytes.len(),
                cause: "read back something else than was written".to_owned(),
            });
        }
        progress(bytes.len());
        Ok(())
    }

    /// Returns where the probe has a piece of flash, if that is elsewhere.
    fn elsewhere(&self, address: u32, len: usize) -> Option<u32> {
        self.memory.as_ref()?.probe_address(address, len)
    }

    /// Resets the chip and halts it.
    pub(super) fn reset(&mut self) -> Result<()> {
        self.chip.reset()?;
        match &mut self.carrier {
            Some(carrier) => carrier.spoil(&mut *self.chip),
            None => Ok(()),
        }
    }

    /// Lets the chip run.
    pub(super) fn resume(&mut self) -> Result<()> {
        self.chip.resume()?;
        if let Some(carrier) = &mut self.carrier {
            carrier.resumed();
        }
        Ok(())
    }
}

/// Does what is to be done until nobody can ask any more, and carries RTT between.
pub(super) fn run(mut desk: Desk, orders: &Receiver<Work>) {
    let mut pause = PAUSE;
    loop {
        let order = if desk.carrier.is_some() {
            orders.recv_timeout(pause)
        } else {
            orders.recv().map_err(RecvTimeoutError::from)
        };
        match order {
            Ok(work) => work(&mut desk),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let Some(carrier) = &mut desk.carrier {
            let busy = carrier.carry(&mut *desk.chip);
            pause = if busy { Duration::ZERO } else { PAUSE };
        }
    }
}

/// Reads `bytes.len()` bytes back and compares.
fn verify(
    chip: &mut dyn Chip,
    address: u32,
    bytes: &[u8],
    progress: &mut dyn FnMut(usize),
) -> Result<()> {
    let mut at = address;
    for piece in bytes.chunks(VERIFY_PIECE) {
        let mut found = vec![0; piece.len()];
        chip.read(at, &mut found)?;
        if let Some(first) = found.iter().zip(piece).position(|(a, b)| a != b) {
            let (place, [a, b]) = (
                first as u32,
                [&found, piece].map(|it| it.get(first).copied()),
            );
            return Err(Error::Flash {
                address: at.wrapping_add(place),
                len: 1,
                cause: format!("read back {a:02x?}, written was {b:02x?}"),
            });
        }
        progress(piece.len());
        at = at.wrapping_add(piece.len() as u32);
    }
    Ok(())
}
