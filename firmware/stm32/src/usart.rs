//! The USART as the line: what its two kinds have in common.

use mambalite_firmware_serial::Uart;

use crate::pac::usart;
use crate::registers;

/// A USART that is set up.
#[derive(Clone, Copy)]
pub(crate) struct Usart(usart::Usart);

/// Sets a USART up for 8 bits without parity, with its receive interrupt, and its buffers where it has
/// some.
///
/// * `clock_hz` - clock of its rate, hertz. * `baud` - rate; the nearest that the clock divides into.
pub(crate) fn start(registers: usart::Usart, clock_hz: u32, baud: u32) -> Usart {
    let divider = (clock_hz + baud / 2) / baud;
    registers.brr().write(|w| w.set_brr(divider as u16));
    registers.cr1().write(|w| {
        w.set_ue(true);
        w.set_te(true);
        w.set_re(true);
        w.set_rxneie(true);
        registers::use_buffers(w);
    });
    Usart(registers)
}

impl Uart for Usart {
    fn receive(self) -> Option<u8> {
        registers::receive(self.0)
    }

    fn send(self, byte: u8) -> bool {
        registers::send(self.0, byte)
    }
}
