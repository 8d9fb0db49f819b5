//! What a predicate must say to be certified.
//!
//! Each rule looks at one thing and names its key. All are looked at, so that who makes a certificate
//! learns every reason at once.

mod chain;
mod firmware;
mod form;
mod results;
mod suite;

use std::fmt::Display;

use jiff::Timestamp;

use crate::predicate::{Predicate, SCHEMA};
use crate::refusal::Refusal;
pub use chain::{against_before, differs_from_before};
pub use suite::against_suite;

/// Fewest rounds of the soak.
pub const SOAK_ROUNDS_MIN: u32 = 3;

/// Faults on purpose that every certificate has.
pub const CONTROLS: [&str; 6] = [
    "input bit",
    "expected bit",
    "wire frame bit",
    "weight bit",
    "stored weight bit",
    "firmware word",
];

/// Number formats.
pub const PRECISIONS: [&str; 3] = ["f32", "w8a16", "w8a8"];

/// A rule that a predicate breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {cause}")]
pub struct Violation {
    /// The key, as `results[3].verdict`.
    pub field: String,
    /// What is wrong.
    pub cause: String,
}

/// The broken rules so far.
#[derive(Debug, Default)]
struct Findings(Vec<Violation>);

impl Findings {
    /// Notes `cause` at `field` where a rule does not hold.
    fn require(&mut self, holds: bool, field: impl Display, cause: impl Display) {
        if !holds {
            self.0.push(Violation {
                field: field.to_string(),
                cause: cause.to_string(),
            });
        }
    }

    /// Notes that two values differ that have to be equal.
    fn equal(&mut self, found: &str, expected: &str, field: impl Display, of: &str) {
        let cause = format!("{found:?}, but {of} is {expected:?}");
        self.require(found == expected, field, cause);
    }
}

/// Returns the rules that a predicate breaks, by itself; none for one that may be signed.
#[must_use]
pub fn predicate(predicate: &Predicate) -> Vec<Violation> {
    let mut findings = Findings::default();
    let schema = predicate.schema;
    findings.require(
        schema == SCHEMA,
        "schema",
        format!("{schema}, not {SCHEMA}"),
    );
    form::check(predicate, &mut findings);
    firmware::check(predicate, &mut findings);
    suite::check(predicate, &mut findings);
    results::check(predicate, &mut findings);
    findings.0
}

/// Reads a time, which is in one form only: RFC 3339 in UTC, `2026-01-31T12:00:00Z`.
///
/// # Errors
/// [`Refusal::Format`] with `field`.
pub fn time(text: &str, field: &str) -> Result<Timestamp, Refusal> {
    let time = text.parse::<Timestamp>().ok();
    time.filter(|time| time.to_string() == text)
        .ok_or_else(|| Refusal::Format {
            part: field.to_owned(),
            cause: format!("{text:?} is no time as 2026-01-31T12:00:00Z"),
        })
}

/// Returns broken rules as one text.
pub(crate) fn describe(violations: &[Violation]) -> String {
    let all: Vec<_> = violations.iter().map(ToString::to_string).collect();
    all.join("; ")
}
