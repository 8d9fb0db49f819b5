//! What boards with an nRF52840 or the application core of an nRF5340 share: a UARTE as the line, the
//! chip's number, the gate pin, clocks.
//!
//! A board names its chip as a feature of `nrf-pac` and of this crate. Source: nRF52840 Product
//! Specification 1.7, nRF5340 Product Specification 1.4. The nRF5340 starts in its secure state and
//! stays there.

#![no_std]

mod board;
mod chip;
mod uarte;

pub use board::{Nrf, Pin, Wiring, receive};
