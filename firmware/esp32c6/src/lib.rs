//! What boards with an ESP32-C6 share: the header for the boot ROM, watchdogs, UART 0 as the line, the
//! chip's number, the gate pin.
//!
//! Source: Espressif's ESP32-C6 technical reference manual, and its example of direct boot. The boot ROM
//! maps the flash and jumps into it: there is no second boot loader, and no format of an image. Core and
//! UART run at the 40 MHz of the crystal; 160 MHz need the PLL and the flash's clock set up.

#![no_std]

mod board;
mod boot;
mod cycles;
mod uart;

pub use board::Esp32C6;
