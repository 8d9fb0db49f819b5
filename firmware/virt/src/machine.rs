//! Where the machine has what.

#![expect(unsafe_code, reason = "memory-mapped registers")]

use core::cell::Cell;
use core::ptr::{NonNull, with_exposed_provenance_mut};

use critical_section::Mutex;
use mambalite_firmware_ns16550_uart::Uart;
use mambalite_firmware_riscv as core_facts;

/// Rate of the UARTs, baud; QEMU ignores it.
const BAUD: u32 = 115_200;
/// Clock periods of the UART in a bit.
const OVERSAMPLING: u32 = 16;
/// Counts of the machine's time in a millisecond.
const TIME_PER_MS: u64 = 10_000;

/// Registers of the interrupt controller for hart 0 in machine mode: enable bits, claim.
const ENABLE: u32 = 0x2000;
const CLAIM: u32 = 0x20_0004;

/// Registers of a device on the PCI bus: command, first base address.
const PCI_COMMAND: u32 = 0x04;
const PCI_BASE: u32 = 0x10;
/// Command bit: answer at I/O ports.
const PCI_COMMAND_IO: u32 = 1 << 0;

/// Facts of the machine, from `board.toml`.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// NS16550A of the wire protocol.
    pub wire_uart: u32,
    /// Its interrupt.
    pub wire_interrupt: u32,
    /// Where the NS16550A of the log shall be, in the window of I/O ports.
    pub log_uart: u32,
    /// The window.
    pub pci_io: u32,
    /// Configuration of the log's UART on the PCI bus.
    pub pci_config: u32,
    /// Platform-level interrupt controller.
    pub interrupt_controller: u32,
    /// Clock of the UARTs, hertz.
    pub clock_hz: u32,
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

    /// Takes the UART of the log, which [`place_log`](Self::place_log) has placed.
    ///
    /// # Safety
    /// No two values are used at a time.
    pub(crate) unsafe fn log(&self) -> Option<Uart> {
        // SAFETY: the caller's promise.
        unsafe { uart(self.log_uart) }
    }

    /// Gives the UART of the log its address.
    pub(crate) fn place_log(&self) {
        write(self.pci_config + PCI_BASE, self.log_uart - self.pci_io);
        write(self.pci_config + PCI_COMMAND, PCI_COMMAND_IO);
    }

    /// Returns the divider of the UARTs' clock.
    pub(crate) fn divider(&self) -> u16 {
        // At most 2^16 for any clock below 120 GHz.
        (self.clock_hz / (OVERSAMPLING * BAUD)) as u16
    }

    /// Lets the interrupt of the wire through to the core, where it is masked.
    pub(crate) fn enable_wire_interrupt(&self) {
        let (controller, source) = (self.interrupt_controller, self.wire_interrupt);
        write(controller + 4 * source, 1);
        write(controller + ENABLE + 4 * (source / 32), 1 << (source % 32));
    }

    /// Takes the pending interrupt from the controller, which waits for the next one then.
    pub(crate) fn finish_interrupt(&self) {
        let claim = self.interrupt_controller + CLAIM;
        write(claim, read(claim));
    }
}

/// Returns the time since the machine's start in milliseconds. It is the emulator's time, which
/// passes while instructions are executed and not while the core sleeps.
pub(crate) fn uptime_ms() -> u32 {
    (core_facts::time() / TIME_PER_MS) as u32
}

/// Takes a UART.
///
/// # Safety
/// The address is that of an NS16550A; no two values of one are used at a time.
unsafe fn uart(address: u32) -> Option<Uart> {
    let registers = NonNull::new(with_exposed_provenance_mut(address as usize))?;
    // SAFETY: the caller's promise.
    Some(unsafe { Uart::new(registers) })
}

/// Reads a register of a block that `Machine` places.
fn read(address: u32) -> u32 {
    let register = with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: a register of the machine; reading one has no effect on memory.
    unsafe { register.read_volatile() }
}

/// Writes a register of a block that `Machine` places.
fn write(address: u32, value: u32) {
    let register = with_exposed_provenance_mut::<u32>(address as usize);
    // SAFETY: a register of the machine; writing one has no effect on memory.
    unsafe { register.write_volatile(value) };
}
