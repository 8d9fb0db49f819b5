//! What was checked, step by step.

use mambalite_hil_certificate::Certificate;
use serde::Serialize;

use crate::error::{EXIT_MISSING, EXIT_PASS, EXIT_REFUSED};

/// Most faults of a step that are kept in words.
const FAULTS_MAX: usize = 20;

/// What was checked.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the work.
    pub steps: Vec<Step>,
    /// What the certificate says; nothing where its file is refused.
    pub certificate: Option<Certificate>,
}

/// One thing that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What.
    pub name: &'static str,
    /// How it ended.
    pub word: Word,
    /// What was found, a line each.
    pub details: Vec<String>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// It is as certified.
    Accepted,
    /// It is not.
    Refused,
    /// It was not asked for.
    LeftOut,
    /// It was asked for and cannot be done here.
    Missing,
}

impl Report {
    /// Reports whether nothing speaks against the certificate, and all that was asked for was done.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.exit_code() == EXIT_PASS
    }

    /// Returns the exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let has = |word| self.steps.iter().any(|step| step.word == word);
        match (has(Word::Refused), has(Word::Missing)) {
            (true, _) => EXIT_REFUSED,
            (false, true) => EXIT_MISSING,
            (false, false) => EXIT_PASS,
        }
    }

    pub(super) fn pass(&mut self, name: &'static str, detail: String) {
        self.add(name, Word::Accepted, vec![detail]);
    }

    pub(super) fn leave(&mut self, name: &'static str, detail: String) {
        self.add(name, Word::LeftOut, vec![detail]);
    }

    pub(super) fn miss(&mut self, name: &'static str, detail: String) {
        self.add(name, Word::Missing, vec![detail]);
    }

    pub(super) fn refuse(&mut self, name: &'static str, faults: &[String]) {
        let mut details: Vec<_> = faults.iter().take(FAULTS_MAX).cloned().collect();
        if faults.len() > FAULTS_MAX {
            details.push(format!("and {} more", faults.len() - FAULTS_MAX));
        }
        self.add(name, Word::Refused, details);
    }

    /// Refuses where there are faults, else accepts with `detail`.
    pub(super) fn judge(
        &mut self,
        name: &'static str,
        faults: &[String],
        detail: impl FnOnce() -> String,
    ) {
        match faults {
            [] => self.pass(name, detail()),
            faults => self.refuse(name, faults),
        }
    }

    fn add(&mut self, name: &'static str, word: Word, details: Vec<String>) {
        self.steps.push(Step {
            name,
            word,
            details,
        });
    }
}
