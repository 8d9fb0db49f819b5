//! The log: defmt frames (rzCOBS) on a port of their own.
//!
//! A log that nobody reads must not stop the wire. A byte that finds no room for a while is
//! dropped with the rest of its frame; the reader sees one damaged frame and goes on.

#![expect(unsafe_code, reason = "defmt's logger is a global with unsafe hooks")]

use core::cell::UnsafeCell;

use critical_section::RestoreState;

/// Looks at a full transmitter before a frame is given up: about 10 ms, a hundred byte times.
const PATIENCE: u32 = 50_000;

/// Ends a frame on the line.
const FRAME_END: u8 = 0;

/// What the log needs of a board.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// Sends a byte on the log's port if there is room; returns whether there was.
    pub write: fn(u8) -> bool,
    /// Returns the time since reset, milliseconds.
    pub uptime_ms: fn() -> u32,
}

/// The board until it has started: what is logged before is lost.
const NO_BOARD: Board = Board {
    write: |_| true,
    uptime_ms: || 0,
};

struct State {
    board: Board,
    encoder: defmt::Encoder,
    restore: RestoreState,
    /// The frame being written lost a byte.
    truncated: bool,
    /// The line stood still when last tried; do not wait for it again.
    stalled: bool,
}

/// The state of the log, entered between `acquire` and `release` only.
struct Log(UnsafeCell<State>);

// SAFETY: `State` is used inside the critical section that `acquire` opens and `release` closes, or
// in one of its own.
unsafe impl Sync for Log {}

static LOG: Log = Log(UnsafeCell::new(State {
    board: NO_BOARD,
    encoder: defmt::Encoder::new(),
    restore: RestoreState::invalid(),
    truncated: false,
    stalled: false,
}));

defmt::timestamp!("{=u32:ms}", uptime_ms());

/// Sends the log to a board's port, which has been started. Called before the first message.
pub fn start(board: Board) {
    critical_section::with(|_| {
        // SAFETY: inside a critical section.
        let state = unsafe { &mut *LOG.0.get() };
        state.board = board;
    });
}

/// Called by defmt, between `acquire` and `release`.
fn uptime_ms() -> u32 {
    // SAFETY: inside the critical section of `acquire`, where no other reference is in use.
    let board = unsafe { (*LOG.0.get()).board };
    (board.uptime_ms)()
}

#[defmt::global_logger]
struct Logger;

// SAFETY: `acquire` takes a critical section that `release` gives back; defmt calls them in pairs.
unsafe impl defmt::Logger for Logger {
    fn acquire() {
        // SAFETY: given back in `release`.
        let restore = unsafe { critical_section::acquire() };
        // SAFETY: inside the critical section; defmt does not nest messages.
        let state = unsafe { &mut *LOG.0.get() };
        state.restore = restore;
        state.finish_truncated();
        let State {
            board,
            encoder,
            truncated,
            stalled,
            ..
        } = state;
        encoder.start_frame(|bytes| send(*board, bytes, truncated, stalled));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: inside the critical section of `acquire`.
        let state = unsafe { &mut *LOG.0.get() };
        let State {
            board,
            encoder,
            truncated,
            stalled,
            restore,
        } = state;
        encoder.end_frame(|bytes| send(*board, bytes, truncated, stalled));
        let restore = *restore;
        // SAFETY: pairs with `acquire`.
        unsafe { critical_section::release(restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: inside the critical section of `acquire`.
        let state = unsafe { &mut *LOG.0.get() };
        let State {
            board,
            encoder,
            truncated,
            stalled,
            ..
        } = state;
        encoder.write(bytes, |bytes| send(*board, bytes, truncated, stalled));
    }
}

impl State {
    /// Ends the frame that was cut short, so that the next one is whole again.
    fn finish_truncated(&mut self) {
        if self.truncated {
            self.truncated = false;
            send(
                self.board,
                &[FRAME_END],
                &mut self.truncated,
                &mut self.stalled,
            );
        }
    }
}

/// Sends bytes of a frame, or gives the frame up when the line stands still.
fn send(board: Board, bytes: &[u8], truncated: &mut bool, stalled: &mut bool) {
    for &byte in bytes {
        if *truncated {
            return;
        }
        let looks = if *stalled { 1 } else { PATIENCE };
        let sent = (0..looks).any(|_| (board.write)(byte));
        *stalled = !sent;
        *truncated = !sent;
    }
}
