//! The log: defmt frames (rzCOBS) on UART 1.
//!
//! A log that nobody reads must not stop the wire. A byte that finds no room for a while is
//! dropped with the rest of its frame; the reader sees one damaged frame and goes on.

#![expect(unsafe_code, reason = "defmt's logger is a global with unsafe hooks")]

use core::cell::UnsafeCell;

use critical_section::RestoreState;
use mambalite_firmware_cmsdk_uart::Uart;

use crate::map;

/// Divider for 115,200 baud at the 25 MHz of the board; QEMU ignores it.
const DIVIDER: u32 = 217;

/// Looks at a full transmitter before a frame is given up: about 10 ms, a hundred byte times.
const PATIENCE: u32 = 50_000;

/// Ends a frame on the line.
const FRAME_END: u8 = 0;

struct State {
    uart: Uart,
    encoder: defmt::Encoder,
    restore: RestoreState,
    /// The frame being written lost a byte.
    truncated: bool,
    /// The line stood still when last tried; do not wait for it again.
    stalled: bool,
}

/// The state of the log, entered between `acquire` and `release` only.
struct Log(UnsafeCell<State>);

// SAFETY: `State` is used inside the critical section that `acquire` opens and `release` closes,
// and by `start` before anything is logged.
unsafe impl Sync for Log {}

static LOG: Log = Log(UnsafeCell::new(State {
    // SAFETY: the only other owner is the fault handler, which goes through this one.
    uart: unsafe { map::log_uart() },
    encoder: defmt::Encoder::new(),
    restore: RestoreState::invalid(),
    truncated: false,
    stalled: false,
}));

defmt::timestamp!("{=u32:ms}", map::uptime_ms());

/// Starts the UART of the log. Called once, before the first message.
pub(crate) fn start() {
    // SAFETY: nothing has been logged yet and there is one thread.
    let state = unsafe { &mut *LOG.0.get() };
    state.uart.start(DIVIDER);
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
            uart,
            encoder,
            truncated,
            stalled,
            ..
        } = state;
        encoder.start_frame(|bytes| send(uart, bytes, truncated, stalled));
    }

    unsafe fn flush() {}

    unsafe fn release() {
        // SAFETY: inside the critical section of `acquire`.
        let state = unsafe { &mut *LOG.0.get() };
        let State {
            uart,
            encoder,
            truncated,
            stalled,
            restore,
        } = state;
        encoder.end_frame(|bytes| send(uart, bytes, truncated, stalled));
        let restore = *restore;
        // SAFETY: pairs with `acquire`.
        unsafe { critical_section::release(restore) };
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: inside the critical section of `acquire`.
        let state = unsafe { &mut *LOG.0.get() };
        let State {
            uart,
            encoder,
            truncated,
            stalled,
            ..
        } = state;
        encoder.write(bytes, |bytes| send(uart, bytes, truncated, stalled));
    }
}

impl State {
    /// Ends the frame that was cut short, so that the next one is whole again.
    fn finish_truncated(&mut self) {
        if self.truncated {
            self.truncated = false;
            send(
                &mut self.uart,
                &[FRAME_END],
                &mut self.truncated,
                &mut self.stalled,
            );
        }
    }
}

/// Sends bytes of a frame, or gives the frame up when the line stands still.
fn send(uart: &mut Uart, bytes: &[u8], truncated: &mut bool, stalled: &mut bool) {
    for &byte in bytes {
        if *truncated {
            return;
        }
        let looks = if *stalled { 1 } else { PATIENCE };
        let sent = (0..looks).any(|_| uart.write(byte));
        *stalled = !sent;
        *truncated = !sent;
    }
}
