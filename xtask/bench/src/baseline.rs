//! Stored counts, and how new ones compare with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::board::Board;
use crate::measurement::Measurement;

const SCHEMA: u32 = 1;

/// What a count may grow by with another compiler, in percent.
const GROWTH_PERCENT_MAX: u64 = 2;

/// Instruction counts of one board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Baseline {
    schema: u32,
    /// The compiler.
    rustc: String,
    /// Instructions by operator, format and variant.
    instructions: BTreeMap<String, u64>,
}

/// How counts compare.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// What makes a check fail.
    pub(crate) complaints: Vec<String>,
    /// What is worth knowing.
    pub(crate) notes: Vec<String>,
}

impl Report {
    /// Adds the report of another board.
    pub(crate) fn add(&mut self, other: Self) {
        self.complaints.extend(other.complaints);
        self.notes.extend(other.notes);
    }
}

impl Baseline {
    /// Makes a baseline of measurements.
    pub(crate) fn new(rustc: String, measurements: &[Measurement]) -> Self {
        let counts = measurements.iter().map(|one| (one.key(), one.instructions));
        Self {
            schema: SCHEMA,
            rustc,
            instructions: counts.collect(),
        }
    }

    /// Reads a file of this schema.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| {
            format!(
                "read {}; cargo xtask bench --update writes it",
                path.display()
            )
        })?;
        let baseline: Self =
            toml::from_str(&text).with_context(|| format!("parse {}", path.display()))?;
        let found = baseline.schema;
        ensure!(
            found == SCHEMA,
            "{}: schema {found}, not {SCHEMA}",
            path.display()
        );
        Ok(baseline)
    }

    /// Writes the file.
    pub(crate) fn write(&self, path: &Path, board: &Board) -> Result<()> {
        let head = format!(
            "# Instructions on {} ({}), written by `cargo xtask bench --update`.\n",
            board.name, board.core
        );
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        }
        fs::write(path, head + &toml::to_string(self)?)
            .with_context(|| format!("write {}", path.display()))
    }

    /// Compares new counts with these, those whose name has the text if there is one.
    ///
    /// With the same compiler counts are exact: any other one is a complaint, a smaller one too,
    /// since it hides a later growth. With another compiler only growth past the gate is.
    pub(crate) fn compare(&self, found: &Self, board: &Board, filter: Option<&str>) -> Report {
        let mut report = Report::default();
        let exact = self.rustc == found.rustc;
        if !exact {
            report.notes.push(format!(
                "{}: the baseline is of {}, this is {}: growth up to {GROWTH_PERCENT_MAX} % passes",
                board.name, self.rustc, found.rustc
            ));
        }
        let shown = |key: &str| filter.is_none_or(|text| key.contains(text));
        for (key, &now) in found.instructions.iter().filter(|(key, _)| shown(key)) {
            let Some(&before) = self.instructions.get(key) else {
                report
                    .complaints
                    .push(format!("{}: {key}: not in the baseline", board.name));
                continue;
            };
            if now == before {
                continue;
            }
            let change = (now as f64 / before as f64 - 1.0) * 100.0;
            let line = format!("{}: {key}: {before} -> {now} ({change:+.2} %)", board.name);
            // In integers: now > before * 1.02.
            let grown = now * 100 > before * (100 + GROWTH_PERCENT_MAX);
            if exact || grown {
                report.complaints.push(line);
            } else {
                report.notes.push(line);
            }
        }
        let gone = self.instructions.keys();
        for key in gone.filter(|key| shown(key) && !found.instructions.contains_key(*key)) {
            report
                .complaints
                .push(format!("{}: {key}: no longer measured", board.name));
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::BOARDS;

    fn baseline(rustc: &str, counts: &[(&str, u64)]) -> Baseline {
        Baseline {
            schema: SCHEMA,
            rustc: rustc.to_owned(),
            instructions: counts
                .iter()
                .map(|&(key, count)| (key.to_owned(), count))
                .collect(),
        }
    }

    fn compare(before: &Baseline, now: &Baseline) -> Report {
        before.compare(now, &BOARDS[0], None)
    }

    #[test]
    fn the_same_counts_pass_in_silence() {
        let before = baseline("1.96", &[("a", 100), ("b", 200)]);
        assert_eq!(compare(&before, &before), Report::default());
    }

    #[test]
    fn with_the_same_compiler_one_instruction_is_a_complaint() {
        let before = baseline("1.96", &[("a", 1_000_000)]);
        for now in [999_999, 1_000_001] {
            let report = compare(&before, &baseline("1.96", &[("a", now)]));
            assert_eq!(report.complaints.len(), 1, "{now}");
        }
    }

    #[test]
    fn with_another_compiler_two_percent_pass() {
        let before = baseline("1.96", &[("a", 1000)]);
        for (now, complaints) in [(1, 0), (1020, 0), (1021, 1)] {
            let report = compare(&before, &baseline("1.97", &[("a", now)]));
            assert_eq!(report.complaints.len(), complaints, "{now}");
            assert!(!report.notes.is_empty());
        }
    }

    #[test]
    fn missing_and_surplus_cases_are_complaints() {
        let before = baseline("1.96", &[("a", 1), ("b", 2)]);
        let report = compare(&before, &baseline("1.97", &[("b", 2), ("c", 3)]));
        let wanted = [
            "mps2-an386: c: not in the baseline",
            "mps2-an386: a: no longer measured",
        ];
        assert_eq!(report.complaints, wanted);
    }

    #[test]
    fn a_filter_leaves_out_both_sides() {
        let before = baseline("1.96", &[("conv a", 1), ("scan b", 2)]);
        let now = baseline("1.96", &[("conv a", 1), ("scan c", 3)]);
        let report = before.compare(&now, &BOARDS[0], Some("conv"));
        assert_eq!(report, Report::default());
    }

    #[test]
    fn a_file_reads_as_it_was_written() {
        let folder = std::env::temp_dir().join(format!("baseline-{}", std::process::id()));
        let path = folder.join("a/b.toml");
        let before = baseline("1.96", &[("conv3x3 32->32 w8a8 ref", 7)]);
        before.write(&path, &BOARDS[0]).unwrap();
        assert_eq!(Baseline::read(&path).unwrap(), before);
        fs::write(&path, "schema = 2\nrustc = \"\"\n[instructions]\n").unwrap();
        assert!(Baseline::read(&path).is_err());
        fs::remove_dir_all(&folder).unwrap();
        assert!(Baseline::read(&path).is_err());
    }
}
