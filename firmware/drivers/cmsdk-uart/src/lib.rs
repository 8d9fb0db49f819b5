//! Driver of the UART in Arm's Cortex-M System Design Kit (CMSDK), polled.
//!
//! Source: Arm DDI 0479, section 4.3 (APB UART). The UART has no FIFO: one byte each way.

#![cfg_attr(not(test), no_std)]
#![expect(unsafe_code, reason = "memory-mapped registers")]

use core::mem::offset_of;
use core::ptr::NonNull;

/// Control bit: transmitter on.
const CTRL_TX_ENABLE: u32 = 1 << 0;
/// Control bit: receiver on.
const CTRL_RX_ENABLE: u32 = 1 << 1;
/// Control bit: interrupt when a byte was received.
const CTRL_RX_INTERRUPT: u32 = 1 << 3;
/// State bit: the transmit buffer is full.
const STATE_TX_FULL: u32 = 1 << 0;
/// State bit: the receive buffer is full.
const STATE_RX_FULL: u32 = 1 << 1;
/// Interrupt bit: a byte was received; written to clear.
const INTERRUPT_RX: u32 = 1 << 1;
/// The smallest divider the hardware accepts.
const DIVIDER_MIN: u32 = 16;

/// The registers, in the order of their addresses.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Registers {
    data: u32,
    state: u32,
    control: u32,
    interrupt: u32,
    divider: u32,
}

/// One UART.
#[derive(Debug)]
pub struct Uart {
    registers: NonNull<Registers>,
}

impl Uart {
    /// Takes the UART at an address.
    ///
    /// # Safety
    /// The registers of a CMSDK UART are there for as long as the value lives, and nothing else
    /// uses them.
    pub const unsafe fn new(registers: NonNull<Registers>) -> Self {
        Self { registers }
    }

    /// Switches transmitter, receiver and receive interrupt on, at a divider of the bus clock.
    ///
    /// A divider below 16 is not possible and becomes 16. QEMU ignores the rate.
    pub fn start(&mut self, divider: u32) {
        self.write_register(offset_of!(Registers, divider), divider.max(DIVIDER_MIN));
        let control = CTRL_TX_ENABLE | CTRL_RX_ENABLE | CTRL_RX_INTERRUPT;
        self.write_register(offset_of!(Registers, control), control);
    }

    /// Returns the byte received, if there is one.
    pub fn read(&mut self) -> Option<u8> {
        if self.state() & STATE_RX_FULL == 0 {
            return None;
        }
        Some(
            self.read_register(offset_of!(Registers, data))
                .to_le_bytes()[0],
        )
    }

    /// Sends a byte if there is room; returns whether there was.
    pub fn write(&mut self, byte: u8) -> bool {
        if self.state() & STATE_TX_FULL != 0 {
            return false;
        }
        self.write_register(offset_of!(Registers, data), u32::from(byte));
        true
    }

    /// Clears the receive interrupt.
    pub fn clear_interrupt(&mut self) {
        self.write_register(offset_of!(Registers, interrupt), INTERRUPT_RX);
    }

    fn state(&self) -> u32 {
        self.read_register(offset_of!(Registers, state))
    }

    fn read_register(&self, offset: usize) -> u32 {
        let register = self
            .registers
            .as_ptr()
            .wrapping_byte_add(offset)
            .cast::<u32>();
        // SAFETY: `new` promises the registers, and the offset is that of one of them.
        unsafe { register.read_volatile() }
    }

    fn write_register(&mut self, offset: usize, value: u32) {
        let register = self
            .registers
            .as_ptr()
            .wrapping_byte_add(offset)
            .cast::<u32>();
        // SAFETY: `new` promises the registers, and the offset is that of one of them.
        unsafe { register.write_volatile(value) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a check on a UART whose registers are plain memory.
    fn with_registers(mut registers: Registers, check: impl FnOnce(&mut Uart)) -> Registers {
        // SAFETY: the registers outlive the UART and nothing else uses them meanwhile.
        let mut uart = unsafe { Uart::new(NonNull::from(&mut registers)) };
        check(&mut uart);
        registers
    }

    #[test]
    fn start_enables_both_ways_and_the_receive_interrupt() {
        let after = with_registers(Registers::default(), |uart| uart.start(1));
        assert_eq!((after.control, after.divider), (0b1011, 16));
    }

    #[test]
    fn nothing_is_read_while_nothing_is_there() {
        with_registers(
            Registers {
                data: 7,
                ..Registers::default()
            },
            |uart| {
                assert_eq!(uart.read(), None);
            },
        );
    }

    #[test]
    fn a_received_byte_is_read() {
        let registers = Registers {
            data: 0xa5,
            state: STATE_RX_FULL,
            ..Registers::default()
        };
        with_registers(registers, |uart| assert_eq!(uart.read(), Some(0xa5)));
    }

    #[test]
    fn a_full_transmitter_takes_no_byte() {
        let registers = Registers {
            state: STATE_TX_FULL,
            ..Registers::default()
        };
        let after = with_registers(registers, |uart| assert!(!uart.write(0x5a)));
        assert_eq!(after.data, 0);
        let after = with_registers(Registers::default(), |uart| assert!(uart.write(0x5a)));
        assert_eq!(after.data, 0x5a);
    }
}
