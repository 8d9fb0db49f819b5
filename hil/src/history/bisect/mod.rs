//! Which of the stored firmware images was the first bad one.

mod candidates;
mod command;
mod search;

use std::path::Path;

use super::{Better, HistoryError, Measure, Store};
use crate::error::Result;
use crate::report::BoardReport;
use crate::verdict::Verdict;

pub use candidates::{Candidate, Case, Order};
pub use command::CommandJudge;
pub use search::{Bounds, search};

/// What one run of a candidate amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ruling {
    /// As it should be.
    Good,
    /// As it should not be.
    Bad,
    /// It cannot be told: the image is gone, or what stands around the board failed.
    Skip,
}

/// Runs a firmware on a board and rules.
pub trait Judge {
    /// Judges a candidate, whose image is the file `elf`, by `criterion`.
    ///
    /// # Errors
    /// What makes it pointless to go on; a board that cannot be used just now is
    /// [`Ruling::Skip`].
    fn judge(&mut self, candidate: &Candidate, elf: &Path, criterion: &Criterion)
    -> Result<Ruling>;
}

/// What makes a run bad.
#[derive(Debug, Clone, Copy)]
pub enum Criterion {
    /// The verdict is one about the firmware: mismatch, fault missed, crash, time-out.
    Verdict,
    /// A measure is on the bad end's side of the middle between both ends.
    Measure {
        /// The measure.
        measure: &'static Measure,
        /// That middle.
        limit: f64,
    },
}

impl Criterion {
    /// Rules over a report.
    #[must_use]
    pub fn rule(&self, report: &BoardReport) -> Ruling {
        let found = report.quarantine.as_ref().map(|it| it.found);
        let verdict = found.unwrap_or(report.verdict);
        match *self {
            Self::Verdict => rule_verdict(verdict),
            Self::Measure { measure, limit } => match measure.of(report) {
                Some(value) => rule_value(measure.better, limit, value),
                None => Ruling::Skip,
            },
        }
    }
}

fn rule_verdict(verdict: Verdict) -> Ruling {
    match verdict {
        Verdict::Pass | Verdict::Flaky => Ruling::Good,
        Verdict::Mismatch | Verdict::ControlMissed | Verdict::Crash | Verdict::Timeout => {
            Ruling::Bad
        }
        Verdict::Skip | Verdict::Quarantined | Verdict::Infra | Verdict::Link => Ruling::Skip,
    }
}

fn rule_value(better: Better, limit: f64, value: f64) -> Ruling {
    let bad = match better {
        Better::Lower => value > limit,
        Better::Higher => value < limit,
    };
    if bad { Ruling::Bad } else { Ruling::Good }
}

/// What a bisection found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The newest candidate that is good.
    pub last_good: Candidate,
    /// The candidates of which one is the first bad one, the oldest first; a single one where
    /// none between was untestable.
    pub suspects: Vec<Candidate>,
    /// What was judged, in order, and how often each ran.
    pub rulings: Vec<(Candidate, Ruling, u32)>,
}

/// Finds the first bad candidate of a case.
///
/// Both ends are judged first: where they do not show what the history says, it is not the
/// firmware that changed. Each candidate runs until it is bad once, or good `repeats` times; one
/// that cannot be told `repeats` times is left out, and so is one whose image is gone.
///
/// # Errors
/// [`HistoryError::Bisect`] when an end does not show it, [`HistoryError::Firmware`] when the
/// image of an end is gone, and those of the judge.
pub fn bisect(
    case: &Case,
    store: &Store,
    repeats: u32,
    judge: &mut dyn Judge,
    progress: &mut dyn FnMut(&Candidate, Ruling),
) -> Result<Outcome> {
    let mut rulings = Vec::new();
    let mut rule = |idx: usize| -> Result<Ruling> {
        let Some(candidate) = case.candidates.get(idx) else {
            return Ok(Ruling::Skip);
        };
        let (ruling, runs) = rule_one(case, candidate, store, repeats, judge)?;
        progress(candidate, ruling);
        rulings.push((candidate.clone(), ruling, runs));
        Ok(ruling)
    };
    let last = case.candidates.len().saturating_sub(1);
    for (idx, wanted, word) in [(last, Ruling::Bad, "bad"), (0, Ruling::Good, "good")] {
        if let Some(end) = case.candidates.get(idx) {
            store.verified(&end.sha256)?;
        }
        if rule(idx)? != wanted {
            let sha256 = case.candidates.get(idx).map_or("", |it| it.sha256.as_str());
            let cause = format!(
                "firmware {sha256} was {word} in the history and is not now; look at the board \
                 and what stands around it, or run it several times with --repeat"
            );
            return Err(HistoryError::Bisect { cause }.into());
        }
    }
    let bounds = search(case.candidates.len(), &mut rule)?;
    let suspects = case
        .candidates
        .get(bounds.good + 1..=bounds.bad)
        .unwrap_or_default();
    let last_good = case.candidates.get(bounds.good).cloned();
    Ok(Outcome {
        last_good: last_good.ok_or_else(|| HistoryError::Bisect {
            cause: "there is no candidate".to_owned(),
        })?,
        suspects: suspects.to_vec(),
        rulings,
    })
}

fn rule_one(
    case: &Case,
    candidate: &Candidate,
    store: &Store,
    repeats: u32,
    judge: &mut dyn Judge,
) -> Result<(Ruling, u32)> {
    let Ok(elf) = store.verified(&candidate.sha256) else {
        return Ok((Ruling::Skip, 0));
    };
    let (mut good, mut skipped, mut runs) = (0, 0, 0);
    while good < repeats.max(1) && skipped < repeats.max(1) {
        runs += 1;
        match judge.judge(candidate, &elf, &case.criterion)? {
            Ruling::Bad => return Ok((Ruling::Bad, runs)),
            Ruling::Good => good += 1,
            Ruling::Skip => skipped += 1,
        }
    }
    let told = good >= repeats.max(1);
    Ok((if told { Ruling::Good } else { Ruling::Skip }, runs))
}

#[cfg(test)]
mod tests;
