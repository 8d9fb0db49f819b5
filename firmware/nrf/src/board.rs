//! A board with an nRF behind the trait of bare boards.

use mambalite_firmware_bare::{self as bare, Board};
use mambalite_firmware_serial::Serial;
use nrf_pac::gpio::Gpio;
use nrf_pac::gpio::vals::{Dir, Pull};

use crate::chip::{self, INTERRUPT, P0, P1};
use crate::uarte::{self, Uarte};

static LINE: Serial<Uarte> = Serial::new();

/// A pin: its port, 0 or 1, and its number there.
#[derive(Debug, Clone, Copy)]
pub struct Pin {
    /// The port.
    pub port: u8,
    /// The number.
    pub number: u8,
}

/// The pins that a board uses.
#[derive(Debug, Clone, Copy)]
pub struct Wiring {
    /// The line, from the chip.
    pub transmit: Pin,
    /// The line, to the chip.
    pub receive: Pin,
    /// Pin that is high while the network runs.
    pub gate: Pin,
}

impl Pin {
    fn gpio(self) -> Gpio {
        match self.port {
            0 => P0,
            _ => P1,
        }
    }

    fn drive(self, high: bool) {
        let number = self.number.into();
        if high {
            self.gpio().outset().write(|w| w.set_pin(number, true));
        } else {
            self.gpio().outclr().write(|w| w.set_pin(number, true));
        }
    }

    fn make_output(self, high: bool) {
        self.drive(high);
        let settings = self.gpio().pin_cnf(self.number.into());
        settings.write(|w| w.set_dir(Dir::Output));
    }
}

/// A board.
#[derive(Debug)]
pub struct Nrf {
    wiring: Wiring,
}

impl Nrf {
    /// Sets clock, pins and UART up.
    pub fn start(wiring: Wiring) -> Self {
        chip::start_clock();
        // A line at rest is high.
        wiring.transmit.make_output(true);
        wiring.gate.make_output(false);
        // After reset its input is cut off. A line that nobody drives is high.
        let receive = wiring.receive;
        let settings = receive.gpio().pin_cnf(receive.number.into());
        settings.write(|w| {
            w.set_dir(Dir::Input);
            w.set_pull(Pull::Pullup);
        });
        LINE.open(uarte::start(wiring.transmit, receive));
        bare::unmask(INTERRUPT);
        Self { wiring }
    }
}

/// Takes what the line has received: the handler of the interrupt of UARTE0.
pub fn receive() {
    LINE.on_interrupt();
}

impl Board for Nrf {
    const CLOCK_HZ: u32 = chip::CLOCK_HZ;

    fn read(&mut self) -> Option<u8> {
        LINE.read()
    }

    fn write(&mut self, byte: u8) -> bool {
        LINE.write(byte)
    }

    fn wait(&mut self) {
        LINE.wait();
    }

    fn uid(&self) -> [u8; 16] {
        chip::uid()
    }

    fn gate(&mut self, on: bool) {
        self.wiring.gate.drive(on);
    }

    fn last_words(byte: u8) {
        LINE.write_now(byte);
    }
}
