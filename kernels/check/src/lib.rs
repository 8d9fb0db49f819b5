//! Conformance cases of the kernels: deterministic inputs, a digest of the outputs.
//!
//! A target computes what the reference computes where [`Case::run`] gives the digests of
//! `tests/golden.rs`. Without `std` and without memory of its own, so that the same cases run on
//! the host, in an emulator and on a board.

#![no_std]

mod numbers;
mod operators;
mod sequence;

/// One conformance case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Operator and number format, such as `scan/w8a8`.
    pub name: &'static str,
    /// Computes the operator on the inputs of a seed and returns the digest of the outputs.
    pub run: fn(seed: u64) -> u64,
}

/// Seeds that the golden digests are of.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// Returns all cases.
pub fn cases() -> impl Iterator<Item = Case> {
    numbers::CASES.iter().chain(operators::CASES).copied()
}
