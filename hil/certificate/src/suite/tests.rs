//! A suite is what it is in every field, and nothing else is read as one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hash::sha256;

fn vector(id: &str, class: Class, (width, height): (u16, u16), after: Option<Origin>) -> Vector {
    let pixels = vec![7; usize::from(width) * usize::from(height) * 3];
    Vector {
        id: id.to_owned(),
        class,
        width,
        height,
        channels: 3,
        pixels: STANDARD.encode(&pixels),
        after,
        input_sha256: sha256(&pixels),
        output_sha256: sha256(id),
        layers_sha256: sha256("layers"),
    }
}

fn origin(id: &str, x: u16, y: u16) -> Option<Origin> {
    let id = id.to_owned();
    Some(Origin { id, x, y })
}

/// A good suite of four vectors.
fn suite() -> Suite {
    let mut suite = Suite {
        schema: SCHEMA,
        model: "m".to_owned(),
        precision: "w8a8".to_owned(),
        model_sha256: "ab".repeat(32),
        seed: 1,
        vectors: vec![
            vector("golden/2x1", Class::Golden, (2, 1), None),
            vector("edge/white", Class::Edge, (1, 1), None),
            vector("random/3x2", Class::Random, (3, 2), None),
            vector(
                "chained/1",
                Class::Chained,
                (2, 2),
                origin("golden/2x1", 6, 2),
            ),
        ],
        root: String::new(),
    };
    seal(&mut suite);
    suite
}

/// Gives a suite the root of its vectors.
fn seal(suite: &mut Suite) {
    suite.root = hex::encode(suite.computed_root().unwrap());
}

/// Returns why a suite is refused after a change that its root is made for.
fn refused(change: impl FnOnce(&mut Suite)) -> String {
    let mut suite = suite();
    change(&mut suite);
    seal(&mut suite);
    suite.check().unwrap_err().to_string()
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let suite = suite();
    let file = suite.to_file().unwrap();
    assert_eq!(Suite::parse(&file).unwrap(), suite);
    assert_eq!(Suite::parse(&file).unwrap().to_file().unwrap(), file);
}

#[test]
fn what_contradicts_itself_is_refused_by_name() {
    let cases = [
        (refused(|s| s.schema = 2), "schema 2"),
        (refused(|s| s.precision = "w4a4".into()), "precision `w4a4`"),
        (refused(|s| s.vectors.clear()), "no vectors"),
        (
            refused(|s| s.model_sha256 = "AB".repeat(32)),
            "`model-sha256`",
        ),
        (
            refused(|s| s.vectors[1].id = "golden/2x1".into()),
            "two vectors",
        ),
        (
            refused(|s| s.vectors[1].id = "Edge 1".into()),
            "id `Edge 1`",
        ),
        (refused(|s| s.vectors[1].channels = 1), "1 channels"),
        (refused(|s| s.vectors[1].pixels = "?".into()), "pixels: "),
        (
            refused(|s| s.vectors[1].pixels = String::new()),
            "but 0 bytes",
        ),
        (
            refused(|s| s.vectors[1].width = 2),
            "2x1 pixels of 3 bytes, but 3",
        ),
        (refused(|s| s.vectors[1].width = 0), "0x1 pixels"),
        (
            refused(|s| s.vectors[1].pixels = STANDARD.encode([1; 3])),
            "not that of its pixels",
        ),
        (
            refused(|s| s.vectors[1].output_sha256 = "1".into()),
            "`output-sha256` of vector `edge/white`",
        ),
        (
            refused(|s| s.vectors[1].layers_sha256 = "g".repeat(64)),
            "`layers-sha256`",
        ),
        (refused(|s| s.vectors[3].after = None), "`after` is for"),
        (
            refused(|s| s.vectors[1].after = origin("golden/2x1", 0, 0)),
            "`after` is for",
        ),
        (
            refused(|s| s.vectors[3].after = origin("random/9x9", 0, 0)),
            "no vector `random/9x9`",
        ),
        (
            refused(|s| s.vectors[3].after = origin("chained/1", 0, 0)),
            "no vector `chained/1`",
        ),
        (
            refused(|s| s.vectors[3].after = origin("golden/2x1", 7, 2)),
            "outside of the output",
        ),
        (
            refused(|s| s.vectors[3].after = origin("golden/2x1", 65535, 0)),
            "outside of the output",
        ),
        (refused(|s| s.vectors.swap(0, 3)), "no vector `golden/2x1`"),
    ];
    for (why, wanted) in cases {
        assert!(why.contains(wanted), "{why}: {wanted}");
    }
    let mut other = suite();
    other.root = "0".repeat(64);
    assert!(matches!(other.check(), Err(SuiteError::Root { .. })));
}

/// Each leaf of the JSON of the vectors: another value is another root.
#[test]
fn every_field_of_a_vector_is_in_the_root() {
    let good = suite();
    let fields = [
        "id", "class", "width", "height", "channels", "pixels", "after",
    ];
    let hashes = ["input-sha256", "output-sha256", "layers-sha256"];
    for field in fields.into_iter().chain(hashes) {
        let mut value = serde_json::to_value(&good).unwrap();
        let place = &mut value["vectors"][3][field];
        *place = match (field, &*place) {
            ("class", _) => json!("real"),
            (_, Value::Number(n)) => json!(n.as_u64().unwrap() ^ 1),
            (_, Value::String(s)) => json!(format!("{s}0")),
            _ => json!({"id": "golden/2x1", "x": 6, "y": 3}),
        };
        let changed: Suite = serde_json::from_value(value).unwrap();
        assert_ne!(
            changed.computed_root().unwrap(),
            good.computed_root().unwrap(),
            "{field}"
        );
    }
    let mut fewer = good.clone();
    fewer.vectors.pop();
    assert_ne!(
        fewer.computed_root().unwrap(),
        good.computed_root().unwrap()
    );
    let mut turned = good.clone();
    turned.vectors.swap(1, 2);
    assert_ne!(
        turned.computed_root().unwrap(),
        good.computed_root().unwrap()
    );
}

#[test]
fn keys_are_all_there_once_and_no_other() {
    let text = String::from_utf8(suite().to_file().unwrap()).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let parse = |value: &Value| Suite::parse(value.to_string().as_bytes());
    for of in ["", "/vectors/1", "/vectors/3/after"] {
        let keys: Vec<String> = value
            .pointer(of)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for key in keys {
            let mut less = value.clone();
            less.pointer_mut(of)
                .unwrap()
                .as_object_mut()
                .unwrap()
                .remove(&key);
            assert!(parse(&less).is_err(), "{of} {key}");
        }
        let mut more = value.clone();
        more.pointer_mut(of).unwrap()["more"] = json!(1);
        assert!(matches!(parse(&more), Err(SuiteError::Json(_))), "{of}");
    }
    let twice = text.replacen("\"seed\": 1,", "\"seed\": 1, \"seed\": 1,", 1);
    assert_ne!(twice, text);
    assert!(matches!(
        Suite::parse(twice.as_bytes()),
        Err(SuiteError::Json(_))
    ));
}

proptest! {
    /// A changed byte of a file is refused, or changes nothing but white space or what stands outside of
    /// the root: name of the model, hash of it, precision and seed, which the reader compares with its own.
    #[test]
    fn a_changed_byte_never_passes_for_the_same_vectors(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let good = suite();
        let mut file = good.to_file().unwrap();
        let at = at.index(file.len());
        file[at] ^= flip;
        if let Ok(read) = Suite::parse(&file) {
            prop_assert_eq!(read.vectors, good.vectors);
            prop_assert_eq!(read.root, good.root);
        }
    }

    /// Foreign bytes are an error and no panic.
    #[test]
    fn foreign_bytes_do_not_panic(file in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Suite::parse(&file).is_err());
    }
}
