//! A board with an ESP32-C6 behind the trait of bare boards: the DevKitC-1 and those wired as it.

#![expect(unsafe_code, reason = "registers of the chip, and the interrupt")]

use esp32c6::{EFUSE, GPIO, IO_MUX, gpio};
use mambalite_firmware_bare::{self as bare, Board};
use mambalite_firmware_serial::Serial;

use crate::uart::{self, Line};
use crate::{boot, cycles};

/// The line, from the chip and to it.
const TRANSMIT: usize = 16;
const RECEIVE: usize = 17;
/// The gate.
const GATE: usize = 10;
const GATE_BIT: u32 = 1 << GATE;

/// Functions of pins: that of UART 0 at its own, and the GPIO matrix.
const UART: u8 = 0;
const MATRIX: u8 = 1;
/// What the matrix connects a pin to that the program drives.
const DRIVEN: u8 = 128;

static LINE: Serial<Line> = Serial::new();

/// A board.
#[derive(Debug)]
pub struct Esp32C6 {
    _started: (),
}

impl Esp32C6 {
    /// Sets clock, pins and UART up: GPIO 17 to the chip, GPIO 16 from it, GPIO 10 the gate.
    pub fn start() -> Self {
        boot::stop_watchdogs();
        boot::start_clock();
        cycles::start();
        start_pins();
        LINE.open(uart::start());
        // SAFETY: no critical section is open here.
        unsafe { bare::unmask(uart::INTERRUPT) };
        Self { _started: () }
    }
}

fn start_pins() {
    connect(TRANSMIT, UART);
    connect(RECEIVE, UART);
    drive_gate(false);
    let ports = ports();
    ports.func_out_sel_cfg(GATE).write(|w| {
        // SAFETY: a signal of the list.
        unsafe { w.out_sel().bits(DRIVEN) }.oen_sel().set_bit()
    });
    ports
        .enable_w1ts()
        // SAFETY: one bit for each pin.
        .write(|w| unsafe { w.bits(GATE_BIT) });
    connect(GATE, MATRIX);
}

/// Connects a pin to a function. A line that nobody drives is high.
fn connect(pin: usize, function: u8) {
    // SAFETY: it is there for ever; only the start uses it.
    let pins = unsafe { &*IO_MUX::ptr() };
    pins.gpio(pin).modify(|_, w| {
        // SAFETY: a function of the list.
        let w = unsafe { w.mcu_sel().bits(function) };
        w.fun_ie()
            .set_bit()
            .fun_wpu()
            .set_bit()
            .fun_wpd()
            .clear_bit()
    });
}

fn drive_gate(high: bool) {
    let ports = ports();
    if high {
        // SAFETY: one bit for each pin.
        ports.out_w1ts().write(|w| unsafe { w.bits(GATE_BIT) });
    } else {
        // SAFETY: one bit for each pin.
        ports.out_w1tc().write(|w| unsafe { w.bits(GATE_BIT) });
    }
}

/// Takes what the line has received. A byte that comes while the interrupt ends is taken here, and one
/// that comes later raises it again.
#[unsafe(no_mangle)]
extern "C" fn riscv_interrupt(_number: u32) {
    LINE.on_interrupt();
    uart::end_interrupt();
    LINE.on_interrupt();
}

impl Board for Esp32C6 {
    const CLOCK_HZ: u32 = 40_000_000;

    fn read(&mut self) -> Option<u8> {
        // Bytes too few for an interrupt.
        LINE.on_interrupt();
        LINE.read()
    }

    fn write(&mut self, byte: u8) -> bool {
        LINE.write(byte)
    }

    /// The address of the chip in networks, as it is printed, and zeros behind it.
    fn uid(&self) -> [u8; 16] {
        // SAFETY: it is there for ever, and the chip does not write it.
        let fuses = unsafe { &*EFUSE::ptr() };
        let low = fuses.rd_mac_spi_sys_0().read().mac_0().bits();
        let high = fuses.rd_mac_spi_sys_1().read().mac_1().bits();
        let mut uid = [0; 16];
        let parts = high.to_be_bytes().into_iter().chain(low.to_be_bytes());
        for (place, byte) in uid.iter_mut().zip(parts) {
            *place = byte;
        }
        uid
    }

    fn cycles(&self) -> Option<u64> {
        Some(cycles::now())
    }

    fn gate(&mut self, on: bool) {
        drive_gate(on);
    }

    fn uptime_ms() -> u32 {
        (cycles::now() / u64::from(Self::CLOCK_HZ / 1000)) as u32
    }

    fn last_words(byte: u8) {
        LINE.write_now(byte);
    }
}

fn ports() -> &'static gpio::RegisterBlock {
    // SAFETY: they are there for ever; setting and clearing need no reading before.
    unsafe { &*GPIO::ptr() }
}
