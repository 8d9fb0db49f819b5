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

/// Largest difference between a rate and what a divider gives, per thousand. A receiver samples the
/// last of ten bits; both ends together may be off by half a bit there.
const ERROR_MAX_PERMILLE: u64 = 20;

/// Returns the divider of a bus clock in hertz that comes nearest to a rate, if near enough for a
/// receiver.
#[must_use]
pub const fn divider(clock_hz: u32, baud: u32) -> Option<u32> {
    if baud == 0 {
        return None;
    }
    let divider = (clock_hz as u64 + baud as u64 / 2) / baud as u64;
    let given = divider * baud as u64;
    let off = given.abs_diff(clock_hz as u64);
    if divider < DIVIDER_MIN as u64 || off * 1000 > clock_hz as u64 * ERROR_MAX_PERMILLE {
        return None;
    }
    Some(divider as u32)
}

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
        self.set_divider(divider);
        let control = CTRL_TX_ENABLE | CTRL_RX_ENABLE | CTRL_RX_INTERRUPT;
        self.write_register(offset_of!(Registers, control), control);
    }

    /// Goes over to another divider. The byte that is being sent must be out.
    pub fn set_divider(&mut self, divider: u32) {
        self.write_register(offset_of!(Registers, divider), divider.max(DIVIDER_MIN));
    }

    /// Tells whether the byte written last still waits behind the one that is being sent. The UART
    /// does not tell whether that one is out: it takes ten bits at most.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.state() & STATE_TX_FULL != 0
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
        if self.is_full() {
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
    fn a_rate_has_a_divider_if_the_clock_comes_near_it() {
        assert_eq!(divider(25_000_000, 115_200), Some(217));
        assert_eq!(divider(25_000_000, 921_600), Some(27));
        assert_eq!(divider(25_000_000, 1_000_000), Some(25));
        // 16.49: 3 % off.
        assert_eq!(divider(16_000_000, 970_000), None);
        assert_eq!(divider(25_000_000, 3_000_000), None, "a divider below 16");
        assert_eq!((divider(25_000_000, 0), divider(0, 9600)), (None, None));
        assert_eq!(divider(u32::MAX, 1), Some(u32::MAX));
    }

    #[test]
    fn the_divider_is_changed_alone() {
        let after = with_registers(Registers::default(), |uart| {
            uart.start(217);
            uart.set_divider(27);
            assert!(!uart.is_full());
        });
        assert_eq!((after.control, after.divider), (0b1011, 27));
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
