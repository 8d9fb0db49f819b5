//! UART 0, with buffers of 128 bytes, and its interrupt.

#![expect(unsafe_code, reason = "registers of the chip")]

use esp32c6::{INTERRUPT_CORE0, Interrupt, PLIC_MX, UART0, uart0};
use mambalite_firmware_serial::Uart;

use crate::boot;

/// Clock of the UART, hertz: the crystal's.
const CLOCK_HZ: u32 = 40_000_000;
const BAUD: u32 = 115_200;
/// Sixteenths of the clock's periods in a bit.
const DIVIDER: u32 = (16 * CLOCK_HZ + BAUD / 2) / BAUD;
/// Of the clock's sources.
const CRYSTAL: u8 = 3;

/// Length of the data, and of the stop, as the registers have them.
const DATA_BITS_8: u8 = 3;
const STOP_BITS_1: u8 = 1;

/// Bytes of each buffer.
const BUFFER_BYTES: u8 = 128;
/// Bytes that raise the interrupt. Fewer wait for more, or for the program: it looks by itself when it
/// reads. From here to the end of the buffer are 8 ms.
const RECEIVED: u8 = 32;

/// The core's number of the interrupt; 0, 3, 4 and 7 are the core's own.
pub(crate) const INTERRUPT: u32 = 1;

/// UART 0, set up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line;

/// Sets the UART up for 8 bits without parity, with its interrupt, which the core does not take yet. What
/// the ROM has written goes out meanwhile, at the same rate.
pub(crate) fn start() -> Line {
    let clocks = boot::clocks().uart(0);
    clocks
        .conf()
        .modify(|_, w| w.clk_en().set_bit().rst_en().clear_bit());
    clocks
        .clk_conf()
        // SAFETY: a source of the list; the clock is not divided after reset.
        .write(|w| unsafe { w.sclk_sel().bits(CRYSTAL) }.sclk_en().set_bit());
    let registers = registers();
    registers.clkdiv().write(|w| {
        // SAFETY: whole periods, which are fewer than 2^12.
        let w = unsafe { w.clkdiv().bits((DIVIDER / 16) as u16) };
        // SAFETY: sixteenths of one.
        unsafe { w.frag().bits((DIVIDER % 16) as u8) }
    });
    registers.conf0().write(|w| {
        // SAFETY: a value of the list.
        let w = unsafe { w.bit_num().bits(DATA_BITS_8) };
        // SAFETY: a value of the list.
        unsafe { w.stop_bit_num().bits(STOP_BITS_1) }
    });
    // They lie in the clock of the UART.
    registers.reg_update().write(|w| w.reg_update().set_bit());
    while registers.reg_update().read().reg_update().bit_is_set() {}
    registers
        .conf1()
        // SAFETY: less than the buffer has.
        .modify(|_, w| unsafe { w.rxfifo_full_thrhd().bits(RECEIVED) });
    registers.int_ena().write(|w| w.rxfifo_full().set_bit());
    route_interrupt();
    Line
}

/// Connects the interrupt of the UART to the core, by its level, and no other.
fn route_interrupt() {
    // SAFETY: it is there for ever; only the start uses it.
    let matrix = unsafe { &*INTERRUPT_CORE0::ptr() };
    matrix
        .core_0_intr_map(Interrupt::UART0 as usize)
        // SAFETY: a number of the core.
        .write(|w| unsafe { w.bits(INTERRUPT) });
    // SAFETY: it is there for ever; only the start uses it.
    let controller = unsafe { &*PLIC_MX::ptr() };
    controller
        .mxint_type()
        // SAFETY: a bit for each interrupt; zero is the level.
        .write(|w| unsafe { w.bits(0) });
    controller
        .mxint_pri(INTERRUPT as usize)
        // SAFETY: a priority; zero would be none.
        .write(|w| unsafe { w.bits(1) });
    controller
        .mxint_thresh()
        // SAFETY: a priority, below that of the interrupt.
        .write(|w| unsafe { w.bits(0) });
    controller
        .mxint_enable()
        // SAFETY: a bit for each interrupt.
        .write(|w| unsafe { w.bits(1 << INTERRUPT) });
}

/// Ends the interrupt; called when the buffer is empty.
pub(crate) fn end_interrupt() {
    registers()
        .int_clr()
        .write(|w| w.rxfifo_full().clear_bit_by_one());
}

impl Uart for Line {
    fn receive(self) -> Option<u8> {
        let registers = registers();
        if registers.status().read().rxfifo_cnt().bits() == 0 {
            return None;
        }
        Some(registers.fifo().read().rxfifo_rd_byte().bits())
    }

    fn send(self, byte: u8) -> bool {
        let registers = registers();
        let has_room = registers.status().read().txfifo_cnt().bits() < BUFFER_BYTES;
        if has_room {
            registers
                .fifo()
                // SAFETY: the lowest bits are the data, the others are zero.
                .write(|w| unsafe { w.bits(byte.into()) });
        }
        has_room
    }
}

fn registers() -> &'static uart0::RegisterBlock {
    // SAFETY: they are there for ever; the line is all that uses them.
    unsafe { &*UART0::ptr() }
}
