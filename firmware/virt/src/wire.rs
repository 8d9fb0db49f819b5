//! The UART that carries the wire protocol.

#![expect(unsafe_code, reason = "the only UART of its kind")]

use mambalite_firmware_app::Port;
use mambalite_firmware_ns16550_uart::Uart;
use mambalite_firmware_riscv as core_facts;

use crate::machine::Machine;

/// The wire.
#[derive(Debug)]
pub(crate) struct Wire {
    uart: Uart,
    machine: Machine,
}

impl Wire {
    /// Starts the UART, and its interrupt as a wake-up without a handler; `None` where there is no
    /// such UART.
    ///
    /// All interrupts stay masked. A pending one still ends a `wfi`, so the core sleeps between
    /// bytes, and no handler can come between the network and its timing.
    pub(crate) fn start(machine: Machine) -> Option<Self> {
        core_facts::mask_interrupts();
        // SAFETY: called once, by `run`.
        let mut uart = unsafe { machine.wire() }?;
        uart.start(machine.divider());
        machine.enable_wire_interrupt();
        core_facts::unmask_external();
        Some(Self { uart, machine })
    }
}

impl Port for Wire {
    fn read(&mut self) -> Option<u8> {
        loop {
            if let Some(byte) = self.uart.read() {
                return Some(byte);
            }
            // A byte that came since the look above leaves the interrupt pending: no sleep.
            core_facts::wait_for_interrupt();
            self.machine.finish_interrupt();
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while !self.uart.write(byte) {}
        }
    }
}
