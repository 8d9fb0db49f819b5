//! Runs the conformance cases of the kernels and prints what became of each, a line a case.
//!
//! One program for every target: bare Cortex-M and RISC-V (semihosting) and Linux. The lines are
//! for `cargo xtask check-kernels`, which knows the targets:
//!
//! ```text
//! PLAN 54 seed 4          runs that follow, and the seed of those that take one
//! RUN scan_full/f32       what begins; with no result after it, it took the program down
//! PASS scan_full/f32 0x…  and the digest for the seed, which must be that of every target
//! SKIP float_mode/mode    this target has no such thing
//! FAIL gate/f32 detail
//! STACK 3120 of 15360     bytes used and there
//! END
//! ```
//!
//! Exit code 0 says that none failed, 3 that some did.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", target_arch = "arm"))]
#[path = "cortex_m.rs"]
mod platform;
#[cfg(not(target_os = "none"))]
#[path = "linux.rs"]
mod platform;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
#[path = "riscv.rs"]
mod platform;

mod control;
mod float_mode;
#[cfg(all(target_os = "none", target_arch = "riscv32"))]
mod interrupts;
mod options;
mod runs;
#[cfg(target_os = "none")]
mod semihosting;

use core::fmt::{self, Write};

use control::Control;
use options::Options;
use runs::Outcome;

/// Exit codes, as of the other programs.
const BUG: u8 = 1;
const USAGE: u8 = 2;
const MISMATCH: u8 = 3;

#[cfg(not(target_os = "none"))]
fn main() -> std::process::ExitCode {
    platform::main()
}

/// Runs everything, in memory that the variants are tested in, and returns the exit code.
fn check(
    out: &mut impl Write,
    options: &Options<'_>,
    memory: &mut [u64],
) -> Result<u8, fmt::Error> {
    let seed = options.seed;
    let runs = || runs::all().filter(|run| run.operator().starts_with(options.only));
    writeln!(out, "PLAN {} seed {seed}", runs().count())?;
    match options.control {
        None => {}
        Some(Control::FlushToZero) => platform::flush_to_zero(),
        Some(Control::StackOverflow) => control::overflow_stack(),
    }
    let mut failed = false;
    for run in runs() {
        writeln!(out, "RUN {run}")?;
        match run.outcome(seed, memory) {
            Outcome::Pass(None) => writeln!(out, "PASS {run}")?,
            Outcome::Pass(Some(digest)) => writeln!(out, "PASS {run} {digest:#018x}")?,
            Outcome::Skip => writeln!(out, "SKIP {run}")?,
            Outcome::Fail(detail) => {
                failed = true;
                writeln!(out, "FAIL {run} {detail}")?;
            }
        }
    }
    if let Some((used, there)) = platform::stack_bytes() {
        writeln!(out, "STACK {used} of {there}")?;
    }
    writeln!(out, "END")?;
    Ok(if failed { MISMATCH } else { 0 })
}
