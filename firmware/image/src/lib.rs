//! What the linker scripts mark in the image of a board: build id, model region, stack.
//!
//! The symbols used here are set by the linker scripts of the crate `board-facts`.

#![no_std]

mod flash;
mod stack;

pub use flash::{build_id, model_region};
pub use stack::{STACK_PAINT, stack_bytes, stack_used_bytes, stack_words};
