//! Driver of the NS16550A UART, polled.
//!
//! Source: National Semiconductor, PC16550D data sheet. Registers of one byte, side by side.

#![cfg_attr(not(test), no_std)]
#![expect(unsafe_code, reason = "memory-mapped registers")]

use core::ptr::NonNull;

/// Data, in and out; the low byte of the divider while that is open.
const DATA: usize = 0;
/// Interrupt enable; the high byte of the divider while that is open.
const INTERRUPT: usize = 1;
/// FIFO control.
const FIFO: usize = 2;
/// Line control.
const LINE: usize = 3;
/// Line status.
const STATUS: usize = 5;
/// Bytes of the registers.
const REGISTERS: usize = 8;

/// Interrupt bit: a byte was received.
const INTERRUPT_RX: u8 = 1 << 0;
/// FIFO bits: on, and both emptied; the interrupt comes with the first byte.
const FIFO_START: u8 = 0b111;
/// Line bits: eight data bits, no parity, one stop bit.
const LINE_8N1: u8 = 0b11;
/// Line bit: the first two registers are the divider.
const LINE_DIVIDER: u8 = 1 << 7;
/// Status bit: a byte was received.
const STATUS_RX: u8 = 1 << 0;
/// Status bit: there is room to send.
const STATUS_TX_EMPTY: u8 = 1 << 5;

/// One UART.
#[derive(Debug)]
pub struct Uart {
    registers: NonNull<[u8; REGISTERS]>,
}

impl Uart {
    /// Takes the UART at an address.
    ///
    /// # Safety
    /// The registers of an NS16550A are there for as long as the value lives, and nothing else uses
    /// them.
    pub const unsafe fn new(registers: NonNull<[u8; REGISTERS]>) -> Self {
        Self { registers }
    }

    /// Switches FIFOs and receive interrupt on, at a divider of sixteen times the baud rate.
    ///
    /// A divider of 0 becomes 1. QEMU ignores the rate.
    pub fn start(&mut self, divider: u16) {
        let [low, high] = divider.max(1).to_le_bytes();
        self.write_register(LINE, LINE_8N1 | LINE_DIVIDER);
        self.write_register(DATA, low);
        self.write_register(INTERRUPT, high);
        self.write_register(LINE, LINE_8N1);
        self.write_register(FIFO, FIFO_START);
        self.write_register(INTERRUPT, INTERRUPT_RX);
    }

    /// Returns the byte received, if there is one.
    pub fn read(&mut self) -> Option<u8> {
        let there = self.read_register(STATUS) & STATUS_RX != 0;
        there.then(|| self.read_register(DATA))
    }

    /// Sends a byte if there is room; returns whether there was.
    pub fn write(&mut self, byte: u8) -> bool {
        let room = self.read_register(STATUS) & STATUS_TX_EMPTY != 0;
        if room {
            self.write_register(DATA, byte);
        }
        room
    }

    fn read_register(&self, offset: usize) -> u8 {
        let register = self.registers.as_ptr().cast::<u8>().wrapping_add(offset);
        // SAFETY: `new` promises the registers, and the offset is that of one of them.
        unsafe { register.read_volatile() }
    }

    fn write_register(&mut self, offset: usize, value: u8) {
        let register = self.registers.as_ptr().cast::<u8>().wrapping_add(offset);
        // SAFETY: `new` promises the registers, and the offset is that of one of them.
        unsafe { register.write_volatile(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a check on a UART whose registers are plain memory.
    fn with_registers(
        mut registers: [u8; REGISTERS],
        check: impl FnOnce(&mut Uart),
    ) -> [u8; REGISTERS] {
        // SAFETY: the registers outlive the UART and nothing else uses them meanwhile.
        let mut uart = unsafe { Uart::new(NonNull::from(&mut registers)) };
        check(&mut uart);
        registers
    }

    #[test]
    fn start_closes_the_divider_and_enables_fifo_and_interrupt() {
        let after = with_registers([0; REGISTERS], |uart| uart.start(0));
        // The divider shares its addresses with data and interrupt enable, which came last.
        assert_eq!(after, [1, INTERRUPT_RX, FIFO_START, LINE_8N1, 0, 0, 0, 0]);
    }

    #[test]
    fn a_byte_is_read_only_when_one_is_there() {
        let mut registers = [7, 0, 0, 0, 0, 0, 0, 0];
        with_registers(registers, |uart| assert_eq!(uart.read(), None));
        registers[STATUS] = STATUS_RX;
        with_registers(registers, |uart| assert_eq!(uart.read(), Some(7)));
    }

    #[test]
    fn a_full_transmitter_takes_no_byte() {
        let after = with_registers([0; REGISTERS], |uart| assert!(!uart.write(0x5a)));
        assert_eq!(after[DATA], 0);
        let mut registers = [0; REGISTERS];
        registers[STATUS] = STATUS_TX_EMPTY;
        let after = with_registers(registers, |uart| assert!(uart.write(0x5a)));
        assert_eq!(after[DATA], 0x5a);
    }
}
