//! The same result for programs that know no predicate of ours: in-toto test-result, version 0.1.

use serde::{Deserialize, Serialize};

use crate::predicate::{Predicate, Verdict};
use crate::statement::Subject;

/// Type of the predicate.
pub const TYPE: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// The predicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct TestResult {
    /// How it ended.
    pub result: Outcome,
    /// What was tested with: the vectors, the model, the facts of the board.
    pub configuration: Vec<Subject>,
    /// Names of the tests that passed.
    pub passed_tests: Vec<String>,
    /// Names of those that were skipped.
    pub warned_tests: Vec<String>,
    /// Names of those that failed.
    pub failed_tests: Vec<String>,
}

/// How all tests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// Every one passed.
    Passed,
    /// Every one that counts passed, some were skipped.
    Warned,
    /// One failed.
    Failed,
}

impl TestResult {
    /// Says what a predicate says.
    #[must_use]
    pub fn of(predicate: &Predicate) -> Self {
        let operators = predicate
            .operators
            .iter()
            .map(|it| (format!("operator/{}/{}", it.name, it.seed), it.verdict));
        let vectors = predicate
            .results
            .iter()
            .map(|it| (format!("vector/{}", it.id), it.verdict));
        let controls = predicate
            .controls
            .iter()
            .map(|it| (format!("control/{}", it.name), verdict(it.caught)));
        let others = [
            ("health", verdict(predicate.health.passed)),
            ("soak", verdict(predicate.soak.failed == 0)),
        ];
        let others = others.map(|(name, verdict)| (name.to_owned(), verdict));
        let tests: Vec<_> = operators
            .chain(vectors)
            .chain(controls)
            .chain(others)
            .collect();
        let of = |wanted| {
            let tests = tests.iter().filter(|(_, verdict)| *verdict == wanted);
            tests.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let (passed, warned, failed) = (of(Verdict::Pass), of(Verdict::Skip), of(Verdict::Fail));
        let result = match (failed.is_empty(), warned.is_empty()) {
            (false, _) => Outcome::Failed,
            (true, false) => Outcome::Warned,
            (true, true) => Outcome::Passed,
        };
        Self {
            result,
            configuration: configuration(predicate),
            passed_tests: passed,
            warned_tests: warned,
            failed_tests: failed,
        }
    }
}

fn verdict(passed: bool) -> Verdict {
    if passed { Verdict::Pass } else { Verdict::Fail }
}

fn configuration(predicate: &Predicate) -> Vec<Subject> {
    let board = format!("board/{}", predicate.board.name);
    vec![
        Subject::new("suite", "sha256", &predicate.suite.sha256),
        Subject::new(board, "sha256", &predicate.board.facts_sha256),
    ]
}
