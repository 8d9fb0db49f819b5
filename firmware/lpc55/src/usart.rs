//! The USART of a Flexcomm, with buffers of 16 bytes.

#![expect(unsafe_code, reason = "the registers of one peripheral")]

use lpc55_pac::{FLEXCOMM0, USART0, flexcomm0, usart0};
use mambalite_firmware_serial::Uart;

/// 115,385 baud from 12 MHz: oversampling times divider.
const OVERSAMPLING: u32 = 13;
const DIVIDER: u32 = 8;

/// USART 0, set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usart;

/// Sets the USART up for 8 bits without parity, with its receive interrupt. Its Flexcomm has a clock of
/// 12 MHz and is out of reset.
pub(crate) fn start() -> Usart {
    flexcomm().pselid.write(|w| w.persel().usart());
    let registers = registers();
    // SAFETY: any value of the field is valid.
    registers.osr.write(|w| unsafe { w.bits(OVERSAMPLING - 1) });
    // SAFETY: any value of the field is valid.
    registers.brg.write(|w| unsafe { w.bits(DIVIDER - 1) });
    registers
        .fifocfg
        .write(|w| w.enabletx().set_bit().enablerx().set_bit());
    // The interrupt from the first byte on.
    registers.fifotrig.write(|w| w.rxlvlena().set_bit());
    registers.fifointenset.write(|w| w.rxlvl().set_bit());
    registers
        .cfg
        .write(|w| w.datalen().bit_8().enable().set_bit());
    Usart
}

impl Uart for Usart {
    fn receive(self) -> Option<u8> {
        let registers = registers();
        if registers.fifostat.read().rxnotempty().bit_is_clear() {
            return None;
        }
        Some(registers.fiford.read().rxdata().bits() as u8)
    }

    fn send(self, byte: u8) -> bool {
        let registers = registers();
        let has_room = registers.fifostat.read().txnotfull().bit_is_set();
        if has_room {
            // SAFETY: the lowest bits are the data, the others are zero.
            registers.fifowr.write(|w| unsafe { w.bits(byte.into()) });
        }
        has_room
    }
}

fn registers() -> &'static usart0::RegisterBlock {
    // SAFETY: they are there for ever; the line is all that uses them.
    unsafe { &*USART0::ptr() }
}

fn flexcomm() -> &'static flexcomm0::RegisterBlock {
    // SAFETY: they are there for ever; only `start` uses them.
    unsafe { &*FLEXCOMM0::ptr() }
}
