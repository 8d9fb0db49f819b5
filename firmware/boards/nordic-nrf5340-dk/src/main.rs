//! Firmware of the board `nordic-nrf5340-dk` (application core of the nRF5340, Cortex-M33).

#![no_std]
#![no_main]

use mambalite_firmware_nrf::{Nrf, Pin, Wiring, receive};
use nrf_pac::interrupt;

/// The line is the debugger's first serial port; the gate is D7 of the Arduino header.
const WIRING: Wiring = Wiring {
    transmit: Pin {
        port: 0,
        number: 20,
    },
    receive: Pin {
        port: 0,
        number: 22,
    },
    gate: Pin { port: 1, number: 9 },
};

#[interrupt]
fn SERIAL0() {
    receive();
}

mambalite_firmware_bare::board!(Nrf::start(WIRING));
