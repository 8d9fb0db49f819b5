//! Registers of the USART with a buffer of 16 bytes, and data registers for either way: H7, N6.

use crate::pac::usart::{Usart, regs::Cr1};

/// Switches its buffers on.
pub(crate) fn use_buffers(control: &mut Cr1) {
    control.set_fifoen(true);
}

/// Takes a received byte.
pub(crate) fn receive(registers: Usart) -> Option<u8> {
    let status = registers.isr().read();
    if status.ore() {
        registers.icr().write(|w| w.set_ore(true));
    }
    let data = status.rxne().then(|| registers.rdr().read().dr());
    data.map(|data| data as u8)
}

/// Sends a byte if there is room; returns whether there was.
pub(crate) fn send(registers: Usart, byte: u8) -> bool {
    let has_room = registers.isr().read().txe();
    if has_room {
        registers.tdr().write(|w| w.set_dr(byte.into()));
    }
    has_room
}
