//! Frames through the debug probe: a pair of RTT channels that the thread of the probe serves.

use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use super::Transport;
use super::queue::{Inward, QUEUE, Queues};
use crate::error::Result;

/// The line of a board whose frames go through its debug probe; made by
/// [`Probe::line`](crate::probe::Probe::line).
#[derive(Debug)]
pub struct RttLine(Queues);

/// The ends of an [`RttLine`] that the thread of the probe has.
#[derive(Debug)]
pub(crate) struct RttEnds {
    /// What goes to the board.
    pub(crate) to_board: Receiver<Vec<u8>>,
    /// What comes from it.
    pub(crate) from_board: std::sync::mpsc::Sender<Inward>,
}

impl RttLine {
    /// Makes a line, and the ends for the thread.
    pub(crate) fn new() -> (Self, RttEnds) {
        let (to, to_board): (SyncSender<_>, _) = std::sync::mpsc::sync_channel(QUEUE);
        let (from_board, from) = std::sync::mpsc::channel();
        let ends = RttEnds {
            to_board,
            from_board,
        };
        (Self(Queues::new(to, from)), ends)
    }
}

impl Transport for RttLine {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        self.0.send(bytes, deadline)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        self.0.receive(buffer, wait)
    }
}
