//! The UART that carries the wire protocol.

#![expect(
    unsafe_code,
    reason = "an interrupt number and the only UART of its kind"
)]

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use mambalite_firmware_app::{Poll, Port, Rate};
use mambalite_firmware_cmsdk_uart::{Uart, divider};

use crate::machine::{BAUD, Machine};

/// The interrupt that says that a byte was received.
#[derive(Debug, Clone, Copy)]
struct Received(u16);

// SAFETY: the number is a fact of the board, and the controller has up to 480.
unsafe impl InterruptNumber for Received {
    fn number(self) -> u16 {
        self.0
    }
}

/// The wire.
#[derive(Debug)]
pub(crate) struct Wire {
    uart: Uart,
    received: Received,
    machine: Machine,
    /// Divider of the rate that holds.
    divider: u32,
}

impl Wire {
    /// Starts the UART, and its interrupt as a wake-up without a handler; `None` where there is no
    /// such UART.
    ///
    /// All interrupts stay masked. A pending one still ends a `wfi`, so the core sleeps between
    /// bytes, and no handler can come between the network and its timing.
    pub(crate) fn start(machine: &Machine) -> Option<Self> {
        cortex_m::interrupt::disable();
        // SAFETY: called once, by `run`.
        let mut uart = unsafe { machine.wire() }?;
        let divider = machine.divider();
        uart.start(divider);
        let received = Received(u16::try_from(machine.wire_interrupt).ok()?);
        // SAFETY: interrupts are masked, so no code relies on this one being off.
        unsafe { NVIC::unmask(received) };
        Some(Self {
            uart,
            received,
            machine: *machine,
            divider,
        })
    }
}

impl Port for Wire {
    fn read(&mut self) -> Option<u8> {
        loop {
            if let Some(byte) = self.uart.read() {
                return Some(byte);
            }
            // A byte that came since the look above leaves the interrupt pending: no sleep.
            cortex_m::asm::wfi();
            self.uart.clear_interrupt();
            NVIC::unpend(self.received);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while !self.uart.write(byte) {}
        }
    }

    fn rate(&mut self) -> Option<&mut dyn Rate> {
        Some(self)
    }
}

impl Rate for Wire {
    fn start_baud(&self) -> u32 {
        BAUD
    }

    fn has_baud(&self, baud: u32) -> bool {
        divider(self.machine.clock_hz, baud).is_some()
    }

    fn set_baud(&mut self, baud: u32) {
        let Some(divider) = divider(self.machine.clock_hz, baud) else {
            return;
        };
        while self.uart.is_full() {}
        // The last byte has left the buffer and takes ten bits to leave the board.
        cortex_m::asm::delay(self.divider.saturating_mul(11));
        self.uart.set_divider(divider);
        self.divider = divider;
    }

    fn now_ms(&self) -> u32 {
        self.machine.uptime_ms()
    }

    /// Looks without sleep: no interrupt would end one in time, and a board away from its first
    /// rate is soon spoken to.
    fn poll(&mut self) -> Poll {
        self.uart.read().map_or(Poll::Nothing, Poll::Byte)
    }
}
