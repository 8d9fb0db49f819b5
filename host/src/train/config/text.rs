//! Keys in the text of a file, and keys that differ between two.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use toml::de::{DeTable, DeValue};

/// Returns the line, from 1, on which `text` has a key given as `table.key`; of a key that is not
/// there, the line of the innermost table that is.
pub(super) fn line(text: &str, key: &str) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut table = table.get_ref();
    let mut start = None;
    for name in key.split('.') {
        let Some((found, value)) = table.iter().find(|(it, _)| it.get_ref() == name) else {
            break;
        };
        start = Some(found.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            _ => break,
        }
    }
    Some(1 + text.get(..start?)?.matches('\n').count())
}

/// Returns the name of the first key in which two configurations differ, those in `free` left out.
pub fn difference<T: Serialize>(one: &T, other: &T, free: &[&str]) -> Option<String> {
    let (one, other) = (flat(one), flat(other));
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differs = |key: &&String| one.get(*key) != other.get(*key) && !free.contains(&key.as_str());
    keys.into_iter().find(differs).cloned()
}

/// Returns every value that is no table by its key with the tables.
fn flat(config: &impl Serialize) -> BTreeMap<String, serde_json::Value> {
    let mut values = BTreeMap::new();
    // A configuration that serde_json cannot hold would differ from every other.
    let whole = serde_json::to_value(config).unwrap_or_default();
    put(&mut values, String::new(), whole);
    values
}

fn put(values: &mut BTreeMap<String, serde_json::Value>, key: String, value: serde_json::Value) {
    match value {
        serde_json::Value::Object(table) => {
            for (name, value) in table {
                let separator = if key.is_empty() { "" } else { "." };
                put(values, format!("{key}{separator}{name}"), value);
            }
        }
        serde_json::Value::Null => {}
        value => {
            values.insert(key, value);
        }
    }
}
