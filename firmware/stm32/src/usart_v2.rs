//! The USART with one data register and one of status: F1, F2, F4, L1.

use mambalite_firmware_serial::Uart;

use crate::pac::usart;

/// A USART that is set up.
#[derive(Clone, Copy)]
pub(crate) struct Usart(usart::Usart);

/// Sets a USART up for 8 bits without parity, with its receive interrupt.
///
/// * `clock_hz` - clock of its bus, hertz. * `baud` - rate; the nearest that the clock divides into.
pub(crate) fn start(registers: usart::Usart, clock_hz: u32, baud: u32) -> Usart {
    let divider = (clock_hz + baud / 2) / baud;
    registers.brr().write(|w| w.set_brr(divider as u16));
    registers.cr1().write(|w| {
        w.set_ue(true);
        w.set_te(true);
        w.set_re(true);
        w.set_rxneie(true);
    });
    Usart(registers)
}

impl Uart for Usart {
    fn receive(self) -> Option<u8> {
        let status = self.0.sr().read();
        if !status.rxne() && !status.ore() {
            return None;
        }
        // After the status, reading the data clears an overrun too.
        let data = self.0.dr().read().dr();
        status.rxne().then_some(data as u8)
    }

    fn send(self, byte: u8) -> bool {
        let has_room = self.0.sr().read().txe();
        if has_room {
            self.0.dr().write(|w| w.set_dr(byte.into()));
        }
        has_room
    }
}
