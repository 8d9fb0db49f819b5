//! Firmware of the board `raspberry-pico2-riscv` (RP2350, RISC-V).

#![no_std]
#![no_main]

use mambalite_firmware_rp2350::{Rp2350, Wiring};

/// Pins 1, 2 and 4 of the board.
const WIRING: Wiring = Wiring {
    transmit: 0,
    receive: 1,
    gate: 2,
};

mambalite_firmware_bare::board!(Rp2350::start(WIRING));
