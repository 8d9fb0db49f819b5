//! What a bare board supplies, and how the session sees it.

use core::cell::RefCell;

use mambalite_firmware_app::{self as app, Port};
use mambalite_firmware_image as image;

use crate::processor;

/// What a bare board supplies: a serial port, a number, and what it has beyond that.
pub trait Board {
    /// Clock of the core, hertz: what [`Board::cycles`] counts in a second.
    const CLOCK_HZ: u32;

    /// Returns the next byte that was received, `None` when there is none yet.
    ///
    /// While the network computes nobody asks, for seconds. The serial port, or a buffer that an
    /// interrupt or DMA fills, holds [`WINDOW_BYTES`](app::WINDOW_BYTES) with their frames
    /// meanwhile.
    fn read(&mut self) -> Option<u8>;

    /// Sends a byte if there is room; returns whether there was.
    fn write(&mut self, byte: u8) -> bool;

    /// Waits until a byte may have come; at once is right too. A board whose receive interrupt is
    /// enabled sleeps here.
    fn wait(&mut self) {}

    /// Returns the unique id of the chip, zeros where it has none.
    fn uid(&self) -> [u8; 16];

    /// Returns the cycles since some moment, `None` where the core does not count: the counter of
    /// the core unless a board knows better.
    fn cycles(&self) -> Option<u64> {
        processor::cycles()
    }

    /// Drives the gate pin, which is high while the network runs.
    fn gate(&mut self, on: bool) {
        let _ = on;
    }

    /// Sends a byte of the log if there is room; returns whether there was. Called with interrupts
    /// masked, while the board is in use: it has a port of its own. Without one the log is lost.
    fn log(byte: u8) -> bool {
        let _ = byte;
        true
    }

    /// Returns the time since some moment in milliseconds, for the log.
    fn uptime_ms() -> u32 {
        let per_ms = (Self::CLOCK_HZ / 1000).max(1);
        (processor::cycles().unwrap_or(0) / u64::from(per_ms)) as u32
    }

    /// Sends a byte to the host after a fault, on the port of [`Board::write`], whose owner never
    /// runs again; it waits for room. Without it the host waits for its time-out.
    fn last_words(byte: u8) {
        let _ = byte;
    }
}

/// The line of a board.
pub(crate) struct Line<'b, B>(pub(crate) &'b RefCell<B>);

impl<B: Board> Port for Line<'_, B> {
    fn read(&mut self) -> Option<u8> {
        let mut board = self.0.borrow_mut();
        loop {
            let byte = board.read();
            if byte.is_some() {
                return byte;
            }
            board.wait();
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut board = self.0.borrow_mut();
        for &byte in bytes {
            while !board.write(byte) {}
        }
    }
}

/// What a board tells of itself.
pub(crate) struct Facts<'b, B> {
    pub(crate) name: &'static str,
    pub(crate) board: &'b RefCell<B>,
}

impl<B: Board> app::Board for Facts<'_, B> {
    fn name(&self) -> &str {
        self.name
    }

    fn build_id(&self) -> [u8; 20] {
        image::build_id()
    }

    fn cpuid(&self) -> u32 {
        processor::cpuid()
    }

    fn uid(&self) -> [u8; 16] {
        self.board.borrow().uid()
    }

    fn float_flags(&self) -> u32 {
        processor::float_flags()
    }

    fn cycles(&self) -> Option<u64> {
        self.board.borrow().cycles()
    }

    fn clock_hz(&self) -> Option<u32> {
        Some(B::CLOCK_HZ)
    }

    fn stack_used_bytes(&self) -> u32 {
        image::stack_used_bytes()
    }

    fn stack_bytes(&self) -> u32 {
        image::stack_bytes()
    }

    fn gate(&self, on: bool) {
        self.board.borrow_mut().gate(on);
    }
}
