//! Registers of the USART with one for data and one of status: F1, F2, F4, L1.

use crate::pac::usart::{Usart, regs::Cr1};

/// It has no buffers.
pub(crate) fn use_buffers(_: &mut Cr1) {}

/// Takes a received byte.
pub(crate) fn receive(registers: Usart) -> Option<u8> {
    let status = registers.sr().read();
    if !status.rxne() && !status.ore() {
        return None;
    }
    // After the status, reading the data clears an overrun too.
    let data = registers.dr().read().dr();
    status.rxne().then_some(data as u8)
}

/// Sends a byte if there is room; returns whether there was.
pub(crate) fn send(registers: Usart, byte: u8) -> bool {
    let has_room = registers.sr().read().txe();
    if has_room {
        registers.dr().write(|w| w.set_dr(byte.into()));
    }
    has_room
}
