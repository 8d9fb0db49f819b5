//! Keys in and out of their time.

use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::{Refusal, Trust, bundle};

use crate::fixture::{key, sealed};

/// A trust file with one entry; the fixture was made on 2026-11-29.
fn file(lines: &str) -> String {
    let line = key().public().to_line();
    format!("schema = 1\n[[key]]\nname = \"lab\"\npublic-key = \"{line}\"\n{lines}\n")
}

const OPEN: &str = "valid-from = \"2026-01-01T00:00:00Z\"\n";

#[test]
fn a_key_is_good_in_its_time_only() {
    let verify = |lines: &str| bundle::verify(&sealed(), &Trust::parse(&file(lines)).unwrap());
    let certificate = verify(OPEN).unwrap();
    assert_eq!(certificate.key.name, "lab");
    let until = |time: &str| format!("{OPEN}valid-until = \"{time}\"\n");
    verify(&until("2026-11-29T05:03:20Z")).unwrap();
    for lines in [
        until("2026-11-29T05:03:19Z"),
        "valid-from = \"2026-11-29T05:03:21Z\"\n".to_owned(),
    ] {
        let refusal = verify(&lines).unwrap_err();
        assert!(matches!(refusal, Refusal::KeyTime { .. }), "{refusal}");
    }
}

#[test]
fn a_revoked_key_is_refused() {
    let verify = |reason: &str, since: &str| {
        let lines = format!("{OPEN}[key.revoked]\nsince = \"{since}\"\nreason = \"{reason}\"\n");
        bundle::verify(&sealed(), &Trust::parse(&file(&lines)).unwrap())
    };
    let (before, after) = ("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z");
    // What it signed before it was retired stays good.
    verify("retired", after).unwrap();
    for (reason, since) in [
        ("retired", before),
        ("compromised", before),
        // Who has the key writes any time.
        ("compromised", after),
    ] {
        let refusal = verify(reason, since).unwrap_err();
        assert!(matches!(refusal, Refusal::Revoked { .. }), "{refusal}");
        assert!(refusal.to_string().contains(reason), "{refusal}");
    }
}

#[test]
fn a_key_that_is_not_in_the_file_is_unknown() {
    let other = SigningKey::from_seed([9; 32]);
    let text = file(OPEN).replace(&key().public().to_line(), &other.public().to_line());
    let refusal = bundle::verify(&sealed(), &Trust::parse(&text).unwrap()).unwrap_err();
    assert!(matches!(refusal, Refusal::UnknownKey { line: 1, .. }));
    let none = Trust::parse("schema = 1\n").unwrap();
    assert!(bundle::verify(&sealed(), &none).is_err());
}

#[test]
fn faulty_files_are_refused_by_name() {
    let other = SigningKey::from_seed([9; 32]);
    let successor = |id: &str| format!("{OPEN}successor = \"{id}\"\n");
    let twice = format!("{OPEN}{}", file(OPEN).trim_start_matches("schema = 1\n"));
    let late = format!(
        "{OPEN}valid-until = \"2026-06-01T00:00:00Z\"\nsuccessor = \"{}\"\n\
         [[key]]\nname = \"new\"\npublic-key = \"{}\"\nvalid-from = \"2026-07-01T00:00:00Z\"\n",
        other.public().id(),
        other.public().to_line(),
    );
    for (text, expected) in [
        (file(""), "valid-from"),
        (file(&format!("{OPEN}extra = 1")), "extra"),
        (file("valid-from = \"yesterday\""), "valid-from"),
        (
            file(&format!("{OPEN}valid-until = \"2025-01-01T00:00:00Z\"")),
            "valid-until",
        ),
        (file(&twice), "twice"),
        (file(&successor("00")), "no key of this id"),
        (file(&successor(&key().public().id())), "its own place"),
        (file(&late), "after this key's end"),
        (file(OPEN).replace("schema = 1", "schema = 2"), "schema 2"),
        (
            file(OPEN).replace(&key().public().to_line(), "MCow"),
            "public-key",
        ),
        (
            file(&format!(
                "{OPEN}[key.revoked]\nsince = \"2026-01-01T00:00:00Z\"\n"
            )),
            "reason",
        ),
    ] {
        let error = Trust::parse(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// The neutral element of the curve: under it signatures of anyone would be valid.
#[test]
fn a_key_of_small_order_is_no_key() {
    let line = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let text = file(OPEN).replace(&key().public().to_line(), line);
    assert!(Trust::parse(&text).is_err());
}
