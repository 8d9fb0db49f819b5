//! Certificates, suites and trust files of any bytes are refused, and nothing panics: the fuzzer has no key.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::statement::Statement;
use mambalite_hil_certificate::{Predicate, Suite, Trust, bundle, check, predicate};

fuzz_target!(|text: &str| {
    let key = SigningKey::from_seed([7; 32]);
    let trust = Trust::in_key(key.public().clone());
    assert!(bundle::verify(text, &trust).is_err());
    let _ = Trust::parse(text);
    let _ = Suite::parse(text.as_bytes());
    // What lies behind a good signature.
    if let Ok(it) = Statement::<Predicate>::parse(text.as_bytes(), predicate::TYPE, 1) {
        let _ = check::predicate(&it.predicate);
    }
    if let Ok(predicate) = serde_json::from_str::<Predicate>(text) {
        let _ = check::predicate(&predicate);
    }
});
