//! `check-kernels`: the conformance cases of the kernels on every target.

mod controls;
pub(crate) mod program;
mod report;
mod skips;
mod table;
pub(crate) mod targets;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::repository;
use report::{Outcome, Report};
use skips::Skips;
use targets::Target;

/// Seed where none is given. Not one that golden digests are of: those run anyhow.
pub(crate) const SEED: u64 = 4;

/// Failures that were found; the text above has named them.
#[derive(Debug)]
pub(crate) struct Failed(usize);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} conformance cases failed", self.0)
    }
}

impl std::error::Error for Failed {}

/// Names of the targets.
pub(crate) fn target_names() -> Vec<&'static str> {
    targets::ALL.iter().map(|target| target.name).collect()
}

/// Compiler's names of the targets, without the host's.
pub(crate) fn triples() -> Vec<&'static str> {
    let mut triples: Vec<_> = targets::ALL.iter().map(|target| target.triple).collect();
    triples.retain(|triple| !triple.is_empty());
    triples.sort_unstable();
    triples.dedup();
    triples
}

/// Builds and runs the cases on some targets, all if none is named, and fails if a case does.
pub(crate) fn run(names: &[String], seed: u64) -> Result<()> {
    let counts = count(names, seed)?;
    println!(
        "{} passed, {} failed, {} skipped, seed {seed}",
        counts.passed, counts.failed, counts.skipped
    );
    if counts.failed > 0 {
        return Err(Failed(counts.failed).into());
    }
    Ok(())
}

/// Builds and runs the cases, shows the table, and counts each case on each target as a test.
///
/// The host runs too, whatever is named: the others must have its digests.
pub(crate) fn count(names: &[String], seed: u64) -> Result<Counts> {
    packages::install(&[
        Purpose::Firmware,
        Purpose::VirtualBoards,
        Purpose::CheckKernels,
    ])?;
    let skips = read_skips()?;
    let chosen = |name: &str| name == "host" || names.is_empty() || names.iter().any(|n| n == name);
    let (mut reports, mut programs) = (Vec::<(&str, Report)>::new(), BTreeMap::new());
    let (mut counts, flags) = (Counts::default(), processor_flags());
    for target in targets::ALL.iter().filter(|target| chosen(target.name)) {
        let program = program::build(target)?;
        let mut report = program::run(target, &program, seed, &[])?;
        if let Some((_, host)) = reports.first() {
            report.compare(host);
        }
        skips.judge(target.name, &mut report, &flags);
        counts += tell(target, &report);
        reports.push((target.name, report));
        programs.insert(target.name, program);
    }
    counts += run_controls(&programs, seed)?;
    for line in table::lines(&reports) {
        println!("{line}");
    }
    Ok(counts)
}

/// Shows what went wrong on a target and counts its runs; a problem of the whole is a failure too.
fn tell(target: &Target, report: &Report) -> Counts {
    let mut counts = Counts::default();
    let stack = report
        .stack
        .as_ref()
        .map_or(String::new(), |stack| format!(", stack {stack} bytes"));
    println!("{}: {} runs{stack}", target.name, report.runs.len());
    for (name, outcome) in &report.runs {
        match outcome {
            Outcome::Pass(_) => counts.passed += 1,
            Outcome::Skip => counts.skipped += 1,
            Outcome::Fail(detail) => counts.fail(format!("{} {name}", target.name), detail),
        }
    }
    for problem in &report.problems {
        counts.fail(target.name, problem);
    }
    counts
}

/// Makes the faults of the targets that ran; a fault that is not found is a failure.
fn run_controls(programs: &BTreeMap<&str, PathBuf>, seed: u64) -> Result<Counts> {
    let mut counts = Counts::default();
    for control in controls::ALL {
        let target = targets::ALL
            .iter()
            .find(|target| target.name == control.target);
        let (Some(target), Some(program)) = (target, programs.get(control.target)) else {
            continue;
        };
        let report = program::run(target, program, seed, &[control.word])?;
        match (control.found)(&report) {
            Ok(how) => {
                counts.passed += 1;
                println!("{} {}: found, {how}", control.target, control.word);
            }
            Err(why) => {
                let name = format!("{} {}", control.target, control.word);
                counts.fail(name, format!("not found, {why}"));
            }
        }
    }
    Ok(counts)
}

fn read_skips() -> Result<Skips> {
    let file = repository::firmware().join("check/skips.txt");
    let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
    let skips = Skips::parse(&text).with_context(|| format!("read {}", file.display()))?;
    let names = target_names();
    for target in skips.targets() {
        ensure!(
            names.contains(&target),
            "{}: there is no target {target}",
            file.display()
        );
    }
    Ok(skips)
}

/// Returns the flags of this computer's processor.
fn processor_flags() -> Vec<String> {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with("flags") || line.starts_with("Features"));
    let flags = line
        .and_then(|line| line.split_once(':'))
        .map_or("", |(_, flags)| flags);
    flags.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_skips_can_be_read() {
        super::read_skips().unwrap();
    }
}
