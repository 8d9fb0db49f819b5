//! Cases and tests as one sequence of named runs: what a program or a board goes through.

use core::fmt;

use crate::{Case, MEMORY_WORDS, Mismatch, Outcome, Test, cases, tests};

/// A named run.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// A case with golden digests.
    Case(Case),
    /// A variant of an operator against the specification.
    Test(Test),
}

/// What a run found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The digest of a case, for whoever knows the right one.
    Digest(u64),
    /// The variant is the specification, to the bit.
    Equal,
    /// This machine has not the instructions.
    Skipped,
    /// What is wrong.
    Wrong(Mismatch),
}

/// Returns all runs: the cases, then the tests of the variants that this target's kernels have.
pub fn runs() -> impl Iterator<Item = Run> {
    cases().map(Run::Case).chain(tests().map(Run::Test))
}

impl Run {
    /// Runs it on the inputs of a seed. A test takes [`MEMORY_WORDS`] of the memory, a case
    /// [`GOLDEN_WORDS`](crate::GOLDEN_WORDS); with less it finds [`Mismatch::Memory`].
    pub fn run(&self, seed: u64, memory: &mut [u64]) -> Found {
        match self {
            Self::Case(case) => match (case.run_in)(seed, memory) {
                Some(digest) => Found::Digest(digest),
                None => Found::Wrong(Mismatch::Memory { case: 0 }),
            },
            Self::Test(test) => {
                // A test fills all that it gets, again for each of its cases.
                let words = memory.len().min(MEMORY_WORDS);
                match test.run(seed, &mut memory[..words]) {
                    Outcome::Pass => Found::Equal,
                    Outcome::Skip => Found::Skipped,
                    Outcome::Fail(mismatch) => Found::Wrong(mismatch),
                }
            }
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Case(case) => f.write_str(case.name),
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}
