//! The list of equivalent mutants: faults that change no result, each with a reason.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::mutant::{Fault, Mutant};
use crate::repository;

/// The file.
pub(super) const FILE: &str = "kernels/mutants.toml";

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    #[serde(default)]
    equivalent: Vec<Entry>,
}

/// Mutants that are equivalent for one reason: those that fit all that is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    file: String,
    function: String,
    /// All kinds of faults if none is named.
    fault: Option<Fault>,
    /// Text of the line.
    line: String,
    /// What is changed, `old => new`; all changes of the line if none is named.
    change: Option<String>,
    /// Why no result changes.
    pub(super) reason: String,
}

impl Known {
    /// Reads the list of the checkout.
    pub(super) fn read() -> Result<Self> {
        let path = repository::root().join(FILE);
        let text = fs::read_to_string(&path).with_context(|| format!("read {FILE}"))?;
        Self::parse(&text).with_context(|| format!("read {FILE}"))
    }

    fn parse(text: &str) -> Result<Self> {
        let known: Self = toml::from_str(text)?;
        for entry in &known.equivalent {
            ensure!(
                !entry.reason.trim().is_empty(),
                "no reason for {}",
                entry.line
            );
        }
        Ok(known)
    }

    /// Returns the entry that a mutant fits.
    pub(super) fn find(&self, mutant: &Mutant) -> Option<&Entry> {
        self.equivalent.iter().find(|entry| entry.fits(mutant))
    }

    /// Returns the lines of the entries that fit none of all mutants: their code is no more.
    pub(super) fn without_mutant<'a>(&'a self, all: &[Mutant]) -> Vec<&'a str> {
        let unused = self.equivalent.iter();
        let unused = unused.filter(|entry| !all.iter().any(|mutant| entry.fits(mutant)));
        unused.map(|entry| entry.line.as_str()).collect()
    }
}

impl Entry {
    fn fits(&self, mutant: &Mutant) -> bool {
        self.file == mutant.file
            && self.function == mutant.function
            && self.line == mutant.source
            && self.fault.is_none_or(|fault| fault == mutant.fault)
            && self
                .change
                .as_ref()
                .is_none_or(|change| *change == mutant.change)
    }
}

#[cfg(test)]
mod tests {
    use super::super::all;
    use super::*;

    #[test]
    fn every_entry_has_a_mutant() {
        let unused = Known::read().unwrap();
        assert_eq!(unused.without_mutant(&all().unwrap()), Vec::<&str>::new());
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        let text = "[[equivalent]]\nfile='a'\nfunction='b'\nline='c'\nreason=' '";
        assert!(Known::parse(text).is_err());
        assert!(Known::parse(&text.replace("' '", "'d'")).is_ok());
    }
}
