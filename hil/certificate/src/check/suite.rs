//! That every vector of the suite was run, and no other.

use std::collections::BTreeSet;

use super::form::sha256;
use super::{Findings, Violation};
use crate::predicate::Predicate;
use crate::suite::{Class, Suite};

/// Checks the facts of the suite against the results.
pub(super) fn check(predicate: &Predicate, findings: &mut Findings) {
    let suite = &predicate.suite;
    sha256(&suite.root, "suite.root", findings);
    sha256(&suite.sha256, "suite.sha256", findings);
    for class in Class::ALL {
        let some = suite.classes.get(&class).is_some_and(|&count| count > 0);
        findings.require(some, "suite.classes", format!("no vector of {class:?}"));
    }
    let classes = suite.classes.values();
    let sum = classes.fold(0_usize, |sum, &count| sum.saturating_add(count));
    let count = suite.count;
    let cause = format!("{count}, but the classes have {sum}");
    findings.require(count == sum, "suite.count", cause);
    let results = predicate.results.len();
    let cause = format!("{results}, but suite.count is {count}");
    findings.require(results == count, "results", cause);
    let mut seen = BTreeSet::new();
    for (index, result) in predicate.results.iter().enumerate() {
        let field = format!("results[{index}].id");
        findings.require(!result.id.is_empty(), &field, "empty");
        let cause = format!("{:?} is there twice", result.id);
        findings.require(seen.insert(&result.id), field, cause);
    }
}

/// Returns the rules that a predicate breaks with the suite that it names: every vector once, in the
/// order of the suite, with the hashes of the suite. The suite's own consistency is not looked at.
#[must_use]
pub fn against_suite(predicate: &Predicate, suite: &Suite) -> Vec<Violation> {
    let mut findings = Findings::default();
    let facts = &predicate.suite;
    let root = suite.computed_root().map(hex::encode).unwrap_or_default();
    findings.equal(&suite.root, &root, "suite.root", "the root of its vectors");
    findings.equal(&facts.root, &root, "suite.root", "the suite's");
    let model = &predicate.model;
    let of = "the suite's";
    findings.equal(&model.sha256, &suite.model_sha256, "model.sha256", of);
    findings.equal(&model.precision, &suite.precision, "model.precision", of);
    let seed = format!("{}, the suite's is {}", facts.seed, suite.seed);
    findings.require(facts.seed == suite.seed, "suite.seed", seed);
    let classes = facts.classes == suite.classes();
    findings.require(classes, "suite.classes", "the suite has others");
    let (found, expected) = (predicate.results.len(), suite.vectors.len());
    let cause = format!("{found}, the suite has {expected}");
    findings.require(found == expected, "results", cause);
    for (index, (result, vector)) in predicate.results.iter().zip(&suite.vectors).enumerate() {
        let of = format!("vector {:?}", vector.id);
        for (found, expected, field) in [
            (&result.id, &vector.id, "id"),
            (&result.input_sha256, &vector.input_sha256, "input-sha256"),
            (
                &result.expected_sha256,
                &vector.output_sha256,
                "expected-sha256",
            ),
            (
                &result.expected_layers_sha256,
                &vector.layers_sha256,
                "expected-layers-sha256",
            ),
        ] {
            findings.equal(found, expected, format!("results[{index}].{field}"), &of);
        }
    }
    findings.0
}
