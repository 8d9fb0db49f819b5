//! The firmware images that a rig ran, and which two of them the search is between.

use rusqlite::params;
use serde::Serialize;

use super::{Criterion, Ruling, rule_value, rule_verdict};
use crate::error::Result;
use crate::history::compare::Bound;
use crate::history::{History, HistoryError, Measure, Subject, Test, Thresholds};
use crate::verdict::Verdict;

/// What is to be found out.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Name of the rig.
    pub rig: String,
    /// Name of a measure; nothing asks for the verdict.
    pub measure: Option<String>,
    /// Number format, where the rig ran several; else that of its newest run.
    pub precision: Option<String>,
    /// The good end: the begin of a hash of an ELF file, or git's description of the source. Else
    /// the newest that was good.
    pub good: Option<String>,
    /// The bad end; else the newest firmware.
    pub bad: Option<String>,
}

/// A firmware image in the order of its first run on the rig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// SHA-256 of the ELF file, hex.
    pub sha256: String,
    /// Git's description of its source.
    pub revision: Option<String>,
    /// Begin of its first run, RFC 3339.
    pub started: String,
}

/// Candidates from a good one to a bad one.
#[derive(Debug, Clone)]
pub struct Case {
    /// What ran them.
    pub subject: Subject,
    /// The oldest first; the first was good, the last was bad.
    pub candidates: Vec<Candidate>,
    /// What tells good from bad.
    pub criterion: Criterion,
}

/// A candidate with what its newest run on the rig came to.
struct Entry {
    candidate: Candidate,
    verdict: Verdict,
    value: Option<f64>,
}

impl History {
    /// Finds both ends and what lies between.
    ///
    /// # Errors
    /// [`HistoryError::Nothing`] when the rig, the measure or an end is not there,
    /// [`HistoryError::Bisect`] when the bad end is no worse than the good one.
    pub fn case(&self, order: &Order, thresholds: &Thresholds) -> Result<Case> {
        let nothing = |what: String| HistoryError::Nothing { what };
        let measure = match &order.measure {
            Some(name) => {
                Some(Measure::find(name).ok_or_else(|| nothing(format!("no measure `{name}`")))?)
            }
            None => None,
        };
        let subject = self.newest_subject(&order.rig, order.precision.as_deref())?;
        let entries = self.entries(&subject, measure)?;
        let bad = match &order.bad {
            Some(name) => position(&entries, name)?,
            None => entries.len().checked_sub(1).ok_or_else(|| {
                nothing(format!("no firmware of rig `{}` was recorded", order.rig))
            })?,
        };
        let test = measure.map(|it| thresholds.test(&subject, it.name));
        let good = match &order.good {
            Some(name) => position(&entries, name)?,
            None => newest_good(&entries, bad, measure.zip(test)).ok_or_else(|| {
                nothing(format!(
                    "no good firmware before the bad one on rig `{}`",
                    order.rig
                ))
            })?,
        };
        let (Some(good_entry), Some(bad_entry)) = (entries.get(good), entries.get(bad)) else {
            return Err(nothing("no such firmware".to_owned()).into());
        };
        if good >= bad {
            let cause = "the good firmware is not older than the bad one".to_owned();
            return Err(HistoryError::Bisect { cause }.into());
        }
        let criterion = criterion(measure, good_entry, bad_entry)?;
        let between = entries.into_iter().take(bad + 1).skip(good);
        Ok(Case {
            subject,
            candidates: between.map(|it| it.candidate).collect(),
            criterion,
        })
    }

    fn newest_subject(&self, rig: &str, precision: Option<&str>) -> Result<Subject> {
        let query = "SELECT rig, board, model, model_sha256, precision, workload
            FROM board_run JOIN subject ON subject.id = subject_id
            WHERE rig = ?1 AND precision = coalesce(?2, precision) AND firmware IS NOT NULL
            ORDER BY board_run.id DESC LIMIT 1";
        let found = self
            .connection
            .query_row(query, params![rig, precision], |row| {
                Ok(Subject {
                    rig: row.get(0)?,
                    board: row.get(1)?,
                    model: row.get(2)?,
                    model_sha256: row.get(3)?,
                    precision: row.get(4)?,
                    workload: row.get(5)?,
                })
            });
        found.map_err(|cause| match cause {
            rusqlite::Error::QueryReturnedNoRows => HistoryError::Nothing {
                what: format!("no firmware of rig `{rig}` was recorded"),
            }
            .into(),
            other => self.fail(other),
        })
    }

    fn entries(&self, subject: &Subject, measure: Option<&Measure>) -> Result<Vec<Entry>> {
        let query = || {
            // Of columns beside max() SQLite takes those of the row that has the maximum.
            let mut statement = self.connection.prepare_cached(
                "SELECT sha256, revision, min(started) AS started, max(board_run.id) AS newest,
                    found, value, min(board_run.id) AS first
                 FROM board_run JOIN subject ON subject.id = subject_id
                 JOIN run ON run.id = run_id
                 JOIN firmware ON firmware.sha256 = firmware
                 LEFT JOIN measurement ON board_run_id = board_run.id AND name = ?6
                 WHERE rig = ?1 AND subject.board = ?2 AND model_sha256 = ?3 AND precision = ?4
                    AND workload = ?5
                    AND (?6 IS NULL OR board_run.id >= coalesce((
                        SELECT max(id) FROM board_run AS own
                        WHERE own.subject_id = subject.id AND accepted = 1), 0))
                 GROUP BY sha256 ORDER BY first",
            )?;
            let [rig, board, model, precision, workload] = subject.key();
            let name = measure.map(|it| it.name);
            statement
                .query_map((rig, board, model, precision, workload, name), |row| {
                    let found: String = row.get(4)?;
                    Ok(Entry {
                        candidate: Candidate {
                            sha256: row.get(0)?,
                            revision: row.get(1)?,
                            started: row.get(2)?,
                        },
                        verdict: serde_json::from_value(found.into()).unwrap_or(Verdict::Skip),
                        value: row.get(5)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        query().map_err(|cause| self.fail(cause))
    }
}

fn position(entries: &[Entry], name: &str) -> Result<usize> {
    let is = |it: &Entry| {
        it.candidate.sha256.starts_with(name) || it.candidate.revision.as_deref() == Some(name)
    };
    let found = entries.iter().rposition(is);
    let what = || format!("no firmware `{name}`");
    Ok(found.ok_or_else(|| HistoryError::Nothing { what: what() })?)
}

/// Returns the newest entry before `bad` that passed; of a measure, the newest that is nearer to
/// the best than to the bad end, where that is worse than the best by more than the threshold.
fn newest_good(entries: &[Entry], bad: usize, measure: Option<(&Measure, Test)>) -> Option<usize> {
    let earlier = || entries.iter().take(bad);
    let Some((measure, test)) = measure else {
        return earlier().rposition(|it| rule_verdict(it.verdict) == Ruling::Good);
    };
    let value = entries.get(bad)?.value?;
    let samples: Vec<f64> = earlier().filter_map(|it| it.value).collect();
    let best = Bound::of(Test::Exact, measure.better, &samples)?.baseline;
    // One value has no spread: of a statistical test the least change that matters is left.
    let test = match test {
        Test::Statistical {
            relative_min,
            absolute_min,
            ..
        } => Test::NearExact {
            relative: relative_min,
            absolute: absolute_min,
        },
        Test::Informative => Test::Exact,
        other => other,
    };
    if !Bound::of(test, measure.better, &[best])?.is_broken(measure.better, value) {
        return None;
    }
    let limit = f64::midpoint(best, value);
    let is_good = |value| rule_value(measure.better, limit, value) == Ruling::Good;
    earlier().rposition(|it| it.value.is_some_and(is_good))
}

fn criterion(
    measure: Option<&'static Measure>,
    good: &Entry,
    bad: &Entry,
) -> Result<Criterion, HistoryError> {
    let fail = |cause: &str| HistoryError::Bisect {
        cause: cause.to_owned(),
    };
    let Some(measure) = measure else {
        if rule_verdict(bad.verdict) != Ruling::Bad {
            return Err(fail(
                "the newest run of the bad end has no verdict about the firmware",
            ));
        }
        return Ok(Criterion::Verdict);
    };
    let (Some(from), Some(to)) = (good.value, bad.value) else {
        return Err(fail("an end has no value of the measure"));
    };
    let limit = f64::midpoint(from, to);
    if rule_value(measure.better, limit, to) != Ruling::Bad {
        return Err(fail("the bad end is no worse than the good one"));
    }
    Ok(Criterion::Measure { measure, limit })
}
