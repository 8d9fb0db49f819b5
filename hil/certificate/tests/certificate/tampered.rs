//! Certificates that were changed by someone who has no trusted key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::{Refusal, bundle};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixture::{Forgery, key, predicate, sealed, trust};

/// Reads bytes as the program does: what is no text is refused.
fn accepted(bytes: Vec<u8>) -> bool {
    String::from_utf8(bytes).is_ok_and(|file| bundle::verify(&file, &trust()).is_ok())
}

/// Every seventh byte in one run, so that all three lines and every key of an envelope are met;
/// its bit, its loss, and another byte before it.
#[test]
fn no_changed_byte_is_accepted() {
    let good = sealed().into_bytes();
    assert!(accepted(good.clone()));
    let mut tried = 0;
    for index in (0..good.len()).step_by(7) {
        let mut flipped = good.clone();
        flipped[index] ^= 1 << (index / 7 % 8);
        let mut lost = good.clone();
        lost.remove(index);
        let mut added = good.clone();
        added.insert(index, good[(index * 31) % good.len()]);
        for (changed, how) in [(flipped, "flipped"), (lost, "lost"), (added, "added")] {
            assert!(changed == good || !accepted(changed), "byte {index} {how}");
            tried += 1;
        }
    }
    assert!(tried > 3000, "{tried}");
}

/// White space, other escapes, other orders: the same JSON, but not the same bytes.
#[test]
fn no_other_writing_of_the_same_is_accepted() {
    let good = sealed();
    let refuse = |file: String| {
        assert_ne!(file, good);
        let refusal = bundle::verify(&file, &trust()).unwrap_err();
        let known = matches!(
            refusal,
            Refusal::Form { .. } | Refusal::Lines { .. } | Refusal::Format { .. }
        );
        assert!(known, "{refusal}");
    };
    refuse(good.replacen("{\"payload\"", "{ \"payload\"", 1));
    refuse(good.replacen("\"payload\"", "\"p\\u0061yload\"", 1));
    refuse(good.replacen("\"keyid\"", "\"x\":1,\"keyid\"", 1));
    refuse(good.replacen("{\"payload\"", "{\"payload\":\"\",\"payload\"", 1));
    refuse(good.replace('\n', "\r\n"));
    refuse(format!("{good}\n"));
    refuse(format!(" {good}"));
    refuse(good.trim_end().to_owned());
    refuse(format!("\u{feff}{good}"));
    let sorted: Value = serde_json::from_str(good.lines().next().unwrap()).unwrap();
    let signatures = sorted["signatures"].to_string();
    let doubled = signatures.replacen('}', &format!("}},{}", &signatures[1..]), 1);
    refuse(good.replacen(&signatures, &doubled.replace("]]", "]"), 1));
    // Two last digits of base64 that stand for the same bytes.
    let sig = sorted["signatures"][0]["sig"].as_str().unwrap();
    let last = sig.trim_end_matches('=').len() - 1;
    let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = digits.find(sig.as_bytes()[last] as char).unwrap();
    let other = digits.as_bytes()[digit ^ 1] as char;
    refuse(good.replacen(sig, &format!("{}{other}==", &sig[..last]), 1));
}

/// Lines lost, doubled, in another order.
#[test]
fn no_other_lines_are_accepted() {
    let good = sealed();
    let lines: Vec<_> = good.lines().collect();
    for order in [
        vec![],
        vec![0],
        vec![0, 1],
        vec![0, 1, 2, 2],
        vec![1, 0, 2],
        vec![0, 2, 1],
        vec![2, 1, 0],
        vec![0, 0, 0],
        vec![0, 1, 1],
    ] {
        let file: String = order.iter().map(|&it| format!("{}\n", lines[it])).collect();
        assert!(!accepted(file.into_bytes()), "{order:?}");
    }
}

/// Every value of the predicate changed, every key taken away, and a key added to every object: under
/// the old signature, and signed by a key that nobody trusts.
#[test]
fn no_changed_field_is_accepted() {
    let good = Forgery::of(&predicate());
    let signed = sealed();
    let stranger = SigningKey::from_seed([8; 32]);
    let mut changed = 0;
    for change in changes(&good.statements[0]["predicate"]) {
        let mut forgery = Forgery::of(&predicate());
        forgery.statements[0]["predicate"] = change;
        let refusal = bundle::verify(&forgery.sign(&stranger), &trust()).unwrap_err();
        assert!(matches!(refusal, Refusal::UnknownKey { .. }), "{refusal}");
        let [payload, ..] = forgery.payloads();
        let old = STANDARD.encode(&good.payloads()[0]);
        let file = signed.replacen(&old, &STANDARD.encode(payload), 1);
        let refusal = bundle::verify(&file, &trust()).unwrap_err();
        assert!(matches!(refusal, Refusal::Signature { .. }), "{refusal}");
        changed += 1;
    }
    assert!(changed > 300, "{changed}");
}

/// Returns copies of `value`, each with one thing changed.
fn changes(value: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let with = |inner: Option<Value>| {
                    let mut map = map.clone();
                    match inner {
                        Some(inner) => map.insert(key.clone(), inner),
                        None => map.remove(key),
                    };
                    Value::Object(map)
                };
                all.push(with(None));
                all.extend(changes(inner).into_iter().map(|it| with(Some(it))));
            }
            let mut more = map.clone();
            more.insert("extra".to_owned(), Value::Bool(true));
            all.push(Value::Object(more));
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                let mut fewer = items.clone();
                fewer.remove(index);
                all.push(Value::Array(fewer));
                all.extend(changes(inner).into_iter().map(|it| {
                    let mut items = items.clone();
                    items[index] = it;
                    Value::Array(items)
                }));
            }
        }
        Value::String(text) => all.push(format!("{text}0").into()),
        Value::Number(number) => all.push((number.as_u64().unwrap() + 1).into()),
        Value::Bool(bool) => all.push((!bool).into()),
        Value::Null => {}
    }
    all
}

/// The id of the trusted key over the signature of another.
#[test]
fn no_borrowed_id_is_accepted() {
    let stranger = SigningKey::from_seed([8; 32]);
    let file = Forgery::of(&predicate()).sign(&stranger);
    let file = file.replace(&stranger.public().id(), &key().public().id());
    let refusal = bundle::verify(&file, &trust()).unwrap_err();
    assert!(
        matches!(refusal, Refusal::Signature { line: 1, .. }),
        "{refusal}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Stretches written over, cut out and doubled anywhere.
    #[test]
    fn no_changed_stretch_is_accepted(
        start in 0_usize..60_000,
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        cut in 0_usize..400,
    ) {
        let good = sealed().into_bytes();
        let start = start % good.len();
        let end = (start + cut).min(good.len());
        let mut changed = good.clone();
        changed.splice(start..end, bytes);
        prop_assert!(changed == good || !accepted(changed));
    }

    /// Text of any kind is refused, and nothing panics.
    #[test]
    fn foreign_text_is_refused(text in "(\\PC|\n|[{}\":,\\[\\]]){0,300}") {
        prop_assert!(bundle::verify(&text, &trust()).is_err());
    }
}
