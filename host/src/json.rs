//! Objects as JSON, with the version of their schema in front.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::{Error, Result, atomic_file};

/// The version of all objects that this crate writes.
pub const SCHEMA: u32 = 1;

/// An object with the version of its schema in front.
#[derive(Debug, Serialize)]
struct Versioned<'a, T> {
    schema: u32,
    #[serde(flatten)]
    object: &'a T,
}

impl<'a, T> Versioned<'a, T> {
    fn new(object: &'a T) -> Self {
        let schema = SCHEMA;
        Self { schema, object }
    }
}

/// Returns a line without its end.
///
/// # Errors
/// That of [`serde_json`].
pub fn line(object: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(&Versioned::new(object))?)
}

/// Writes a file of one object, for people to read, atomically.
///
/// # Errors
/// [`Error::Write`].
pub fn write(path: &Path, object: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(&Versioned::new(object));
    let text = text.map_err(|cause| Error::Write {
        path: path.to_path_buf(),
        cause: cause.into(),
    })?;
    atomic_file::write(path, |file| writeln!(file, "{text}"))
}
