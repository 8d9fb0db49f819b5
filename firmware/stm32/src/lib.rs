//! What boards with an STM32 share: a USART as the line, the chip's number, the gate pin, clocks.
//!
//! A board names its chip as a feature of `stm32-metapac`, and its family as one of this crate.
//! Source: RM0090 (F405), RM0390 (F446), RM0433 (H743), RM0486 (N6).

#![no_std]

mod board;
#[cfg_attr(feature = "f4", path = "clock_f4.rs")]
#[cfg_attr(feature = "h7", path = "clock_h7.rs")]
#[cfg_attr(feature = "n6", path = "clock_n6.rs")]
pub mod clock;
mod pin;
#[cfg_attr(feature = "f4", path = "usart_v2.rs")]
#[cfg_attr(not(feature = "f4"), path = "usart_v4.rs")]
mod registers;
mod usart;

pub use stm32_metapac as pac;

pub use board::{Stm32, Wiring, receive, uid};
pub use pin::Pin;
