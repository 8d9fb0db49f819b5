//! `no-panic`: no variant for Cortex-M has a panic left in it when it is linked.
//!
//! `firmware/no-panic` links the entry points of all variants of a target and nothing else of the
//! kernels, with the firmware's profile, taken by address, so that the compiler knows nothing of
//! their arguments. Every panic ends in one function, which the linker drops if nothing can reach
//! it. So its absence proves that no input whatever makes such a variant panic, in what this
//! compiler makes of it with these flags.
//!
//! Where a variant falls back to a reference, that function is there. Then every direct call that
//! ends in it has to be a reference's: of a function or, by the debug info, of a line of
//! `reference.rs` that was inlined. That is as good as the debug info is.
//!
//! It proves nothing about variants of other processors, or about faults of the core, endless loops
//! and stack. With the firmware's profile, sums that overflow wrap; the tests on the host look for
//! those, with optimised kernels and checks of overflow.

mod elf;
mod thumb;

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};

use crate::check::program;
use crate::check::targets::{self, Target};
use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{process, repository};
use elf::Findings;

const PACKAGE: &str = "mambalite-firmware-no-panic";
/// The feature that adds a function that can panic.
const CONTROL: &str = "control";
/// What the names of its function end in.
const CONTROL_FUNCTION: &str = "::control";

/// Targets, by their names in `check-kernels`, with the variants that each has.
const TARGETS: [(&str, &[&str]); 2] = [("m4f", &["dsp"]), ("m33", &["dsp", "mve"])];

/// Builds and looks; fails if a variant can panic.
pub(crate) fn run() -> Result<()> {
    let counts = count()?;
    ensure!(
        counts.failed == 0,
        "{} of the programs can panic or lack what is looked for",
        counts.failed
    );
    Ok(())
}

/// Builds and looks, and counts each target and the control as a test.
pub(crate) fn count() -> Result<Counts> {
    packages::install(&[Purpose::Firmware])?;
    let mut counts = Counts::default();
    for (name, isas) in TARGETS {
        let target = targets::ALL.iter().find(|target| target.name == name);
        let target = target.with_context(|| format!("there is no target {name}"))?;
        let mut complaints = judge(target, isas)?;
        if counts == Counts::default() {
            // The control: it would be found.
            complaints.extend(judge_control(target)?);
        }
        counts.judge(format!("no-panic {name}"), &complaints);
    }
    Ok(counts)
}

/// Returns what is wrong with the variants of a target.
fn judge(target: &Target, isas: &[&str]) -> Result<Vec<String>> {
    let findings = build(target, &[])?;
    let mut complaints = findings.calls.clone();
    let mut table = BTreeMap::new();
    for isa in isas {
        for operator in written(isa)? {
            let path = format!("mambalite_kernels::{operator}::{isa}::");
            let functions = findings.functions.iter().filter(|f| f.contains(&path));
            let functions = functions.count();
            if functions == 0 {
                complaints.push(format!("no function of {operator}/{isa} is linked"));
            }
            table.insert(format!("{operator}/{isa}"), functions);
        }
    }
    ensure!(!table.is_empty(), "{} has no variants", target.name);
    let cells = table.iter().map(|(name, count)| format!("{name} {count}"));
    let cells: Vec<_> = cells.collect();
    let verdict = match (complaints.is_empty(), findings.can_panic) {
        (false, _) => "a variant can panic",
        (true, true) => "only references that variants fall back to can panic",
        (true, false) => "nothing can panic",
    };
    println!(
        "no-panic {}: {verdict}; functions of {}",
        target.name,
        cells.join(", ")
    );
    Ok(complaints)
}

/// Returns a complaint if the function that can panic is not found.
fn judge_control(target: &Target) -> Result<Option<String>> {
    let findings = build(target, &["--features", CONTROL])?;
    let is_control = |call: &String| {
        let caller = call.split(" calls ").next().unwrap_or_default();
        caller.ends_with(CONTROL_FUNCTION)
    };
    let found = findings.can_panic && findings.calls.iter().any(is_control);
    Ok((!found).then(|| format!("the control is not found: {:?}", findings.calls)))
}

/// Builds the program of a target and reads it.
fn build(target: &Target, options: &[&str]) -> Result<Findings> {
    let root = repository::root();
    let mut command = program::cargo(target, &root)?;
    command
        .args(["--locked", "--package", PACKAGE])
        .args(options);
    process::run(&mut command, &repository::firmware())?;
    let built = program::programs(target, &root)?.join(PACKAGE);
    // The next target's build may put its file in the same place.
    let kept = repository::target().join("no-panic");
    fs::create_dir_all(&kept).with_context(|| format!("create {}", kept.display()))?;
    let kept = kept.join(target.name);
    fs::copy(built, &kept)?;
    Findings::read(&kept)
}

/// Returns the operators whose file for an instruction set has entry points.
fn written(isa: &str) -> Result<Vec<String>> {
    let kernels = repository::root().join("kernels/src");
    let entries = fs::read_dir(&kernels).with_context(|| format!("read {}", kernels.display()))?;
    let mut operators = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        // What variants share is linked where they use it.
        if folder.ends_with("num") {
            continue;
        }
        let text = fs::read_to_string(folder.join(isa).with_extension("rs")).unwrap_or_default();
        // A file that is not written yet has functions that return `None`.
        if text.contains("Some(") || text.contains("then_some(") {
            let name = folder.file_name().unwrap_or_default().to_string_lossy();
            operators.push(name.into_owned());
        }
    }
    Ok(operators)
}
