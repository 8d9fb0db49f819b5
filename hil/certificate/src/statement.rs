//! Statements about files: in-toto Statement, version 1.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::predicate::Predicate;
use crate::refusal::Refusal;
use crate::strict;

/// Type of every statement.
pub const TYPE: &str = "https://in-toto.io/Statement/v1";

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Statement<P> {
    /// [`TYPE`].
    #[serde(rename = "_type")]
    statement_type: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    /// What kind of predicate it has.
    predicate_type: String,
    /// What it says.
    pub predicate: P,
}

/// A file, or another thing with a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name, unique in the statement.
    pub name: String,
    /// Its digest by algorithm, hex: `sha256`, or `gitTree` for a tree of Git.
    pub digest: BTreeMap<String, String>,
}

impl Subject {
    /// Makes a subject with one digest.
    #[must_use]
    pub fn new(name: impl Into<String>, algorithm: &str, digest: &str) -> Self {
        let digest = BTreeMap::from([(algorithm.to_owned(), digest.to_owned())]);
        let name = name.into();
        Self { name, digest }
    }
}

impl<P: Serialize + DeserializeOwned> Statement<P> {
    /// Makes a statement.
    #[must_use]
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: P) -> Self {
        Self {
            statement_type: TYPE.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// Returns its bytes.
    ///
    /// # Errors
    /// [`Refusal::Format`] for a predicate that JSON does not hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Refusal> {
        strict::write(self, "statement").map(String::into_bytes)
    }

    /// Reads the statement of line number `line`, which must have this type of predicate.
    ///
    /// # Errors
    /// [`Refusal::Format`], [`Refusal::Form`], [`Refusal::Constant`].
    pub fn parse(bytes: &[u8], predicate_type: &str, line: usize) -> Result<Self, Refusal> {
        let statement: Self = strict::read(bytes, &format!("line {line}: statement"))?;
        let is_same = |field: &str, found: &str, expected: &str| {
            if found == expected {
                return Ok(());
            }
            Err(Refusal::Constant {
                field: format!("line {line}: {field}"),
                found: found.to_owned(),
                expected: expected.to_owned(),
            })
        };
        is_same("_type", &statement.statement_type, TYPE)?;
        is_same("predicateType", &statement.predicate_type, predicate_type)?;
        Ok(statement)
    }
}

/// Returns what a certificate is about: the firmware's ELF file, each flashed stretch of memory, the
/// model file, the source of the kernels.
#[must_use]
pub fn subjects(predicate: &Predicate) -> Vec<Subject> {
    let sha256 = |name: String, digest: &str| Subject::new(name, "sha256", digest);
    let mut subjects = vec![sha256(
        "firmware.elf".to_owned(),
        &predicate.firmware.elf_sha256,
    )];
    for flashed in &predicate.firmware.flashed {
        let name = match flashed.address {
            Some(address) => format!("flashed/{}@{address:#010x}", flashed.what),
            None => format!("flashed/{}", flashed.what),
        };
        subjects.push(sha256(name, &flashed.sha256));
    }
    // The hash that a model file holds is of the file with that field zero: what was flashed has the
    // hash of the whole.
    let model = predicate.firmware.flashed.iter();
    for flashed in model.filter(|it| it.what == "model") {
        let name = format!("model/{}", predicate.model.name);
        subjects.push(sha256(name, &flashed.sha256));
    }
    subjects.push(Subject::new(
        "kernels",
        "gitTree",
        &predicate.identity.kernels_tree,
    ));
    subjects
}
