//! Files that are signed by a trusted key and yet are no certificates.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::{Refusal, Trust, bundle};
use serde_json::{Value, json};

use crate::fixture::{Forgery, file, key, predicate, trust};

/// What is changed in the statements, and a part of the refusal.
type Case = (&'static str, fn(&mut [Value; 3]), &'static str);

const CASES: &[Case] = &[
    (
        "type of a statement",
        |it| it[0]["_type"] = json!("https://in-toto.io/Statement/v0.1"),
        "line 1: _type",
    ),
    (
        "type of the predicate",
        |it| it[0]["predicateType"] = json!("https://slsa.dev/provenance/v1"),
        "line 1: predicateType",
    ),
    (
        "two statements changed places",
        |it| it.swap(1, 2),
        "line 2: statement",
    ),
    (
        "a key that the predicate has not",
        |it| it[0]["predicate"]["extra"] = json!(1),
        "unknown field `extra`",
    ),
    (
        "a key of the predicate missing",
        |it| drop(it[0]["predicate"].as_object_mut().unwrap().remove("soak")),
        "missing field `soak`",
    ),
    (
        "another subject",
        |it| it[0]["subject"][0]["digest"]["sha256"] = json!("00"),
        "line 1: subject",
    ),
    (
        "a subject of the test-result",
        |it| it[1]["subject"][3]["digest"]["sha256"] = json!("00"),
        "line 2: subject",
    ),
    (
        "a subject of the SBOM missing",
        |it| drop(it[2]["subject"].as_array_mut().unwrap().pop()),
        "line 3: subject",
    ),
    (
        "a test that did not run",
        |it| it[1]["predicate"]["passedTests"][0] = json!("operator/other/1"),
        "line 2: predicate",
    ),
    (
        "a better result",
        |it| it[1]["predicate"]["result"] = json!("PASSED"),
        "line 2: predicate",
    ),
    (
        "another SBOM",
        |it| it[2]["predicate"]["components"][0]["version"] = json!("9"),
        "line 3: predicate",
    ),
    (
        "no SBOM",
        |it| it[2]["predicate"] = json!({"bomFormat": "SPDX"}),
        "line 3: predicate",
    ),
];

#[test]
fn each_forgery_is_refused_by_name() {
    assert!(bundle::verify(&Forgery::of(&predicate()).sign(&key()), &trust()).is_ok());
    for (name, change, expected) in CASES {
        let mut forgery = Forgery::of(&predicate());
        change(&mut forgery.statements);
        let refusal = bundle::verify(&forgery.sign(&key()), &trust()).unwrap_err();
        assert!(refusal.to_string().contains(expected), "{name}: {refusal}");
    }
}

/// White space and a key written twice, under a good signature.
#[test]
fn a_payload_in_another_form_is_refused() {
    let good = Forgery::of(&predicate()).payloads();
    let forms: [fn(&str) -> String; 3] = [
        |text| text.replacen(':', ": ", 1),
        |text| text.replacen('{', "{\"_type\":\"x\",", 1),
        |text| format!("{text}\n"),
    ];
    for line in 0..3 {
        for form in forms {
            let mut payloads = good.clone();
            let text = form(std::str::from_utf8(&good[line]).unwrap());
            payloads[line] = text.into_bytes();
            let key = key();
            let refusal = bundle::verify(&file(&payloads, &[&key; 3]), &trust()).unwrap_err();
            let known = matches!(refusal, Refusal::Form { .. } | Refusal::Format { .. });
            assert!(known, "line {}: {refusal}", line + 1);
        }
    }
}

/// The type is under the signature too.
#[test]
fn another_type_of_payload_is_refused() {
    let good = Forgery::of(&predicate()).sign(&key());
    let other = good.replacen("vnd.in-toto+json", "vnd.in-toto+jsoN", 1);
    let refusal = bundle::verify(&other, &trust()).unwrap_err();
    assert!(
        refusal.to_string().contains("line 1: payloadType"),
        "{refusal}"
    );
}

#[test]
fn lines_of_two_trusted_keys_are_refused() {
    let other = SigningKey::from_seed([8; 32]);
    let entry = |name: &str, key: &SigningKey| {
        let line = key.public().to_line();
        format!(
            "[[key]]\nname = \"{name}\"\npublic-key = \"{line}\"\n\
             valid-from = \"2026-01-01T00:00:00Z\"\n"
        )
    };
    let (first, second) = (entry("a", &key()), entry("b", &other));
    let trust = Trust::parse(&format!("schema = 1\n{first}{second}")).unwrap();
    let payloads = Forgery::of(&predicate()).payloads();
    let (a, b) = (&key(), &other);
    assert!(bundle::verify(&file(&payloads, &[b, b, b]), &trust).is_ok());
    for (keys, bad) in [([a, b, a], 2), ([a, a, b], 3), ([b, a, a], 2)] {
        let refusal = bundle::verify(&file(&payloads, &keys), &trust).unwrap_err();
        assert!(matches!(refusal, Refusal::SeveralKeys { line, .. } if line == bad));
    }
}

/// The fixture has base64 of all three kinds of padding, so that no digit is free.
#[test]
fn base64_without_its_padding_is_refused() {
    let good = Forgery::of(&predicate()).sign(&key());
    let padded = STANDARD.encode([0; 64]);
    assert!(padded.ends_with("=="));
    let bare = good.replacen("==\"}]", "\"}]", 1);
    assert_ne!(bare, good);
    let refusal = bundle::verify(&bare, &trust()).unwrap_err();
    assert!(refusal.to_string().contains("line 1: sig"), "{refusal}");
}
