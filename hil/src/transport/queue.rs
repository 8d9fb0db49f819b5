//! The caller's side of a line that threads serve: one queue each way.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::pipe::take_front;
use crate::error::{Error, Result};

/// Largest piece given to a thread at once. A port's time limit holds only up to the first byte of
/// a write, so large writes can block for seconds.
const PIECE: usize = 1024;

/// Pieces that may wait between the caller and the line.
pub(super) const QUEUE: usize = 8;

/// What a thread brings: bytes, or why there will be no more.
pub(crate) type Inward = std::io::Result<Vec<u8>>;

/// Both queues. The one outwards is bounded; the one inwards is not, since reading must never wait
/// for the caller.
#[derive(Debug)]
pub(super) struct Queues {
    to: SyncSender<Vec<u8>>,
    from: Receiver<Inward>,
    rest: Vec<u8>,
}

impl Queues {
    /// Takes the caller's ends.
    pub(super) fn new(to: SyncSender<Vec<u8>>, from: Receiver<Inward>) -> Self {
        let rest = Vec::new();
        Self { to, from, rest }
    }

    /// As [`Transport::send`](super::Transport::send).
    pub(super) fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let start = Instant::now();
        for piece in bytes.chunks(PIECE) {
            let mut piece = piece.to_vec();
            loop {
                match self.to.try_send(piece) {
                    Ok(()) => break,
                    Err(TrySendError::Disconnected(_)) => return Err(gone()),
                    Err(TrySendError::Full(_)) if start.elapsed() > deadline => {
                        return Err(Error::Timeout {
                            what: "the board to read",
                            after: deadline,
                        });
                    }
                    Err(TrySendError::Full(back)) => {
                        piece = back;
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        }
        Ok(())
    }

    /// As [`Transport::receive`](super::Transport::receive).
    pub(super) fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let start = Instant::now();
        while self.rest.is_empty() {
            match self.from.recv_timeout(wait.saturating_sub(start.elapsed())) {
                Ok(Ok(piece)) => self.rest = piece,
                Ok(Err(cause)) => return Err(Error::line(cause)),
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => return Err(gone()),
            }
        }
        Ok(take_front(&mut self.rest, buffer))
    }
}

fn gone() -> Error {
    Error::line("the port is closed (board gone?)")
}
