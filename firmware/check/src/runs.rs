//! What there is to run, of several kinds, as one sequence of named runs.

use core::fmt;

use mambalite_kernels_check::{self as kernels, Case, Found, Mismatch, SEEDS, golden};

use crate::float_mode::{self, Mode};
use crate::platform;

/// A named run.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    /// The floating-point mode that the program starts with.
    FloatMode,
    /// The start-up code's way to handlers of interrupts, where it is ours.
    Interrupts(fn() -> Result<(), &'static str>),
    /// A case or a test of the kernels.
    Kernels(kernels::Run),
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
    /// An interrupt does not come, or what it finds does not stay.
    Interrupts(&'static str),
    /// A case without golden digests.
    NoGolden,
    /// Outputs differ from those of the reference kernels.
    Digest { seed: u64, found: u64, golden: u64 },
    /// A variant is not what the specification is, or there is too little memory.
    Kernels { seed: u64, mismatch: Mismatch },
}

/// Returns all runs.
pub(crate) fn all() -> impl Iterator<Item = Run> {
    let of_core = platform::INTERRUPTS.map(Run::Interrupts);
    core::iter::once(Run::FloatMode)
        .chain(of_core)
        .chain(kernels::runs().map(Run::Kernels))
}

impl Run {
    /// Returns what its name begins with: the operator or the function.
    pub(crate) fn operator(&self) -> &str {
        match self {
            Self::FloatMode => "float_mode",
            Self::Interrupts(_) => "interrupts",
            Self::Kernels(kernels::Run::Case(case)) => case.name,
            Self::Kernels(kernels::Run::Test(test)) => test.op,
        }
    }

    /// Runs it on the inputs of a seed, in memory as [`kernels::Run::run`] takes it.
    pub(crate) fn outcome(&self, seed: u64, memory: &mut [u64]) -> Outcome {
        match self {
            Self::FloatMode => match float_mode::mode() {
                None => Outcome::Skip,
                Some(mode) if mode.is_default() => Outcome::Pass(None),
                Some(mode) => Outcome::Fail(Failure::Mode(mode)),
            },
            Self::Interrupts(check) => match check() {
                Ok(()) => Outcome::Pass(None),
                Err(what) => Outcome::Fail(Failure::Interrupts(what)),
            },
            Self::Kernels(run) => {
                if let kernels::Run::Case(case) = run
                    && let Some(failure) = compare(case, memory)
                {
                    return Outcome::Fail(failure);
                }
                match run.run(seed, memory) {
                    Found::Digest(digest) => Outcome::Pass(Some(digest)),
                    Found::Equal => Outcome::Pass(None),
                    Found::Skipped => Outcome::Skip,
                    Found::Wrong(mismatch) => Outcome::Fail(Failure::Kernels { seed, mismatch }),
                }
            }
        }
    }
}

/// Compares a case with its golden digests; returns what is wrong.
fn compare(case: &Case, memory: &mut [u64]) -> Option<Failure> {
    let Some(digests) = golden(case.name) else {
        return Some(Failure::NoGolden);
    };
    SEEDS.into_iter().zip(digests).find_map(|(seed, golden)| {
        // Too little memory is told by the run that follows.
        let found = (case.run_in)(seed, memory)?;
        (found != golden).then_some(Failure::Digest {
            seed,
            found,
            golden,
        })
    })
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FloatMode => f.write_str("float_mode/start"),
            Self::Interrupts(_) => f.write_str("interrupts/start"),
            Self::Kernels(run) => write!(f, "{run}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "{mode}"),
            Self::Interrupts(what) => f.write_str(what),
            Self::NoGolden => write!(f, "no golden digests"),
            Self::Digest {
                seed,
                found,
                golden,
            } => write!(
                f,
                "digest {found:#018x}, golden {golden:#018x}, seed {seed}"
            ),
            Self::Kernels { seed, mismatch } => write!(f, "{mismatch}, seed {seed}"),
        }
    }
}
