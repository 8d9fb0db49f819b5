//! What became of the mutants so far, a line each, so that a run that was interrupted goes on.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::sandbox;

/// What became of a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// A test failed.
    Caught,
    /// A test came to no end, which counts as caught.
    TimedOut,
    /// Every test passed.
    Survived,
    /// The compiler refused it, which does not count.
    NotCompiled,
}

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Line {
    /// Name of the mutant, [`super::mutant::Mutant::key`].
    pub(super) key: String,
    /// Digest of the file without the fault.
    pub(super) digest: String,
    pub(super) verdict: Verdict,
    /// What caught it, or why it was refused.
    pub(super) by: String,
    /// Time for building and testing.
    pub(super) seconds: f64,
}

/// The journal.
#[derive(Debug)]
pub(super) struct Journal {
    lines: BTreeMap<String, Line>,
    file: File,
}

impl Journal {
    /// Opens the journal of this checkout.
    pub(super) fn open() -> Result<Self> {
        let path = path();
        fs::create_dir_all(sandbox::folder()).context("create the folder of the journal")?;
        let text = fs::read_to_string(&path).unwrap_or_default();
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let mut file = file.with_context(|| format!("open {}", path.display()))?;
        if !text.is_empty() && !text.ends_with('\n') {
            // The run before ended in the middle of a line.
            writeln!(file)?;
        }
        Ok(Self {
            lines: parse(&text),
            file,
        })
    }

    /// Returns what became of a mutant if that still holds.
    ///
    /// What was caught or refused in the same file is so again. One that survived has to run again:
    /// there may be new tests.
    pub(super) fn find(&self, key: &str, digest: &str) -> Option<&Line> {
        let line = self.last(key)?;
        (line.digest == digest && line.verdict != Verdict::Survived).then_some(line)
    }

    /// Returns what became of a mutant when it last ran.
    pub(super) fn last(&self, key: &str) -> Option<&Line> {
        self.lines.get(key)
    }

    /// Adds a line.
    pub(super) fn add(&mut self, line: &Line) -> Result<()> {
        let text = serde_json::to_string(line)?;
        writeln!(self.file, "{text}").context("write the journal")
    }
}

fn path() -> PathBuf {
    sandbox::folder().join("journal.jsonl")
}

/// Reads the lines; a later one of a mutant takes the place of an earlier one.
fn parse(text: &str) -> BTreeMap<String, Line> {
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.map(|line: Line| (line.key.clone(), line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_counts_and_half_a_line_does_not() {
        let line = |verdict: &str| {
            format!(r#"{{"key":"k","digest":"d","verdict":"{verdict}","by":"","seconds":1.5}}"#)
        };
        let (first, second) = (line("survived"), line("caught"));
        let lines = parse(&format!("{first}\n{second}\n{}", &first[..20]));
        assert_eq!(lines.len(), 1);
        assert_eq!(lines["k"].verdict, Verdict::Caught);
    }
}
