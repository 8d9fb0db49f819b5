//! The cases on this machine: digests of the outputs, and ratios of times.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;
use mambalite_kernels_check::bench::{BENCH_WORDS, Bench, Meter, benches};
use serde::Serialize;

use crate::{Ended, table};

/// Rounds in which each variant has its turn.
const ROUNDS: usize = 15;

/// Time that one turn takes, about.
const TURN: Duration = Duration::from_millis(2);

/// Runs the kernel once.
struct Once;

impl Meter for Once {
    fn measure(&mut self, kernel: &mut dyn FnMut()) {
        kernel();
    }
}

/// Times some runs of the kernel.
struct Timer {
    repeats: u32,
    elapsed: Duration,
}

impl Meter for Timer {
    fn measure(&mut self, kernel: &mut dyn FnMut()) {
        let start = Instant::now();
        for _ in 0..self.repeats {
            black_box(&mut *kernel)();
        }
        self.elapsed = start.elapsed();
    }
}

/// A variant of a case that this machine can run.
struct Runner {
    bench: Bench,
    index: usize,
    name: &'static str,
    /// Runs in one turn.
    repeats: u32,
}

impl Runner {
    /// Returns seconds of one run, measured over a turn.
    fn seconds(&self, memory: &mut [u64]) -> f64 {
        let mut timer = Timer {
            repeats: self.repeats,
            elapsed: Duration::ZERO,
        };
        self.bench.run(self.index, memory, &mut timer);
        timer.elapsed.as_secs_f64() / f64::from(self.repeats)
    }
}

#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    target: &'a str,
    op: &'a str,
    format: &'a str,
    variant: &'a str,
    /// Median over rounds of this variant's time by the reference's of the same round.
    time_of_reference: f64,
}

/// Returns the digest of the reference's outputs by operator and format.
pub(crate) fn digests() -> BTreeMap<(String, String), u64> {
    let mut memory = vec![0; BENCH_WORDS];
    let digest = |bench: Bench| {
        let digest = bench.run(0, &mut memory, &mut Once)?;
        Some(((bench.op.to_owned(), bench.format.to_owned()), digest))
    };
    benches().filter_map(digest).collect()
}

/// Times every case whose name has the text, and prints ratios.
pub(crate) fn run(filter: Option<&str>, json: bool) -> Result<()> {
    let mut memory = vec![0; BENCH_WORDS];
    let mut rows = Vec::new();
    for bench in benches() {
        let runners = runners(&bench, filter, &mut memory)?;
        for (runner, ratio) in runners.iter().zip(ratios(&runners, &mut memory)) {
            if json {
                let line = Line {
                    schema: 1,
                    target: crate::board::HOST,
                    op: bench.op,
                    format: bench.format,
                    variant: runner.name,
                    time_of_reference: ratio,
                };
                println!("{}", serde_json::to_string(&line)?);
            }
            let ratio = format!("{ratio:.3}");
            rows.push([bench.op, bench.format, runner.name, &ratio].map(str::to_owned));
        }
    }
    if rows.is_empty() {
        return Err(Ended::nothing("no case has that name"));
    }
    if !json {
        println!("host: time, as a ratio to the reference's");
        print!(
            "{}",
            table::align(&["operator", "format", "variant", "of ref"], &rows)
        );
    }
    Ok(())
}

/// Finds the variants that this machine can run, the reference first, and how often in a turn.
fn runners(bench: &Bench, filter: Option<&str>, memory: &mut [u64]) -> Result<Vec<Runner>> {
    let (op, format) = (bench.op, bench.format);
    let mut runners = Vec::new();
    let mut reference = None;
    for (index, name) in bench.variants() {
        if filter.is_some_and(|text| !format!("{op} {format} {name}").contains(text)) && index > 0 {
            continue;
        }
        let Some(digest) = bench.run(index, memory, &mut Once) else {
            continue;
        };
        let wanted = *reference.get_or_insert(digest);
        if digest != wanted {
            return Err(Ended::regression(format!(
                "{op} {format} {name}: the outputs have digest {digest:016x}, \
                 the reference's have {wanted:016x}"
            )));
        }
        let mut runner = Runner {
            bench: *bench,
            index,
            name,
            repeats: 1,
        };
        let once = runner.seconds(memory).max(1e-9);
        runner.repeats = (TURN.as_secs_f64() / once).clamp(1.0, 1e6) as u32;
        runners.push(runner);
    }
    let named = |text: &str| format!("{op} {format} ref").contains(text);
    if runners.len() == 1 && !filter.is_none_or(named) {
        runners.clear();
    }
    Ok(runners)
}

/// Returns the median ratio of each variant to the first one, all taking turns.
fn ratios(runners: &[Runner], memory: &mut [u64]) -> Vec<f64> {
    let mut rounds = vec![Vec::with_capacity(ROUNDS); runners.len()];
    for _ in 0..ROUNDS {
        let times: Vec<_> = runners
            .iter()
            .map(|runner| runner.seconds(memory))
            .collect();
        for (ratios, time) in rounds.iter_mut().zip(&times) {
            ratios.push(time / times[0]);
        }
    }
    rounds.into_iter().map(median).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![9.0, 1.0, 2.0]).to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn names_of_cases_differ_and_each_has_a_reference() {
        assert_eq!(digests().len(), benches().count());
        for bench in benches() {
            assert_eq!(bench.variants().next(), Some((0, "ref")), "{}", bench.op);
            assert!((bench.units)() > 0, "{}", bench.op);
        }
    }

    #[test]
    fn every_variant_has_the_outputs_of_the_reference() {
        let mut memory = vec![0; BENCH_WORDS];
        for bench in benches() {
            assert!(!runners(&bench, None, &mut memory).unwrap().is_empty());
        }
    }
}
