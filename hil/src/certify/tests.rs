//! What keeps evidence from being signed, from facts that may be signed: every reason is told at once.

use std::time::Duration;

use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::predicate::{Predicate, Verdict, Waiver};
use mambalite_hil_certificate::suite::{SCHEMA, Suite, Vector};

use super::draft::Draft;
use super::examine::Examined;
use super::files;
use super::session::Failure;
use super::source::Source;
use crate::error::{EXIT_MISMATCH, EXIT_PASS, EXIT_REFUSED, EXIT_TIMEOUT, Error};
use crate::verdict::Stage;

const FIXTURE: &str = include_str!("../../certificate/fixtures/predicate.json");
const SBOM: &str = include_str!("../../certificate/fixtures/sbom.json");

fn clean() -> Source {
    Source {
        commit: "c".repeat(40),
        kernels_tree: "d".repeat(40),
        changes: Vec::new(),
    }
}

/// Returns a suite that the results of a predicate are of; its pictures are not looked at.
fn suite_of(predicate: &Predicate) -> Suite {
    let classes = predicate.suite.classes.iter();
    let mut classes = classes.flat_map(|(class, count)| std::iter::repeat_n(*class, *count));
    let vectors = predicate.results.iter().map(|it| Vector {
        id: it.id.clone(),
        class: classes.next().unwrap(),
        width: 1,
        height: 1,
        channels: 1,
        pixels: "AA==".to_owned(),
        after: None,
        input_sha256: it.input_sha256.clone(),
        output_sha256: it.expected_sha256.clone(),
        layers_sha256: it.expected_layers_sha256.clone(),
    });
    let mut suite = Suite {
        schema: SCHEMA,
        model: predicate.model.name.clone(),
        precision: predicate.model.precision.clone(),
        model_sha256: predicate.model.sha256.clone(),
        seed: predicate.suite.seed,
        vectors: vectors.collect(),
        root: String::new(),
    };
    suite.root = hex::encode(suite.computed_root().unwrap());
    suite
}

/// Returns evidence that may be signed, but for what `spoil` does to it.
fn draft(spoil: impl FnOnce(&mut Draft)) -> Draft {
    let mut predicate: Predicate = serde_json::from_str(FIXTURE).unwrap();
    let suite = suite_of(&predicate);
    predicate.suite.root.clone_from(&suite.root);
    // Before the end of this test, whatever the clock says.
    predicate.identity.started = "2020-01-01T00:00:00Z".to_owned();
    let found = Examined {
        operators: predicate.operators.clone(),
        results: predicate.results.clone(),
        totals: predicate.totals,
        soak: predicate.soak,
        link: predicate.link,
        controls: predicate.controls.clone(),
        faults: Vec::new(),
    };
    let mut draft = Draft::new(predicate, clean(), suite);
    draft.found = found;
    spoil(&mut draft);
    draft
}

/// Ends evidence with a source and returns the reasons not to sign it.
fn end(draft: &mut Draft, source: &Source) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "a line").unwrap();
    draft.end(source, &log);
    draft.reasons.clone()
}

#[track_caller]
fn assert_told(reasons: &[String], part: &str) {
    assert!(
        reasons.iter().any(|it| it.contains(part)),
        "{part}: {reasons:#?}"
    );
}

#[test]
fn what_is_as_it_must_be_is_signed() {
    let mut draft = draft(|_| ());
    assert_eq!(end(&mut draft, &clean()), [""; 0]);
    assert_eq!(draft.exit_code(), EXIT_PASS);
}

#[test]
fn every_reason_is_told_at_once() {
    let mut draft = draft(|it| {
        let waiver = |check: &str, expires: &str| Waiver {
            check: check.to_owned(),
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            expires: expires.to_owned(),
        };
        // Skipped: one that nobody waived, and two whose waivers do not hold.
        for operator in it.found.operators.iter_mut().take(3) {
            operator.verdict = Verdict::Skip;
            operator.digest = None;
        }
        let names: Vec<_> = it
            .found
            .operators
            .iter()
            .map(|it| it.name.clone())
            .collect();
        it.predicate.policy.waivers = vec![waiver(&names[1], "2020-01-01"), waiver(&names[2], "")];
        it.found.results[0].attempts = 2;
        it.found.link.jobs_repeated = 1;
        it.found.controls[0].caught = false;
        it.found.controls.pop();
        it.found.soak.rounds = 0;
        it.predicate.firmware.rebuilt_sha256 = "0".repeat(64);
        it.predicate.firmware.flashed[0].read_back_sha256 = "0".repeat(64);
        it.predicate.health.passed = false;
    });
    let dirty = Source {
        changes: vec!["?? notes.txt".to_owned()],
        ..clean()
    };
    let reasons = end(&mut draft, &dirty);
    for part in [
        "dirty: ?? notes.txt",
        "operators[0].verdict",
        "waivers[0].expires: it expired on 2020-01-01",
        "waivers[1].expires",
        "results[0].attempts: 2: flaky",
        "link.jobs-repeated: 1: flaky",
        "controls[0].caught",
        "controls: no control",
        "soak.rounds",
        "firmware.rebuilt-sha256",
        "read-back-sha256",
        "health.passed",
    ] {
        assert_told(&reasons, part);
    }
    assert_eq!(draft.exit_code(), EXIT_REFUSED);
}

#[test]
fn a_commit_that_changes_meanwhile_is_dirty() {
    let mut draft = draft(|_| ());
    let other = Source {
        commit: "e".repeat(40),
        ..clean()
    };
    assert_told(&end(&mut draft, &other), "dirty: the commit became eee");
    assert_eq!(draft.exit_code(), EXIT_REFUSED);
}

#[test]
fn a_wrong_bit_and_a_board_that_fails_have_their_own_codes() {
    let wrong = |it: &mut Draft| {
        it.found.results[0].verdict = Verdict::Fail;
        it.found.totals.failed = 1;
        it.found.faults = vec!["vector a: layers differ".to_owned()];
    };
    let mut mismatch = draft(wrong);
    assert_told(&end(&mut mismatch, &clean()), "vector a: layers differ");
    assert_eq!(mismatch.exit_code(), EXIT_MISMATCH);

    let mut silent = draft(wrong);
    let error = Error::Timeout {
        what: "the result",
        after: Duration::from_secs(3),
    };
    silent.failure = Some((Stage::Stream, Failure { error, crash: None }));
    // What was not reached is missing, and told too.
    silent.found.controls.clear();
    let reasons = end(&mut silent, &clean());
    assert_told(&reasons, "failed at stream: wait for the result");
    assert_told(&reasons, "no control \"firmware word\"");
    assert_eq!(silent.exit_code(), EXIT_TIMEOUT);
}

/// Files: evidence is named unsigned; once it is signed, only the certificate and what belongs to it
/// are there.
#[test]
fn only_what_is_signed_looks_like_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let names = files::Names::at(folder.path(), "a_m_w8a8");
    let key = SigningKey::from_seed([7; 32]);
    let sbom = serde_json::from_str(SBOM).unwrap();
    let listed = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = files
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let write = |source: &Source| {
        std::fs::write(names.unsigned_log(), "a line").unwrap();
        let mut draft = draft(|_| ());
        draft.end(source, &names.unsigned_log());
        let suite = suite_of(&draft.predicate);
        files::write(draft, &suite, (&sbom, &key), &names).unwrap()
    };
    let dirty = Source {
        changes: vec![" M a".to_owned()],
        ..clean()
    };
    let refused = write(&dirty);
    assert!(!refused.is_signed() && refused.exit_code == EXIT_REFUSED);
    assert_eq!(
        listed(),
        ["a_m_w8a8.unsigned.json", "a_m_w8a8.unsigned.log"]
    );
    let text = std::fs::read_to_string(&refused.path).unwrap();
    assert!(text.contains("dirty:  M a"), "{text}");
    let signed = write(&clean());
    assert!(
        signed.is_signed() && signed.exit_code == EXIT_PASS,
        "{:?}",
        signed.reasons
    );
    assert_eq!(
        listed(),
        [
            "a_m_w8a8.html",
            "a_m_w8a8.intoto.jsonl",
            "a_m_w8a8.log",
            "a_m_w8a8.vectors.json"
        ]
    );
}
