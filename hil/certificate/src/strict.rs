//! JSON that is written in one way only, so that no byte of it can be changed unseen.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::refusal::Refusal;

/// Reads JSON that was written by [`write()`]; `part` is its name in a refusal.
///
/// # Errors
/// [`Refusal::Format`] for what is no such value, [`Refusal::Form`] where writing it again gives
/// other bytes.
pub(crate) fn read<T: DeserializeOwned + Serialize>(text: &[u8], part: &str) -> Result<T, Refusal> {
    let value: T = serde_json::from_slice(text).map_err(|error| Refusal::Format {
        part: part.to_owned(),
        cause: error.to_string(),
    })?;
    if write(&value, part)?.as_bytes() != text {
        return Err(Refusal::Form {
            part: part.to_owned(),
        });
    }
    Ok(value)
}

/// Writes compact JSON, keys in the order of the type.
///
/// # Errors
/// [`Refusal::Format`], which cannot occur for the types of this crate.
pub(crate) fn write<T: Serialize>(value: &T, part: &str) -> Result<String, Refusal> {
    serde_json::to_string(value).map_err(|error| Refusal::Format {
        part: part.to_owned(),
        cause: error.to_string(),
    })
}

/// Returns a value with the keys of all its objects in ascending order, whichever map the JSON
/// crate was built with.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries.into_iter();
            Value::Object(
                entries
                    .map(|(key, value)| (key.clone(), sorted(value)))
                    .collect(),
            )
        }
        scalar => scalar.clone(),
    }
}
