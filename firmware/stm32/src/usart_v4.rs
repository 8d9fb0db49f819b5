//! The USART with a buffer of 16 bytes, and data registers for either way: H7, N6.

use mambalite_firmware_serial::Uart;

use crate::pac::usart;

/// A USART that is set up.
#[derive(Clone, Copy)]
pub(crate) struct Usart(usart::Usart);

/// Sets a USART up for 8 bits without parity, with its buffers and its receive interrupt.
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
        w.set_fifoen(true);
    });
    Usart(registers)
}

impl Uart for Usart {
    fn receive(self) -> Option<u8> {
        let status = self.0.isr().read();
        if status.ore() {
            self.0.icr().write(|w| w.set_ore(true));
        }
        let data = status.rxne().then(|| self.0.rdr().read().dr());
        data.map(|data| data as u8)
    }

    fn send(self, byte: u8) -> bool {
        let has_room = self.0.isr().read().txe();
        if has_room {
            self.0.tdr().write(|w| w.set_dr(byte.into()));
        }
        has_room
    }
}
