//! Conformance of the kernels: golden cases of the specification, and a test for each variant of
//! each operator against the specification.
//!
//! A target computes what the reference computes where [`Case::run`] gives the digests that
//! [`golden`] knows. Without `std` and without memory of its own, so that the same cases run on
//! the host, in an emulator and on a board.

#![no_std]

pub mod bench;
mod golden;
mod inputs;
mod memory;
mod numbers;
mod operators;
mod runs;
mod sequence;
mod tests;

pub use golden::DIGESTS;
pub use operators::GOLDEN_WORDS;
pub use runs::{Found, Run, runs};
pub use tests::{MEMORY_WORDS, Mismatch, Outcome, Test, tests};

/// One conformance case.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Operator and number format, such as `scan/w8a8`.
    pub name: &'static str,
    /// Computes the operator on the inputs of a seed, in [`GOLDEN_WORDS`] of memory, and returns
    /// the digest of the outputs; nothing when there is less memory.
    pub run_in: fn(seed: u64, memory: &mut [u64]) -> Option<u64>,
}

impl Case {
    /// As [`Case::run_in`], in memory on the stack.
    pub fn run(&self, seed: u64) -> u64 {
        // No case has the digest 0, which a case that wants more would have here.
        (self.run_in)(seed, &mut [0; GOLDEN_WORDS]).unwrap_or_default()
    }
}

/// Seeds that the golden digests are of.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// Returns the cases of the functions on single numbers; they are the first of [`cases`].
pub fn numbers() -> impl Iterator<Item = Case> {
    numbers::CASES.iter().copied()
}

/// Returns all cases.
pub fn cases() -> impl Iterator<Item = Case> {
    let cases = [numbers::CASES, operators::CASES, operators::SPECIAL];
    cases.into_iter().flatten().copied()
}

/// Returns the digests of the reference kernels for a case, one for each of [`SEEDS`].
pub fn golden(name: &str) -> Option<[u64; SEEDS.len()]> {
    let mut digests = DIGESTS.iter();
    digests.find_map(|&(of, digests)| (of == name).then_some(digests))
}
