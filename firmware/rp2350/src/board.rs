//! A board with an RP2350 behind the trait of bare boards.

use mambalite_firmware_bare::Board;
use rp_pac::{IO_BANK0, OTP_DATA, PADS_BANK0, SIO};

use crate::{clock, line, start_block};

/// Functions of pins.
const UART: u8 = 2;
const GPIO: u8 = 5;

/// The pins that a board uses, of the first 32.
#[derive(Debug, Clone, Copy)]
pub struct Wiring {
    /// The line, from the chip: a pin of UART 0.
    pub transmit: usize,
    /// The line, to the chip: a pin of UART 0.
    pub receive: usize,
    /// Pin that is high while the network runs.
    pub gate: usize,
}

/// A board.
#[derive(Debug)]
pub struct Rp2350 {
    gate: u32,
}

impl Rp2350 {
    /// Sets clocks, pins, UART and DMA up.
    pub fn start(wiring: Wiring) -> Self {
        start_block::keep();
        clock::start();
        clock::release(|w| {
            w.set_io_bank0(true);
            w.set_pads_bank0(true);
            w.set_uart0(true);
            w.set_dma(true);
        });
        for pin in [wiring.transmit, wiring.receive] {
            connect(pin, UART);
        }
        let gate = 1 << wiring.gate;
        SIO.gpio_out(0).value_clr().write_value(gate);
        SIO.gpio_oe(0).value_set().write_value(gate);
        connect(wiring.gate, GPIO);
        line::start();
        // Its counters stand still after reset.
        #[cfg(target_arch = "riscv32")]
        mambalite_firmware_riscv::start_counters();
        Self { gate }
    }
}

/// Connects a pin to a function, and its pad, which is cut off after reset. A line that nobody drives is
/// high.
fn connect(pin: usize, function: u8) {
    PADS_BANK0.gpio(pin).modify(|w| {
        w.set_ie(true);
        w.set_od(false);
        w.set_pue(true);
        w.set_pde(false);
        w.set_iso(false);
    });
    IO_BANK0.gpio(pin).ctrl().write(|w| w.set_funcsel(function));
}

impl Board for Rp2350 {
    const CLOCK_HZ: u32 = clock::CLOCK_HZ;

    fn read(&mut self) -> Option<u8> {
        line::read()
    }

    fn write(&mut self, byte: u8) -> bool {
        line::write(byte)
    }

    /// The chip's number of 64 bits, and zeros behind it.
    fn uid(&self) -> [u8; 16] {
        let parts = [
            OTP_DATA.chipid0(),
            OTP_DATA.chipid1(),
            OTP_DATA.chipid2(),
            OTP_DATA.chipid3(),
        ];
        let mut uid = [0; 16];
        let parts = parts.map(|part| part.read().to_le_bytes());
        for (place, byte) in uid.iter_mut().zip(parts.as_flattened()) {
            *place = *byte;
        }
        uid
    }

    fn gate(&mut self, on: bool) {
        let out = SIO.gpio_out(0);
        let register = if on { out.value_set() } else { out.value_clr() };
        register.write_value(self.gate);
    }

    fn last_words(byte: u8) {
        while !line::write(byte) {}
    }
}
