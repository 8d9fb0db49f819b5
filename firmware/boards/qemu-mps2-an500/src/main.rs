//! Firmware of the virtual board `qemu-mps2-an500` (Cortex-M7).

#![no_std]
#![no_main]

mambalite_firmware_mps2::board!();
