//! What a board supplies.

use mambalite_hil_wire::{Backend, Reading};

/// The line to the host.
pub trait Port {
    /// Waits for the next byte; `None` when the line is closed for good, which no board does.
    ///
    /// Between two calls the network may compute for seconds. The port, or the line behind it,
    /// holds at least [`WINDOW_BYTES`](crate::WINDOW_BYTES) of picture in their frames meanwhile.
    fn read(&mut self) -> Option<u8>;

    /// Sends bytes, and waits for room where there is none.
    fn write(&mut self, bytes: &[u8]);

    /// Returns the control of the rate, where it can be changed.
    fn rate(&mut self) -> Option<&mut dyn Rate> {
        None
    }
}

/// A line whose rate can be changed.
pub trait Rate {
    /// Returns the rate at start-up, baud.
    fn start_baud(&self) -> u32;

    /// Tells whether the line has a rate; the one at start-up it has.
    fn has_baud(&self, baud: u32) -> bool;

    /// Goes over to a rate that the line has, once all that was written is out.
    fn set_baud(&mut self, baud: u32);

    /// Returns milliseconds that rise from some moment on, and wrap.
    fn now_ms(&self) -> u32;

    /// Looks for a byte; it may wait for about a millisecond.
    fn poll(&mut self) -> Poll;
}

/// What a look at the line found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// A byte.
    Byte(u8),
    /// Nothing so far.
    Nothing,
    /// The line is closed for good.
    Closed,
}

/// What a board tells of itself.
pub trait Board {
    /// Returns the name, as in `board.toml`.
    fn name(&self) -> &str;

    /// Returns the build id that the linker gave the firmware.
    fn build_id(&self) -> [u8; 20];

    /// Returns the CPUID register of the core.
    fn cpuid(&self) -> u32;

    /// Returns the unique id of the chip, zeros where it has none.
    fn uid(&self) -> [u8; 16];

    /// Returns the mode bits of FPSCR; 0 is the mode of the number contract.
    fn float_flags(&self) -> u32;

    /// Returns the core cycles since some moment, or the instructions where an emulator has no
    /// cycles; `None` where the board can count neither.
    fn cycles(&self) -> Option<u64>;

    /// Returns what [`Board::cycles`] counts in a second of the board's own time, hertz; `None`
    /// where an operating system changes the clock at will.
    fn clock_hz(&self) -> Option<u32> {
        None
    }

    /// Returns the most bytes of the stack in use at any time since reset.
    fn stack_used_bytes(&self) -> u32;

    /// Returns the size of the stack in bytes, 0 where an operating system sees to it.
    fn stack_bytes(&self) -> u32;

    /// Drives the gate pin, which a power meter samples beside the current. It is high from the
    /// first row that the network runs on to the end of the last one: one pulse a job. A board
    /// without such a pin does nothing.
    fn gate(&self, on: bool) {
        let _ = on;
    }

    /// Returns what runs the network.
    fn backend(&self) -> Backend<'_> {
        Backend::Cpu { note: "" }
    }

    /// Shows each sensor; with `restart` the samples so far are forgotten afterwards. A board
    /// without sensors shows none.
    fn sensors(&self, restart: bool, show: &mut dyn FnMut(Sensor<'_>)) {
        let _ = (restart, show);
    }
}

/// One sensor of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sensor<'a> {
    /// Number of the sensor, from 0.
    pub index: u16,
    /// Sensors there are.
    pub count: u16,
    /// Time that the samples come from, milliseconds.
    pub window_ms: u32,
    /// What it shows.
    pub reading: Reading<'a>,
}
