//! Firmware of the virtual board `qemu-mps2-an386-small` (Cortex-M4F).

#![no_std]
#![no_main]

mambalite_firmware_mps2::board!();
