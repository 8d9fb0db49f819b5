//! What a certificate is to show, and what in it shows that: `docs/certification/requirements.toml`.

use mambalite_hil_certificate::predicate::{Control, Predicate, Verdict};
use mambalite_hil_certificate::suite::Class;
use serde::Deserialize;

/// The file.
const FILE: &str = include_str!("../../docs/certification/requirements.toml");

/// What a certificate is to show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// Short name, as `R1`.
    pub id: String,
    /// One sentence.
    pub text: String,
    /// What of a certificate shows it; see [`find`].
    pub evidence: Vec<String>,
    /// Tests of the repository, `FILE::NAME`, or a file of tests.
    pub tests: Vec<String>,
}

/// What a certificate has as evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Whether it holds.
    pub holds: bool,
    /// How much of it, in words.
    pub words: String,
}

/// Returns all requirements; none where the file is faulty, which a test excludes.
#[must_use]
pub fn all() -> Vec<Requirement> {
    #[derive(Deserialize)]
    struct File {
        requirement: Vec<Requirement>,
    }
    toml::from_str::<File>(FILE).map_or_else(|_| Vec::new(), |file| file.requirement)
}

/// Looks evidence up in a certificate that was accepted; nothing for evidence of an unknown name.
#[must_use]
pub fn find(evidence: &str, predicate: &Predicate) -> Option<Found> {
    if let Some(name) = evidence.strip_prefix("control ") {
        return Some(control(name, &predicate.controls));
    }
    if let Some(name) = evidence.strip_prefix("class ") {
        let class = serde_json::from_value::<Class>(name.into()).ok()?;
        let count = predicate.suite.classes.get(&class).copied();
        let count = count.unwrap_or_default();
        return Some(found(count > 0, format!("{count} vectors {name}")));
    }
    let firmware = &predicate.firmware;
    Some(match evidence {
        "vectors" => {
            let all = &predicate.results;
            let passed = all.iter().filter(|it| it.verdict == Verdict::Pass).count();
            found(
                passed == all.len(),
                share(passed, all.len(), "vectors equal"),
            )
        }
        "operators" => operators(predicate),
        "comparison" => {
            let comparison = &predicate.policy.comparison;
            found(comparison == "bits", format!("compared by {comparison}"))
        }
        "rebuild" => found(
            firmware.rebuilt_sha256 == firmware.elf_sha256,
            "built twice alike".to_owned(),
        ),
        "read-back" => {
            let same = |it: &&_| is_read_back(it);
            let (all, count) = (
                &firmware.flashed,
                firmware.flashed.iter().filter(same).count(),
            );
            found(
                count == all.len(),
                share(count, all.len(), "pieces read back"),
            )
        }
        "commit" => found(true, format!("commit {}", predicate.identity.commit)),
        "soak" => {
            let soak = predicate.soak;
            let words = format!("{} jobs, {} failed", soak.jobs, soak.failed);
            found(soak.failed == 0, words)
        }
        "health" => found(
            predicate.health.passed,
            "a picture came back right".to_owned(),
        ),
        "numbers" => numbers(predicate),
        "signature" => found(true, "all three lines by one trusted key".to_owned()),
        _ => return None,
    })
}

fn is_read_back(flashed: &mambalite_hil_certificate::predicate::Flashed) -> bool {
    flashed.sha256 == flashed.read_back_sha256
}

fn control(name: &str, controls: &[Control]) -> Found {
    let control = controls.iter().find(|it| it.name == name);
    let caught = control.is_some_and(|it| it.caught);
    let word = if caught { "seen" } else { "not seen" };
    found(caught, format!("{name}: {word}"))
}

fn operators(predicate: &Predicate) -> Found {
    let of = |verdict| {
        let operators = predicate.operators.iter();
        operators.filter(|it| it.verdict == verdict).count()
    };
    let (passed, skipped) = (of(Verdict::Pass), of(Verdict::Skip));
    let words = format!("{passed} checks equal, {skipped} that the core cannot run");
    found(of(Verdict::Fail) == 0, words)
}

fn numbers(predicate: &Predicate) -> Found {
    match &predicate.ulp {
        Some(ulp) => found(true, format!("at most {} ULP from f64", ulp.largest)),
        None => {
            let all = &predicate.accumulators;
            let held = all.iter().filter(|it| it.bound <= it.limit).count();
            found(
                held == all.len(),
                share(held, all.len(), "accumulators bounded"),
            )
        }
    }
}

fn found(holds: bool, words: String) -> Found {
    Found { holds, words }
}

fn share(count: usize, all: usize, words: &str) -> String {
    format!("{count} of {all} {words}")
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    /// The predicate of a board that does not exist.
    pub(crate) fn predicate() -> Predicate {
        serde_json::from_str(include_str!("../certificate/fixtures/predicate.json")).unwrap()
    }

    #[test]
    fn every_requirement_is_shown_by_evidence_and_by_tests_that_exist() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let requirements = all();
        assert!(requirements.len() >= 10);
        for it in &requirements {
            assert!(!it.evidence.is_empty() && !it.tests.is_empty(), "{}", it.id);
            for evidence in &it.evidence {
                let found = find(evidence, &predicate());
                assert!(found.is_some_and(|it| it.holds), "{}: {evidence}", it.id);
            }
            for test in &it.tests {
                let (file, name) = test.split_once("::").unwrap_or((test, ""));
                let text = std::fs::read_to_string(repository.join(file));
                let text = text.unwrap_or_else(|error| panic!("{}: {file}: {error}", it.id));
                let named = format!("fn {name}");
                assert!(
                    text.contains("#[test]") && text.contains(&named),
                    "{}: {test}",
                    it.id
                );
            }
        }
    }

    #[test]
    fn evidence_that_is_missing_does_not_hold() {
        let mut it = predicate();
        it.controls.clear();
        it.soak.failed = 1;
        it.health.passed = false;
        it.results[0].verdict = Verdict::Fail;
        it.operators[0].verdict = Verdict::Fail;
        it.firmware.flashed[0].read_back_sha256.clear();
        it.firmware.rebuilt_sha256.clear();
        it.suite.classes.clear();
        it.accumulators[0].bound = u64::MAX;
        it.policy.comparison.clear();
        for evidence in [
            "control input bit",
            "soak",
            "health",
            "vectors",
            "operators",
            "read-back",
            "rebuild",
            "class real",
            "numbers",
            "comparison",
        ] {
            assert!(!find(evidence, &it).unwrap().holds, "{evidence}");
        }
        assert_eq!(find("class other", &it), None);
        assert_eq!(find("other", &it), None);
    }
}
