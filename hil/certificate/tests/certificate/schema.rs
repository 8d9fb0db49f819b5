//! The published JSON Schema says what the program reads.

use jsonschema::Validator;
use mambalite_hil_certificate::Predicate;
use serde_json::{Value, json};

use crate::fixture::predicate;

fn validator() -> Validator {
    let schema = include_str!("../../schema/bit-accuracy-v1.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn a_predicate_fits_the_schema() {
    let validator = validator();
    let mut fixed = serde_json::to_value(predicate()).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&fixed)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    // All that may be missing, and all that may be there.
    fixed["ulp"] = json!({"counts": {"0": 10, "sign": 1}, "largest": 2, "largest-grey": "0.001"});
    fixed["toolchain"]["target-cpu"] = json!("cortex-m33");
    fixed["policy"]["waivers"] =
        json!([{"check": "a", "reason": "b", "owner": "c", "expires": "2026-12-31"}]);
    assert!(validator.is_valid(&fixed));
    let object = fixed.as_object_mut().unwrap();
    object.remove("chain");
    object.remove("ulp");
    assert!(validator.is_valid(&fixed));
}

/// A key is taken away from, or added to, every object there is: schema and program agree.
#[test]
fn schema_and_program_refuse_the_same_keys() {
    let validator = validator();
    let good = serde_json::to_value(predicate()).unwrap();
    let mut refused = 0;
    for pointer in objects(&good, String::new()) {
        let map = good.pointer(&pointer).unwrap().as_object().unwrap();
        let extra = std::iter::once(None);
        for key in map.keys().map(Some).chain(extra) {
            let mut changed = good.clone();
            let map = changed.pointer_mut(&pointer).unwrap();
            let map = map.as_object_mut().unwrap();
            match key {
                Some(key) => drop(map.remove(key)),
                None => drop(map.insert("extra".to_owned(), json!(1))),
            }
            let fits = validator.is_valid(&changed);
            let read = serde_json::from_value::<Predicate>(changed).is_ok();
            assert_eq!(fits, read, "{pointer} {key:?}");
            refused += usize::from(!fits);
        }
    }
    assert!(refused > 100, "{refused}");
}

/// Returns where the objects are whose keys are fixed.
fn objects(value: &Value, pointer: String) -> Vec<String> {
    match value {
        // Names of classes, of files, of distances: any number of them.
        Value::Object(_) if pointer.ends_with("/classes") => Vec::new(),
        Value::Object(_) if pointer.ends_with("/linker-scripts") => Vec::new(),
        Value::Object(map) => {
            let inner = map
                .iter()
                .flat_map(|(key, it)| objects(it, format!("{pointer}/{key}")));
            std::iter::once(pointer.clone()).chain(inner).collect()
        }
        Value::Array(items) => {
            let inner = items.iter().enumerate();
            inner
                .flat_map(|(index, it)| objects(it, format!("{pointer}/{index}")))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn wrong_values_do_not_fit_the_schema() {
    let validator = validator();
    for (pointer, value) in [
        ("/schema", json!(2)),
        ("/identity/commit", json!("abc")),
        ("/identity/started", json!("today")),
        ("/model/precision", json!("w4a4")),
        ("/policy/comparison", json!("ulp<=1")),
        ("/results/0/verdict", json!("skip")),
        ("/results/0/attempts", json!(2)),
        ("/totals/failed", json!(1)),
        ("/soak/rounds", json!(2)),
        ("/controls/0/caught", json!(false)),
        ("/board/fp-flags", json!("0x01000000")),
        ("/firmware/elf-sha256", json!("A".repeat(64))),
        ("/suite/classes", json!({"golden": 1, "other": 2})),
    ] {
        let mut changed = serde_json::to_value(predicate()).unwrap();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&changed), "{pointer}");
    }
}
