//! `mutants`: seeds faults in the kernels, one at a time, and looks whether a test catches each.

mod assembly;
mod journal;
mod known;
mod mutant;
mod operators;
mod sandbox;
mod source;
mod suite;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use journal::{Journal, Line, Verdict};
use known::Known;
use mutant::Mutant;
use sandbox::Sandbox;
use source::Source;
use suite::{Outcome, Stage};

/// Least share of the faults that must be caught, in percent, of those that change a result.
const SCORE_MIN: f64 = 95.0;

/// Rooms of `kernels/src` that are no kernels: what a network is, and its file. The GPU's code has
/// a test of its own, `tests/tests/gpu_mutants.rs`.
const OTHERS: [&str; 10] = [
    "config.rs",
    "digest.rs",
    "lib.rs",
    "model/",
    "network.rs",
    "num/ptx.rs",
    "tap.rs",
    "variant.rs",
    "num/mod.rs",
    "num/simd/tests.rs",
];

/// A small file that every host compiles, and how many of its mutants are run among the tests.
const FEW_FILE: &str = "sum/reference.rs";
const FEW: usize = 6;

/// Where NEON's instructions have names.
const INSTRUCTIONS: &str = "num/neon/intrinsics.rs";

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only mutants whose name has this in it: `scan/mve`, `saturation`, `num/fixed.rs | decay`.
    #[arg(long, default_value = "")]
    variant: String,
    /// So many of them, evenly from every file and kind of fault; all if not given.
    #[arg(long)]
    sample: Option<usize>,
    /// Seed of the sample.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints the mutants instead of running them.
    #[arg(long)]
    list: bool,
    /// Tells of those that have run so far and runs none.
    #[arg(long)]
    report: bool,
    /// Writes each mutant and what became of it.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// Too many faults were not caught; the text above has named them.
#[derive(Debug)]
pub(crate) struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

/// A mutant and what became of it.
#[derive(Debug)]
struct Judged {
    mutant: Mutant,
    line: Line,
    /// Of the list of equivalent mutants.
    reason: Option<String>,
}

/// Seeds the faults and fails if too few are caught.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let known = Known::read()?;
    let mut mutants = all()?;
    let gone = known.without_mutant(&mutants);
    ensure!(
        gone.is_empty(),
        "{}: no such mutants: {gone:?}",
        known::FILE
    );
    mutants.retain(|mutant| mutant.key().contains(&arguments.variant));
    ensure!(
        !mutants.is_empty(),
        "no mutant has {} in its name",
        arguments.variant
    );
    let mutants = sample(mutants, arguments.sample, arguments.seed);
    if arguments.list {
        for mutant in &mutants {
            println!("{mutant}");
        }
        println!("{} mutants", mutants.len());
        return Ok(());
    }
    let mutants = runnable(mutants);
    let results = if arguments.report {
        journaled(mutants, &known)?
    } else {
        packages::install(&[
            Purpose::Firmware,
            Purpose::VirtualBoards,
            Purpose::CheckKernels,
        ])?;
        run_all(mutants, &known, true)?
    };
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&results.iter().map(to_json).collect::<Vec<_>>())?;
        fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    }
    tell(&results)
}

/// Leaves out the mutants of code that this host cannot run, and says so: they are not caught here,
/// whatever the tests are worth.
fn runnable(mut mutants: Vec<Mutant>) -> Vec<Mutant> {
    let all = mutants.len();
    mutants.retain(|mutant| suite::runs_here(&mutant.file));
    let left_out = all - mutants.len();
    if left_out > 0 {
        println!("{left_out} mutants left out: they are of AVX-512, which this host has not");
    }
    mutants
}

/// Runs a few mutants of one small file on the host, which shows that faults are seeded and caught.
///
/// One test; the journal is not asked, or it would show nothing the second time.
pub(crate) fn count() -> Result<Counts> {
    let (mut mutants, known) = (all()?, Known::read()?);
    mutants.retain(|mutant| mutant.file == FEW_FILE && known.find(mutant).is_none());
    let results = run_all(sample(mutants, Some(FEW), 1), &known, false)?;
    let mut counts = Counts::default();
    match results.len() == FEW && tell(&results).is_ok() {
        true => counts.passed += 1,
        false => counts.fail("a sample of mutants", "not all ran and were caught"),
    }
    Ok(counts)
}

/// Returns all mutants of the kernels, file by file.
fn all() -> Result<Vec<Mutant>> {
    let instructions = sandbox::original(INSTRUCTIONS)?;
    let mut mutants = Vec::new();
    for file in sandbox::files()? {
        if OTHERS.iter().any(|other| file.starts_with(other)) {
            continue;
        }
        let text = sandbox::original(&file)?;
        mutants
            .extend(of_text(&file, &text, &instructions).with_context(|| format!("read {file}"))?);
    }
    Ok(mutants)
}

/// Returns the mutants of a file's text.
fn of_text(file: &str, text: &str, instructions: &str) -> Result<Vec<Mutant>> {
    let source = Source::parse(text)?;
    let mut edits = operators::edits(&source, instructions);
    edits.extend(assembly::edits(&source));
    edits.sort_by_key(|edit| edit.range.start);
    let mut counts = BTreeMap::<String, usize>::new();
    let mutants = edits.into_iter().map(|edit| {
        let begin = text[..edit.range.start].rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut mutant = Mutant {
            file: file.to_owned(),
            function: source.functions[edit.function].clone(),
            fault: edit.fault,
            line: text[..begin].matches('\n').count() + 1,
            source: line.trim().to_owned(),
            change: format!(
                "{} => {}",
                words(&text[edit.range.clone()]),
                words(&edit.text)
            ),
            nth: 0,
            range: edit.range,
            text: edit.text,
        };
        let count = counts.entry(mutant.key()).or_default();
        mutant.nth = *count;
        *count += 1;
        mutant
    });
    Ok(mutants.collect())
}

/// Takes so many mutants by chance: one of each file and kind of fault in turn, the kinds that are
/// of fixed-point kernels and tiles first.
fn sample(mut mutants: Vec<Mutant>, count: Option<usize>, seed: u64) -> Vec<Mutant> {
    let Some(count) = count else {
        return mutants;
    };
    let place = |mutant: &Mutant| sandbox::digest(&format!("{seed} {}", mutant.key()));
    mutants.sort_by_cached_key(place);
    let mut rounds = BTreeMap::<_, usize>::new();
    let mut in_turn: Vec<_> = mutants
        .into_iter()
        .map(|mutant| {
            let round = rounds
                .entry((mutant.file.clone(), mutant.fault))
                .or_default();
            *round += 1;
            (*round, mutant)
        })
        .collect();
    in_turn.sort_by_key(|(round, mutant)| (*round, !mutant.fault.is_of_kernels()));
    in_turn.truncate(count);
    let mut mutants: Vec<_> = in_turn.into_iter().map(|(_, mutant)| mutant).collect();
    // Those of one program one after another.
    mutants.sort_by(|a, b| {
        (suite::of(&a.file), &a.file, a.line).cmp(&(suite::of(&b.file), &b.file, b.line))
    });
    mutants
}

/// Returns what the journal has of mutants, survivors too.
fn journaled(mutants: Vec<Mutant>, known: &Known) -> Result<Vec<Judged>> {
    let journal = Journal::open()?;
    let of = |mutant: Mutant| {
        let line = journal.last(&mutant.key())?.clone();
        let reason = known.find(&mutant).map(|entry| entry.reason.clone());
        Some(Judged {
            mutant,
            line,
            reason,
        })
    };
    Ok(mutants.into_iter().filter_map(of).collect())
}

/// Runs mutants; `resumes` leaves out those that the journal knows.
fn run_all(mutants: Vec<Mutant>, known: &Known, resumes: bool) -> Result<Vec<Judged>> {
    let mut judge = Judge {
        resumes,
        journal: Journal::open()?,
        sandbox: Sandbox::new()?,
        passed: BTreeSet::new(),
    };
    let (total, mut results) = (mutants.len(), Vec::new());
    for mutant in mutants {
        let line = judge.line(&mutant)?;
        let Line {
            verdict,
            by,
            seconds,
            ..
        } = &line;
        println!(
            "{}/{total} {mutant}: {verdict:?} {by}, {seconds:.1} s",
            results.len() + 1
        );
        let reason = known.find(&mutant).map(|entry| entry.reason.clone());
        results.push(Judged {
            mutant,
            line,
            reason,
        });
    }
    Ok(results)
}

/// Tells what becomes of mutants.
struct Judge {
    /// Whether what the journal knows stays.
    resumes: bool,
    journal: Journal,
    sandbox: Sandbox,
    /// The tests that pass without a fault.
    passed: BTreeSet<Stage>,
}

impl Judge {
    /// Returns what became of a mutant, by the journal or by its tests.
    fn line(&mut self, mutant: &Mutant) -> Result<Line> {
        let (key, text) = (mutant.key(), sandbox::original(&mutant.file)?);
        let digest = sandbox::digest(&text);
        let known = self.journal.find(&key, &digest);
        if let Some(line) = known.filter(|_| self.resumes) {
            return Ok(line.clone());
        }
        let mut seconds = 0.0;
        let ended = self.run(mutant, &text, &mut seconds);
        self.sandbox.write(&mutant.file, &text)?;
        let (verdict, by) = ended?;
        let line = Line {
            key,
            digest,
            verdict,
            by,
            seconds,
        };
        self.journal.add(&line)?;
        Ok(line)
    }

    /// Runs the tests that own a mutant's file, with the fault in it, up to the first failure.
    /// `seconds` is how long that took, without what the tests take before a first fault.
    fn run(&mut self, mutant: &Mutant, text: &str, seconds: &mut f64) -> Result<(Verdict, String)> {
        let root = self.sandbox.root().to_path_buf();
        for stage in suite::of(&mutant.file) {
            let name = stage.name();
            if !self.passed.contains(&stage) {
                self.sandbox.write(&mutant.file, text)?;
                let outcome = stage.run(&root)?;
                ensure!(
                    outcome == Outcome::Passed,
                    "without a fault, {name}: {outcome:?}"
                );
                self.passed.insert(stage);
            }
            let start = Instant::now();
            self.sandbox.write(&mutant.file, &mutant.apply(text))?;
            let outcome = stage.run(&root)?;
            *seconds += start.elapsed().as_secs_f64();
            match outcome {
                Outcome::Passed => {}
                Outcome::Failed(test) => return Ok((Verdict::Caught, format!("{name}: {test}"))),
                Outcome::TimedOut => return Ok((Verdict::TimedOut, name)),
                Outcome::NotCompiled(error) => return Ok((Verdict::NotCompiled, error)),
            }
        }
        Ok((Verdict::Survived, String::new()))
    }
}

/// Shows the score and what is wrong, and fails if something is.
fn tell(results: &[Judged]) -> Result<()> {
    for line in table::lines(results) {
        println!("{line}");
    }
    let (mut stale, mut late, mut seconds) = (0, 0, 0.0);
    for Judged {
        mutant,
        line,
        reason,
    } in results
    {
        seconds += line.seconds;
        late += usize::from(line.verdict == Verdict::TimedOut);
        match (line.verdict, reason) {
            (Verdict::Survived, None) => println!("SURVIVED {mutant}\n    {}", mutant.source),
            (Verdict::Caught | Verdict::TimedOut, Some(_)) => {
                stale += 1;
                println!(
                    "STALE {mutant}: in {} as equivalent, caught by {}",
                    known::FILE,
                    line.by
                );
            }
            _ => {}
        }
    }
    let counts = table::count(results);
    println!(
        "{} mutants, {} caught ({late} by their time), {} survived, {} equivalent, {} refused by the compiler: {:.1} %, {:.1} s each",
        results.len(),
        counts.caught,
        counts.survived,
        counts.equivalent,
        counts.refused,
        counts.score(),
        seconds / results.len().max(1) as f64,
    );
    if stale > 0 {
        return Err(Failed(format!(
            "{stale} mutants are listed as equivalent and are caught"
        ))
        .into());
    }
    if counts.score() < SCORE_MIN {
        return Err(Failed(format!(
            "{:.1} % are caught, {SCORE_MIN} % have to be",
            counts.score()
        ))
        .into());
    }
    Ok(())
}

fn to_json(result: &Judged) -> serde_json::Value {
    let Judged {
        mutant,
        line,
        reason,
    } = result;
    json!({
        "file": mutant.file,
        "line": mutant.line,
        "function": mutant.function,
        "fault": mutant.fault,
        "source": mutant.source,
        "change": mutant.change,
        "verdict": line.verdict,
        "by": line.by,
        "seconds": line.seconds,
        "equivalent": reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_has_mutants_and_keys_differ() {
        let mutants = all().unwrap();
        let keys: BTreeSet<_> = mutants.iter().map(Mutant::key).collect();
        assert_eq!(keys.len(), mutants.len());
        for variant in ["reference", "x86", "avx512", "neon", "dsp", "mve", "exec/"] {
            assert!(
                mutants.iter().any(|mutant| mutant.file.contains(variant)),
                "{variant}"
            );
        }
        for mutant in &mutants {
            let text = sandbox::original(&mutant.file).unwrap();
            assert_ne!(mutant.apply(&text), text, "{mutant}");
        }
    }

    #[test]
    fn a_sample_takes_from_each_file_and_fault() {
        let text = "fn f() { x >> 3; x + y }";
        let of = |file: &str| of_text(file, text, "").unwrap();
        let mutants: Vec<_> = ["a.rs", "b.rs"].into_iter().flat_map(of).collect();
        let sampled = sample(mutants.clone(), Some(6), 1);
        let kinds: BTreeSet<_> = sampled
            .iter()
            .map(|mutant| (&mutant.file, mutant.fault))
            .collect();
        assert_eq!((sampled.len(), kinds.len()), (6, 6));
        assert_eq!(sample(mutants.clone(), Some(6), 1), sampled);
        assert_eq!(sample(mutants, Some(100), 1).len(), 2 * of("a.rs").len());
    }
}
