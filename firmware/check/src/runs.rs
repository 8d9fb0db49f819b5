//! What there is to run, of several kinds, as one sequence of named runs.

use core::fmt;

use mambalite_kernels_check::{self as kernels, Case, Mismatch, SEEDS, Test, cases, golden, tests};

use crate::float_mode::{self, Mode};

/// A named run.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// The floating-point mode that the program starts with.
    FloatMode,
    /// A case with golden digests.
    Case(Case),
    /// A variant of an operator against the specification.
    Test(Test),
}

/// What became of a run.
pub(crate) enum Outcome {
    /// Everything is as it must be; the digest for the seed where there is one.
    Pass(Option<u64>),
    /// This target does not have what the run is of.
    Skip,
    /// What is wrong.
    Fail(Failure),
}

/// What is wrong.
pub(crate) enum Failure {
    /// The floating-point mode is not that of the number contract.
    Mode(Mode),
    /// A case without golden digests.
    NoGolden,
    /// Outputs differ from those of the reference kernels.
    Digest { seed: u64, found: u64, golden: u64 },
    /// A variant is not what the specification is.
    Variant { seed: u64, mismatch: Mismatch },
}

/// Returns all runs.
pub(crate) fn all() -> impl Iterator<Item = Run> {
    let cases = cases().map(Run::Case);
    let tests = tests().map(Run::Test);
    core::iter::once(Run::FloatMode).chain(cases).chain(tests)
}

impl Run {
    /// Returns what its name begins with: the operator or the function.
    pub(crate) fn operator(&self) -> &str {
        match self {
            Self::FloatMode => "float_mode",
            Self::Case(case) => case.name,
            Self::Test(test) => test.op,
        }
    }

    /// Runs it on the inputs of a seed, in [`kernels::MEMORY_WORDS`] of memory where a run needs any.
    pub(crate) fn outcome(&self, seed: u64, memory: &mut [u64]) -> Outcome {
        match self {
            Self::FloatMode => match float_mode::mode() {
                None => Outcome::Skip,
                Some(mode) if mode.is_default() => Outcome::Pass(None),
                Some(mode) => Outcome::Fail(Failure::Mode(mode)),
            },
            Self::Case(case) => digest(case, seed),
            Self::Test(test) => match test.run(seed, memory) {
                kernels::Outcome::Pass => Outcome::Pass(None),
                kernels::Outcome::Skip => Outcome::Skip,
                kernels::Outcome::Fail(mismatch) => {
                    Outcome::Fail(Failure::Variant { seed, mismatch })
                }
            },
        }
    }
}

fn digest(case: &Case, seed: u64) -> Outcome {
    let Some(digests) = golden(case.name) else {
        return Outcome::Fail(Failure::NoGolden);
    };
    for (seed, golden) in SEEDS.into_iter().zip(digests) {
        let found = (case.run)(seed);
        if found != golden {
            return Outcome::Fail(Failure::Digest {
                seed,
                found,
                golden,
            });
        }
    }
    Outcome::Pass(Some((case.run)(seed)))
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FloatMode => f.write_str("float_mode/start"),
            Self::Case(case) => f.write_str(case.name),
            Self::Test(test) => write!(f, "{test}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "{mode}"),
            Self::NoGolden => write!(f, "no golden digests"),
            Self::Digest {
                seed,
                found,
                golden,
            } => write!(
                f,
                "digest {found:#018x}, golden {golden:#018x}, seed {seed}"
            ),
            Self::Variant { seed, mismatch } => write!(f, "{mismatch}, seed {seed}"),
        }
    }
}
