//! Firmware of the board `nordic-nrf52840-dk` (nRF52840, Cortex-M4F).

#![no_std]
#![no_main]

use mambalite_firmware_nrf::{Nrf, Pin, Wiring, receive};
use nrf_pac::interrupt;

/// The line is the debugger's first serial port; the gate is D7 of the Arduino header.
const WIRING: Wiring = Wiring {
    transmit: Pin { port: 0, number: 6 },
    receive: Pin { port: 0, number: 8 },
    gate: Pin { port: 1, number: 8 },
};

#[interrupt]
fn UARTE0() {
    receive();
}

mambalite_firmware_bare::board!(Nrf::start(WIRING));
