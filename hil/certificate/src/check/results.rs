//! That every check passed at the first attempt, and that a fault would have been seen.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::form::{digits, sha256};
use super::{CONTROLS, Findings, SOAK_ROUNDS_MIN};
use crate::predicate::{Operator, Predicate, Totals, VectorResult, Verdict};
use crate::skips;

/// Checks operators, vectors, their sums, controls, soak, policy, and what depends on the precision.
pub(super) fn check(predicate: &Predicate, findings: &mut Findings) {
    policy(predicate, findings);
    operators(predicate, findings);
    for (index, result) in predicate.results.iter().enumerate() {
        vector(result, &format!("results[{index}]"), findings);
    }
    let with_layers = |it: &&VectorResult| it.actual_layers_sha256.is_some();
    let layers = predicate.results.iter().filter(with_layers).count();
    let all_or_none = layers == 0 || layers == predicate.results.len();
    let cause = "a board shows the layers of all vectors, or of none";
    findings.require(all_or_none, "results[].actual-layers-sha256", cause);
    totals(predicate, findings);
    controls(predicate, findings);
    soak(predicate, findings);
    numbers(predicate, findings);
}

fn policy(predicate: &Predicate, findings: &mut Findings) {
    let policy = &predicate.policy;
    let bits = policy.comparison == "bits";
    let cause = format!("{:?}, not bits", policy.comparison);
    findings.require(bits, "policy.comparison", cause);
    let day = day(&predicate.identity.finished);
    for (index, waiver) in policy.waivers.iter().enumerate() {
        let field = format!("policy.waivers[{index}]");
        let skipped = |it: &Operator| it.name == waiver.check && it.verdict == Verdict::Skip;
        let used = predicate.operators.iter().any(skipped);
        let cause = format!("{:?} is no check that was skipped", waiver.check);
        findings.require(used, format!("{field}.check"), cause);
        let said = !waiver.reason.trim().is_empty() && !waiver.owner.trim().is_empty();
        findings.require(said, &field, "no reason, or no owner");
        let expires = date(&waiver.expires);
        let field = format!("{field}.expires");
        let cause = format!("{:?} is no day as 2026-12-31", waiver.expires);
        findings.require(expires.is_some(), &field, cause);
        let open = expires.zip(day).is_none_or(|(last, day)| day <= last);
        findings.require(open, field, format!("it expired on {}", waiver.expires));
    }
}

fn operators(predicate: &Predicate, findings: &mut Findings) {
    let mut seeds: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for (index, operator) in predicate.operators.iter().enumerate() {
        let field = format!("operators[{index}]");
        let new = seeds
            .entry(&operator.name)
            .or_default()
            .insert(operator.seed);
        let cause = format!("{:?} is there twice with one seed", operator.name);
        findings.require(new, format!("{field}.name"), cause);
        findings.require(!operator.name.is_empty(), format!("{field}.name"), "empty");
        if let Some(digest) = &operator.digest {
            digits(digest, 16, &format!("{field}.digest"), findings);
        }
        verdict(predicate, operator, &format!("{field}.verdict"), findings);
    }
    let golden = predicate.operators.iter().any(|it| it.digest.is_some());
    findings.require(golden, "operators", "no golden case of the reference");
    let all: BTreeSet<_> = seeds.values().flatten().copied().collect();
    for (name, own) in &seeds {
        let cause = format!("{name:?} was run with {own:?} of the seeds {all:?}");
        findings.require(*own == all, "operators[].seed", cause);
    }
}

fn verdict(predicate: &Predicate, operator: &Operator, field: &str, findings: &mut Findings) {
    let name = &operator.name;
    match operator.verdict {
        Verdict::Pass => {}
        Verdict::Fail => findings.require(false, field, format!("{name:?} failed")),
        Verdict::Skip => {
            let core = &predicate.board.core;
            // What has a digest ran.
            let lacking = operator.digest.is_none() && skips::allowed(core, name);
            let waived = predicate.policy.waivers.iter().any(|it| it.check == *name);
            let cause = format!("{name:?} was skipped, which {core} may not, and nobody waived it");
            findings.require(lacking || waived, field, cause);
        }
    }
}

fn vector(result: &VectorResult, field: &str, findings: &mut Findings) {
    let key = |name: &str| format!("{field}.{name}");
    sha256(&result.input_sha256, &key("input-sha256"), findings);
    sha256(&result.expected_sha256, &key("expected-sha256"), findings);
    let layers = &result.expected_layers_sha256;
    sha256(layers, &key("expected-layers-sha256"), findings);
    let expected = "what must come";
    findings.equal(
        &result.actual_sha256,
        &result.expected_sha256,
        key("actual-sha256"),
        expected,
    );
    if let Some(actual) = &result.actual_layers_sha256 {
        findings.equal(actual, layers, key("actual-layers-sha256"), expected);
    }
    let attempts = result.attempts;
    let cause = format!("{attempts}: flaky, not 1");
    findings.require(attempts == 1, key("attempts"), cause);
    let cause = format!("{:?}: a vector has to pass", result.verdict);
    findings.require(result.verdict == Verdict::Pass, key("verdict"), cause);
}

fn totals(predicate: &Predicate, findings: &mut Findings) {
    let operators = predicate.operators.iter().map(|it| it.verdict);
    let verdicts: Vec<_> = operators
        .chain(predicate.results.iter().map(|it| it.verdict))
        .collect();
    let count = |wanted| verdicts.iter().filter(|it| **it == wanted).count();
    let flaky = |it: &&VectorResult| it.attempts != 1;
    let sums = Totals {
        passed: count(Verdict::Pass),
        skipped: count(Verdict::Skip),
        failed: count(Verdict::Fail),
        flaky: predicate.results.iter().filter(flaky).count(),
    };
    let found = predicate.totals;
    for (found, sum, name) in [
        (found.passed, sums.passed, "totals.passed"),
        (found.skipped, sums.skipped, "totals.skipped"),
        (found.failed, sums.failed, "totals.failed"),
        (found.flaky, sums.flaky, "totals.flaky"),
    ] {
        findings.require(found == sum, name, format!("{found}, but there are {sum}"));
    }
    let repeated = predicate.link.jobs_repeated;
    let cause = format!("{repeated}: flaky, not 0");
    findings.require(repeated == 0, "link.jobs-repeated", cause);
}

fn controls(predicate: &Predicate, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    for (index, control) in predicate.controls.iter().enumerate() {
        let name = &control.name;
        let field = format!("controls[{index}]");
        let cause = format!("{name:?} was not caught");
        findings.require(control.caught, format!("{field}.caught"), cause);
        let new = names.insert(name.as_str());
        let cause = format!("{name:?} is there twice");
        findings.require(new, format!("{field}.name"), cause);
    }
    for name in CONTROLS {
        let there = names.contains(name);
        findings.require(there, "controls", format!("no control {name:?}"));
    }
}

fn soak(predicate: &Predicate, findings: &mut Findings) {
    let soak = predicate.soak;
    let cause = format!("{}, not {SOAK_ROUNDS_MIN} or more", soak.rounds);
    findings.require(soak.rounds >= SOAK_ROUNDS_MIN, "soak.rounds", cause);
    let jobs = u64::from(soak.rounds).saturating_mul(predicate.suite.count as u64);
    let cause = format!("{}, not {jobs}, rounds by vectors", soak.jobs);
    findings.require(soak.jobs == jobs, "soak.jobs", cause);
    findings.require(soak.failed == 0, "soak.failed", soak.failed);
}

/// What single precision has and fixed point has not, and the other way round.
fn numbers(predicate: &Predicate, findings: &mut Findings) {
    let is_float = predicate.model.precision == "f32";
    let cause = "f32 has one, fixed point none";
    findings.require(predicate.ulp.is_some() == is_float, "ulp", cause);
    if let Some(ulp) = &predicate.ulp {
        let some = ulp.counts.values().any(|&count| count > 0);
        findings.require(some, "ulp.counts", "no value was compared");
    }
    let cause = "fixed point has them, f32 none";
    let bounded = !predicate.accumulators.is_empty();
    findings.require(bounded != is_float, "accumulators", cause);
    let mut names = BTreeSet::new();
    for (index, accumulator) in predicate.accumulators.iter().enumerate() {
        let (bound, limit) = (accumulator.bound, accumulator.limit);
        let field = format!("accumulators[{index}]");
        let cause = format!("{bound} is more than {limit}");
        findings.require(bound <= limit, format!("{field}.bound"), cause);
        let held = limit <= i64::MAX as u64;
        findings.require(held, format!("{field}.limit"), "more than 64 bits hold");
        let new = names.insert(&accumulator.name);
        let cause = format!("{:?} is there twice", accumulator.name);
        findings.require(new, format!("{field}.name"), cause);
    }
}

/// Reads a day, in one form only.
fn date(text: &str) -> Option<Date> {
    let date = text.parse::<Date>().ok()?;
    (date.to_string() == text).then_some(date)
}

/// Returns the day of a time in UTC.
fn day(time: &str) -> Option<Date> {
    time.split_once('T').and_then(|(day, _)| date(day))
}
