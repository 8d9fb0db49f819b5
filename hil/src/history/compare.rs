//! Whether tonight is worse than the nights before.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Better, History, Measure, Subject, Test, Thresholds, digests};
use crate::error::Result;
use crate::report::{BoardReport, RunReport};
use crate::verdict::Verdict;

/// Name under which changed bits are told: board and reference agree, and both differ from before.
const BITS: &str = "bits";

/// A measure that is worse than it may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regression {
    /// Name of the rig.
    pub rig: String,
    /// Name of the model.
    pub model: String,
    /// Number format.
    pub precision: String,
    /// Name of the measure, or `bits`.
    pub measure: String,
    /// Unit, empty for a count.
    pub unit: String,
    /// Tonight's value.
    pub value: f64,
    /// What it is held against: best, median or mean of the window.
    pub baseline: f64,
    /// The value that would have been allowed.
    pub limit: f64,
    /// Values in the window.
    pub samples: usize,
    /// All of it in one line, for people.
    pub text: String,
}

/// What a value is held against, and how far it may go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bound {
    pub(super) baseline: f64,
    pub(super) limit: f64,
}

impl Bound {
    /// Returns the bound that earlier values set, the newest first; nothing where they are too few.
    pub(super) fn of(test: Test, better: Better, samples: &[f64]) -> Option<Self> {
        let (sign, worst_first) = match better {
            Better::Lower => (1.0, f64::min as fn(f64, f64) -> f64),
            Better::Higher => (-1.0, f64::max as fn(f64, f64) -> f64),
        };
        let (baseline, slack) = match test {
            Test::Informative => return None,
            Test::Exact => (samples.iter().copied().reduce(worst_first)?, 0.0),
            Test::NearExact { relative, absolute } => {
                let median = median(samples)?;
                (median, median.abs() * relative + absolute)
            }
            Test::Statistical {
                significance,
                samples_min,
                relative_min,
                absolute_min,
            } => {
                if samples.len() < samples_min.max(2) {
                    return None;
                }
                let (mean, margin) = interval(samples, significance)?;
                let least = (mean.abs() * relative_min).max(absolute_min);
                (mean, margin.max(least))
            }
        };
        Some(Self {
            baseline,
            limit: baseline + sign * slack,
        })
    }

    /// Reports whether a value is beyond the limit on the worse side.
    pub(super) fn is_broken(self, better: Better, value: f64) -> bool {
        match better {
            Better::Lower => value > self.limit,
            Better::Higher => value < self.limit,
        }
    }
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        return Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper));
    }
    Some(upper)
}

/// Returns the mean, and how far the next value of the same normal distribution lies from it at
/// most, but for a chance of `significance`: `t(1 - significance, n - 1) s sqrt(1 + 1/n)`.
#[expect(clippy::cast_precision_loss, reason = "a window is a few dozen values")]
fn interval(samples: &[f64], significance: f64) -> Option<(f64, f64)> {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let squares = samples.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
    let deviation = (squares / (n - 1.0)).sqrt();
    let student = StudentsT::new(0.0, 1.0, n - 1.0).ok()?;
    let t = student.inverse_cdf(1.0 - significance);
    Some((mean, t * deviation * (1.0 + 1.0 / n).sqrt()))
}

impl History {
    /// Compares a run with the nights before. Runs recorded later than it are among them, so ask
    /// before [`History::record`].
    ///
    /// Only rigs that passed are compared: another verdict says enough.
    ///
    /// # Errors
    /// [`HistoryError::Database`](super::HistoryError::Database).
    pub fn compare(&self, report: &RunReport, thresholds: &Thresholds) -> Result<Vec<Regression>> {
        let mut found = Vec::new();
        for board in report
            .boards
            .iter()
            .filter(|it| it.verdict != Verdict::Quarantined)
        {
            let subject = Subject::of(board);
            for measure in Measure::ALL {
                found.extend(self.compare_one(board, &subject, measure, thresholds)?);
            }
            found.extend(self.compare_bits(board, &subject)?);
        }
        Ok(found)
    }

    fn compare_one(
        &self,
        board: &BoardReport,
        subject: &Subject,
        measure: &Measure,
        thresholds: &Thresholds,
    ) -> Result<Option<Regression>> {
        let Some(value) = measure.of(board) else {
            return Ok(None);
        };
        let samples = self.samples(subject, measure.name, thresholds.window())?;
        let test = thresholds.test(subject, measure.name);
        let bound = Bound::of(test, measure.better, &samples);
        let Some(bound) = bound.filter(|it| it.is_broken(measure.better, value)) else {
            return Ok(None);
        };
        let text = format!(
            "{} {}: {} {} {}, before {} ({}), allowed {}",
            subject.rig,
            subject.precision,
            measure.name,
            plain(value),
            measure.unit,
            plain(bound.baseline),
            change(bound.baseline, value),
            plain(bound.limit)
        );
        Ok(Some(Regression {
            rig: subject.rig.clone(),
            model: subject.model.clone(),
            precision: subject.precision.clone(),
            measure: measure.name.to_owned(),
            unit: measure.unit.to_owned(),
            value,
            baseline: bound.baseline,
            limit: bound.limit,
            samples: samples.len(),
            text: text.replace("  ", " ").replace(" ,", ","),
        }))
    }

    /// Returns earlier values that count, the newest first.
    fn samples(&self, subject: &Subject, measure: &str, window: usize) -> Result<Vec<f64>> {
        let query = || {
            let mut statement = self.connection.prepare_cached(
                "WITH own AS (SELECT id FROM subject WHERE rig = ?1 AND board = ?2
                    AND model_sha256 = ?3 AND precision = ?4 AND workload = ?5)
                 SELECT value FROM board_run JOIN measurement ON board_run_id = board_run.id
                 WHERE subject_id = (SELECT id FROM own) AND name = ?6
                    AND found IN ('pass', 'flaky')
                    AND board_run.id >= coalesce((SELECT max(id) FROM board_run
                        WHERE subject_id = (SELECT id FROM own) AND accepted = 1), 0)
                 ORDER BY board_run.id DESC LIMIT ?7",
            )?;
            let [rig, board, model, precision, workload] = subject.key();
            let limit = i64::try_from(window).unwrap_or(i64::MAX);
            let parameters = (rig, board, model, precision, workload, measure, limit);
            statement
                .query_map(parameters, |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()
        };
        query().map_err(|cause| self.fail(cause))
    }

    /// Tells where a board that equals its reference differs from the last night: then the
    /// reference changed too.
    fn compare_bits(&self, board: &BoardReport, subject: &Subject) -> Result<Option<Regression>> {
        let (old, new) = (self.digests(subject)?, digests::of(board));
        if old.is_empty() || old == new {
            return Ok(None);
        }
        let differing = old.iter().zip(&new).filter(|(old, new)| old != new);
        let count = differing.clone().count() + old.len().abs_diff(new.len());
        let first = differing.map(|(_, new)| new).next().or(new.last());
        let place = first.map_or(String::new(), |it| {
            format!(", first in layer {} of job {}", it.layer, it.tile)
        });
        Ok(Some(Regression {
            rig: subject.rig.clone(),
            model: subject.model.clone(),
            precision: subject.precision.clone(),
            measure: BITS.to_owned(),
            unit: String::new(),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a run has far fewer digests than 2^53"
            )]
            value: count as f64,
            baseline: 0.0,
            limit: 0.0,
            samples: 1,
            text: format!(
                "{} {}: board and reference agree, but {count} of {} digests are not those of the \
                 last run{place}: the arithmetic or the picture changed",
                subject.rig,
                subject.precision,
                new.len()
            ),
        }))
    }
}

/// Writes a number without a tail of zeros.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn change(before: f64, after: f64) -> String {
    if before == 0.0 {
        return format!(
            "{}{}",
            if after > 0.0 { "+" } else { "" },
            plain(after - before)
        );
    }
    format!("{:+.2} %", (after - before) / before.abs() * 100.0)
}
