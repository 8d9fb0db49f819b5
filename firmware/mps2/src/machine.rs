//! Where an image has what: the facts that the boards differ in, and the registers behind them.

#![expect(unsafe_code, reason = "memory-mapped registers")]

use core::cell::Cell;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use critical_section::Mutex;
use mambalite_firmware_cmsdk_uart::Uart;

/// Rate of the UARTs, baud; QEMU ignores it.
pub(crate) const BAUD: u32 = 115_200;

/// Registers of the FPGA I/O block: the LEDs, of which the first is the gate pin, a counter of 100 Hz,
/// and one of the board's clock.
const LED0: u32 = 0x00;
const CLK100HZ: u32 = 0x14;
const COUNTER: u32 = 0x18;
/// Registers of the system configuration: number and revision of the application note, id of the
/// image.
const AID: u32 = 0xff8;
const ID: u32 = 0xffc;

/// Milliseconds of one count of the 100 Hz counter.
const CLK100HZ_MS: u32 = 10;

/// Facts of an image, from `board.toml`. Addresses are those of the state that the core starts in.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Name of the board.
    pub name: &'static str,
    /// CMSDK UART of the wire protocol.
    pub wire_uart: u32,
    /// Its receive interrupt.
    pub wire_interrupt: u32,
    /// CMSDK UART of the log.
    pub log_uart: u32,
    /// FPGA I/O block.
    pub fpga_io: u32,
    /// System configuration.
    pub system_config: u32,
    /// Clock of the UARTs, hertz.
    pub clock_hz: u32,
    /// Period of the counter in the FPGA I/O block, nanoseconds.
    pub counter_ns: u32,
    /// Time that the emulator lets pass for each instruction, nanoseconds: a power of two above
    /// twice `counter_ns`, so that the counter tells instructions apart.
    pub instruction_ns: u32,
}

/// The board that runs, for the log and for faults.
static RUNNING: Mutex<Cell<Option<Machine>>> = Mutex::new(Cell::new(None));

/// Notes the board that runs.
pub(crate) fn set_running(machine: Machine) {
    critical_section::with(|section| RUNNING.borrow(section).set(Some(machine)));
}

/// Returns the board that runs; `None` before it has started.
pub(crate) fn running() -> Option<Machine> {
    critical_section::with(|section| RUNNING.borrow(section).get())
}

impl Machine {
    /// Takes the UART of the wire.
    ///
    /// # Safety
    /// It is taken once, or the former owner never runs again.
    pub(crate) unsafe fn wire(&self) -> Option<Uart> {
        // SAFETY: the caller's promise.
        unsafe { uart(self.wire_uart) }
    }

    /// Takes the UART of the log.
    ///
    /// # Safety
    /// No two values are used at a time.
    pub(crate) unsafe fn log(&self) -> Option<Uart> {
        // SAFETY: the caller's promise.
        unsafe { uart(self.log_uart) }
    }

    /// Returns the divider of the UARTs' clock.
    pub(crate) fn divider(&self) -> u32 {
        self.clock_hz / BAUD
    }

    /// Drives the gate pin: lights the first LED, or puts all of them out.
    pub(crate) fn drive_gate(&self, on: bool) {
        write(self.fpga_io + LED0, on.into());
    }

    /// Returns the time since reset in milliseconds, in steps of ten. It is the emulator's time,
    /// which passes while instructions are executed and not while the core sleeps.
    pub(crate) fn uptime_ms(&self) -> u32 {
        self.clock_100hz().wrapping_mul(CLK100HZ_MS)
    }

    /// Returns the counter of 100 Hz.
    pub(crate) fn clock_100hz(&self) -> u32 {
        read(self.fpga_io + CLK100HZ)
    }

    /// Returns the counts of the counter in one of the counter of 100 Hz.
    pub(crate) fn ticks_per_100hz(&self) -> u64 {
        u64::from(CLK100HZ_MS * 1_000_000 / self.counter_ns)
    }

    /// Returns the counter, in periods of `counter_ns`.
    pub(crate) fn counter(&self) -> u32 {
        read(self.fpga_io + COUNTER)
    }

    /// Returns the id of the FPGA image, and number and revision of its application note.
    pub(crate) fn image_id(&self) -> [u32; 2] {
        [
            read(self.system_config + ID),
            read(self.system_config + AID),
        ]
    }
}

/// Takes a UART.
///
/// # Safety
/// The address is that of a CMSDK UART; no two values of one are used at a time.
unsafe fn uart(address: u32) -> Option<Uart> {
    let registers = NonNull::new(with_exposed_provenance_mut(address as usize))?;
    // SAFETY: the caller's promise.
    Some(unsafe { Uart::new(registers) })
}

/// Reads a register of a block that `Machine` places.
fn read(address: u32) -> u32 {
    let register = with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: the registers read here are readable at any time and reading has no effect.
    unsafe { register.read_volatile() }
}

/// Writes a register of a block that `Machine` places.
fn write(address: u32, value: u32) {
    let register = with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: only the LEDs are written, which change no memory.
    unsafe { register.write_volatile(value) };
}
