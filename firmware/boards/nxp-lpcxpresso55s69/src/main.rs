//! Firmware of the board `nxp-lpcxpresso55s69` (LPC55S69, Cortex-M33).

#![no_std]
#![no_main]

use lpc55_pac::interrupt;
use mambalite_firmware_lpc55::{Lpc55, receive};

#[interrupt]
fn FLEXCOMM0() {
    receive();
}

mambalite_firmware_bare::board!(Lpc55::start());
