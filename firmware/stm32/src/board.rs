//! A board with an STM32 behind the trait of bare boards.

use mambalite_firmware_bare::{self as bare, Board};
use mambalite_firmware_serial::Serial;

use crate::pac;
use crate::pin::Pin;
use crate::usart::{self, Usart};

/// Rate of the line and of the log, baud.
const BAUD: u32 = 115_200;

static LINE: Serial<Usart> = Serial::new();
static LOG: Serial<Usart> = Serial::new();

/// What of the chip a board uses. The clocks of these peripherals are on.
#[derive(Clone, Copy)]
pub struct Wiring {
    /// USART of the line.
    pub usart: pac::usart::Usart,
    /// Its interrupt, whose handler calls [`receive`].
    pub interrupt: pac::Interrupt,
    /// The clock that the USARTs' rates are divided from, hertz.
    pub usart_hz: u32,
    /// Pins of the line, from the chip and to it.
    pub pins: [Pin; 2],
    /// Number of the alternate function that connects the pins to the USART.
    pub function: u8,
    /// Pin that is high while the network runs.
    pub gate: Pin,
    /// USART of the log, with pins that are set up; without one the log is lost.
    pub log: Option<pac::usart::Usart>,
    /// Returns the number of the chip: [`uid`].
    pub uid: fn() -> [u8; 16],
}

/// A board whose core runs at `HZ` hertz.
pub struct Stm32<const HZ: u32> {
    wiring: Wiring,
}

impl<const HZ: u32> Stm32<HZ> {
    /// Sets pins and USARTs up.
    pub fn start(wiring: Wiring) -> Self {
        for pin in wiring.pins {
            pin.connect(wiring.function);
        }
        wiring.gate.make_output();
        let ports = [(&LINE, Some(wiring.usart)), (&LOG, wiring.log)];
        for (serial, registers) in ports {
            if let Some(registers) = registers {
                serial.open(usart::start(registers, wiring.usart_hz, BAUD));
            }
        }
        bare::unmask(wiring.interrupt);
        Self { wiring }
    }
}

/// Takes what the line has received: the handler of its interrupt.
pub fn receive() {
    LINE.on_interrupt();
}

/// Returns the chip's number of 96 bits, and zeros behind it.
pub fn uid() -> [u8; 16] {
    let word = |n| pac::UID.uid(n).read().to_le_bytes();
    let mut uid = [0; 16];
    let words = [word(0), word(1), word(2)];
    for (place, byte) in uid.iter_mut().zip(words.as_flattened()) {
        *place = *byte;
    }
    uid
}

impl<const HZ: u32> Board for Stm32<HZ> {
    const CLOCK_HZ: u32 = HZ;

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
        (self.wiring.uid)()
    }

    fn gate(&mut self, on: bool) {
        self.wiring.gate.drive(on);
    }

    fn log(byte: u8) -> bool {
        LOG.write(byte)
    }

    fn last_words(byte: u8) {
        LINE.write_now(byte);
    }
}
