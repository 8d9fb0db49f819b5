//! Firmware of the board `espressif-esp32c6-devkitc-1` (ESP32-C6, RISC-V).

#![no_std]
#![no_main]

use mambalite_firmware_esp32c6::Esp32C6;

mambalite_firmware_bare::board!(Esp32C6::start());
