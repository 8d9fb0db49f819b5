//! What boards with an LPC55S69 share: USART 0 as the line, the chip's number, the gate pin.
//!
//! Source: NXP UM11126. Core and USART run at the 12 MHz of the oscillator that the chip starts with;
//! its full 150 MHz need the voltage of the core set by NXP's power library. The chip starts in its secure
//! state and stays there.

#![no_std]

mod board;
mod usart;

pub use board::{Lpc55, receive};
