//! Firmware of the virtual board `qemu-mps3-an547` (Cortex-M55).

#![no_std]
#![no_main]

mambalite_firmware_mps2::board!();
