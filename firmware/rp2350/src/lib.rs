//! What boards with an RP2350 share, on its Cortex-M33 and on its RISC-V core: the start block, clocks,
//! UART 0 as the line, the chip's number, the gate pin.
//!
//! Source: RP2350 datasheet, and Arm DDI 0183 for the UART. No interrupt is used: DMA fills the ring
//! of the line.

#![no_std]

mod board;
mod clock;
mod line;
mod start_block;

pub use board::{Rp2350, Wiring};
