//! A certificate goes through its file, and what is not written by this crate is refused.

use crate::fixture::{key, predicate, sbom, sealed};
use mambalite_hil_certificate::{Refusal, Trust, bundle};

#[test]
fn a_certificate_goes_through_its_file() {
    let (predicate, key) = (predicate(), key());
    let file = bundle::sign(&predicate, &sbom(), &key).unwrap();
    assert_eq!(file.lines().count(), bundle::LINES);
    let trust = Trust::in_key(key.public().clone());
    let certificate = bundle::verify(&file, &trust).unwrap();
    assert_eq!(certificate.predicate, predicate);
    assert_eq!(certificate.sbom, sbom());
    let names: Vec<_> = certificate.subjects.iter().map(|it| &it.name).collect();
    assert_eq!(
        names,
        [
            "firmware.elf",
            "flashed/program@0x00000000",
            "flashed/model@0x00100000",
            "model/mambalite-x4-tiny",
            "kernels"
        ]
    );
    // Ed25519 is deterministic, and so is all that is signed.
    assert_eq!(sealed(), file);
}

#[test]
fn nothing_is_signed_that_would_be_refused() {
    let mut predicate = predicate();
    predicate.soak.failed = 1;
    let refusal = bundle::sign(&predicate, &sbom(), &key()).unwrap_err();
    assert!(matches!(refusal, Refusal::Policy(_)));
    assert!(refusal.to_string().starts_with("soak.failed"), "{refusal}");
}
