//! Firmware of the virtual board `qemu-mps2-an505` (Cortex-M33).

#![no_std]
#![no_main]

mambalite_firmware_mps2::board!();
