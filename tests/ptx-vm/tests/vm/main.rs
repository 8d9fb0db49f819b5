//! Tests of the interpreter: instructions against Rust, faults, and whole kernels.

#![expect(clippy::unwrap_used, reason = "a step that fails, fails the test")]

mod bits;
mod control;
mod device;
mod faults;
mod float;
mod harness;
mod integer;
mod kernels;
mod memory;
mod mutations;
mod parse;
mod races;
mod stats;
mod twin;
mod warp;
