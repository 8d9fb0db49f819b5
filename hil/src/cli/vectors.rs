//! `hil vectors`: the vectors that a board has to get right.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use mambalite::{atomic_file, registry};
use mambalite_hil::error::{EXIT_MISMATCH, EXIT_PASS};
use mambalite_hil::{Result, suite};
use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::predicate::Accumulator;
use mambalite_hil_certificate::suite::Class;
use mambalite_kernels::Precision;
use serde::Serialize;

use super::output::Output;
use super::run::precision_parser;

const EXAMPLES: &str = "\
Examples:
  hil vectors
  hil vectors --model dvmsr-x4-141k --precision w8a8 --out w8a8.json
  hil vectors --model mine.mls --check mine.json --json";

/// Makes the suite of vectors of a model, and computes what must come of each.
///
/// Small pictures of seven classes; one model file has one suite, to the byte. Without --out and --check
/// it is shown as a table. See docs/vectors.md.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of a shipped model, or a model file.
    #[arg(long, value_name = "NAME|FILE", default_value = registry::DEFAULT)]
    model: String,
    /// Number format. Without it a shipped model is taken in f32 and a file as it is.
    #[arg(long, value_parser = precision_parser())]
    precision: Option<Precision>,
    /// Writes the suite to this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compares this file with the suite; what differs makes the exit code 3.
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    check: Option<PathBuf>,
}

/// A suite in short.
#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    precision: &'a str,
    vectors: usize,
    pixels: usize,
    classes: &'a BTreeMap<Class, Count>,
    accumulators: &'a [Accumulator],
    root: &'a str,
    /// What the file says otherwise, with --check.
    differences: Option<&'a [String]>,
}

/// How much there is of a class.
#[derive(Clone, Copy, Default, Serialize)]
struct Count {
    vectors: usize,
    /// LR pixels.
    pixels: usize,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let file = registry::load(&self.model, self.precision)?;
        let computed = suite::of_model(&suite::model_name(&self.model), &file)?;
        let differences = match &self.check {
            Some(path) => Some(suite::differences(&suite::read(path)?.0, &computed)),
            None => None,
        };
        if let Some(path) = &self.out {
            let bytes = suite::to_file(&computed)?;
            atomic_file::write(path, |file| file.write_all(&bytes))?;
        }
        let accumulators = suite::accumulators(&file.model())?;
        show(output, &computed, &accumulators, differences.as_deref());
        Ok(match differences {
            Some(found) if !found.is_empty() => EXIT_MISMATCH,
            _ => EXIT_PASS,
        })
    }
}

fn show(
    output: Output,
    suite: &Suite,
    accumulators: &[Accumulator],
    differences: Option<&[String]>,
) {
    let mut classes: BTreeMap<Class, Count> = BTreeMap::new();
    for vector in &suite.vectors {
        let count = classes.entry(vector.class).or_default();
        count.vectors += 1;
        count.pixels += usize::from(vector.width) * usize::from(vector.height);
    }
    let line = Line {
        model: &suite.model,
        precision: &suite.precision,
        vectors: suite.vectors.len(),
        pixels: classes.values().map(|it| it.pixels).sum(),
        classes: &classes,
        accumulators,
        root: &suite.root,
        differences,
    };
    match output.json {
        true => output.object("vectors", &line),
        false => table(output, &line),
    }
}

fn table(output: Output, line: &Line<'_>) {
    output.line(&format!("{} {}", line.model, line.precision));
    output.line(&format!(
        "{:<12} {:>7} {:>9}",
        "CLASS", "VECTORS", "LR PIXELS"
    ));
    for (class, Count { vectors, pixels }) in line.classes {
        output.line(&format!("{:<12} {vectors:>7} {pixels:>9}", class.name()));
    }
    output.line(&format!(
        "{:<12} {:>7} {:>9}",
        "all", line.vectors, line.pixels
    ));
    if let Some(largest) = line.accumulators.iter().max_by_key(|it| it.bound) {
        let Accumulator { name, bound, limit } = largest;
        output.line(&format!("largest sum: {bound} of {limit}, in {name}"));
    }
    output.line(&format!("root {}", line.root));
    for difference in line.differences.unwrap_or_default() {
        output.line(&format!("DIFFERS: {difference}"));
    }
    if line.differences.is_some_and(<[String]>::is_empty) {
        output.line("the file is equal");
    }
}
