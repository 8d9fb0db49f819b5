//! QEMU's RISC-V machine `virt`: UARTs, log, instructions.
//!
//! Source: QEMU's documentation of the machine and `hw/riscv/virt.c`, RISC-V PLIC 1.0, PCI 3.0. The
//! machine has one UART; that of the log is a card on its PCI bus.

#![no_std]
#![expect(unsafe_code, reason = "takes the UARTs")]

mod machine;

use mambalite_firmware_bare::Board;
use mambalite_firmware_ns16550_uart::Uart;
use mambalite_firmware_riscv as core_facts;

pub use machine::Machine;

/// The machine, with its wire.
#[derive(Debug)]
pub struct Virt {
    wire: Uart,
    machine: Machine,
}

impl Virt {
    /// Starts the UARTs, and the interrupt of the wire as a wake-up without a handler.
    ///
    /// All interrupts stay masked. A pending one still ends a `wfi`, so the core sleeps between
    /// bytes, and no handler can come between the network and its timing.
    pub fn start(machine: Machine) -> Self {
        machine::set_running(machine);
        machine.place_log();
        // SAFETY: nothing has been logged yet.
        if let Some(mut uart) = unsafe { machine.log() } {
            uart.start(machine.divider());
        }
        // SAFETY: called once, at start-up.
        let mut wire = unsafe { machine.wire() }.expect("a board has a wire");
        wire.start(machine.divider());
        machine.enable_wire_interrupt();
        core_facts::enable_interrupt(core_facts::EXTERNAL);
        Self { wire, machine }
    }
}

impl Board for Virt {
    /// Instructions a second of the emulator's time: each takes a nanosecond, as `board.toml` says.
    const CLOCK_HZ: u32 = 1_000_000_000;

    fn read(&mut self) -> Option<u8> {
        self.wire.read()
    }

    fn write(&mut self, byte: u8) -> bool {
        self.wire.write(byte)
    }

    /// A byte that came since the last look leaves the interrupt pending: no sleep.
    fn wait(&mut self) {
        core_facts::wait_for_interrupt();
        self.machine.finish_interrupt();
    }

    /// Zeros: the machine has no number.
    fn uid(&self) -> [u8; 16] {
        [0; 16]
    }

    /// Instructions. QEMU counts no cycles.
    fn cycles(&self) -> Option<u64> {
        Some(core_facts::instructions())
    }

    fn log(byte: u8) -> bool {
        // SAFETY: the log calls this one at a time, and nothing else uses the UART.
        let uart = machine::running().and_then(|machine| unsafe { machine.log() });
        uart.is_some_and(|mut uart| uart.write(byte))
    }

    fn uptime_ms() -> u32 {
        machine::uptime_ms()
    }

    fn last_words(byte: u8) {
        // SAFETY: the former owner never runs again.
        let uart = machine::running().and_then(|machine| unsafe { machine.wire() });
        if let Some(mut uart) = uart {
            while !uart.write(byte) {}
        }
    }
}
