//! The UART that carries the wire protocol.

#![expect(
    unsafe_code,
    reason = "an interrupt number and the only UART of its kind"
)]

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use mambalite_firmware_app::Port;
use mambalite_firmware_cmsdk_uart::Uart;

use crate::map;

/// Divider for 115,200 baud at the 25 MHz of the board; QEMU ignores it.
const DIVIDER: u32 = 217;

/// The interrupt of UART 0 that says that a byte was received.
#[derive(Debug, Clone, Copy)]
struct Received;

// SAFETY: UART 0 receive is interrupt 0 of every MPS2 image of this crate.
unsafe impl InterruptNumber for Received {
    fn number(self) -> u16 {
        0
    }
}

/// The wire, on UART 0.
#[derive(Debug)]
pub(crate) struct Wire {
    uart: Uart,
}

impl Wire {
    /// Starts the UART, and its interrupt as a wake-up without a handler.
    ///
    /// All interrupts stay masked. A pending one still ends a `wfi`, so the core sleeps between
    /// bytes, and no handler can come between the network and its timing.
    pub(crate) fn start() -> Self {
        cortex_m::interrupt::disable();
        // SAFETY: called once, by `run`.
        let mut uart = unsafe { map::wire_uart() };
        uart.start(DIVIDER);
        // SAFETY: interrupts are masked, so no code relies on this one being off.
        unsafe { NVIC::unmask(Received) };
        Self { uart }
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
            NVIC::unpend(Received);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            while !self.uart.write(byte) {}
        }
    }
}
