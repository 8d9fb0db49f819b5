//! Firmware of the virtual board `qemu-mps2-an385` (Cortex-M3).

#![no_std]
#![no_main]

mambalite_firmware_mps2::board!();
