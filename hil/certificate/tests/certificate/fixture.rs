//! A certificate of a board that does not exist.

use mambalite_hil_certificate::envelope::Envelope;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::statement::{Statement, subjects};
use mambalite_hil_certificate::test_result::{self, TestResult};
use mambalite_hil_certificate::{Predicate, Trust, bundle, predicate};
use serde_json::Value;

/// Returns a predicate that may be signed.
pub(crate) fn predicate() -> Predicate {
    serde_json::from_str(include_str!("../../fixtures/predicate.json")).unwrap()
}

/// Returns the SBOM that it names.
pub(crate) fn sbom() -> Value {
    serde_json::from_str(include_str!("../../fixtures/sbom.json")).unwrap()
}

/// Returns a key that is no secret.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

/// Returns the file of [`predicate`].
pub(crate) fn sealed() -> String {
    bundle::sign(&predicate(), &sbom(), &key()).unwrap()
}

/// What a forger with a trusted key signs: any three statements, by a program of their own.
pub(crate) struct Forgery {
    /// The statements.
    pub(crate) statements: [Value; 3],
}

impl Forgery {
    /// Takes the statements of a predicate, whatever it says.
    pub(crate) fn of(predicate: &Predicate) -> Self {
        let subjects = subjects(predicate);
        let statement = |kind: &str, predicate: Value| {
            serde_json::to_value(Statement::new(subjects.clone(), kind, predicate)).unwrap()
        };
        let ours = serde_json::to_value(predicate).unwrap();
        let result = serde_json::to_value(TestResult::of(predicate)).unwrap();
        Self {
            statements: [
                statement(predicate::TYPE, ours),
                statement(test_result::TYPE, result),
                statement(bundle::SBOM_TYPE, sbom()),
            ],
        }
    }

    /// Returns the bytes of the statements, keys in the order of their types.
    pub(crate) fn payloads(&self) -> [Vec<u8>; 3] {
        let [ours, result, sbom] = &self.statements;
        [
            ordered::<Predicate>(ours),
            ordered::<TestResult>(result),
            ordered::<Value>(sbom),
        ]
    }

    /// Signs the statements.
    pub(crate) fn sign(&self, key: &SigningKey) -> String {
        file(&self.payloads(), &[key, key, key])
    }
}

/// Writes a statement as its type has it; one that is no such statement as it is.
fn ordered<P: serde::Serialize + serde::de::DeserializeOwned>(value: &Value) -> Vec<u8> {
    match serde_json::from_value::<Statement<P>>(value.clone()) {
        Ok(statement) => serde_json::to_vec(&statement).unwrap(),
        Err(_) => serde_json::to_vec(value).unwrap(),
    }
}

/// Signs payloads, each with its key.
pub(crate) fn file(payloads: &[Vec<u8>; 3], keys: &[&SigningKey; 3]) -> String {
    let lines = payloads.iter().zip(keys).map(|(payload, key)| {
        let line = Envelope::sign(payload, key).to_line().unwrap();
        line + "\n"
    });
    lines.collect()
}

/// Trusts [`key`].
pub(crate) fn trust() -> Trust {
    Trust::in_key(key().public().clone())
}
