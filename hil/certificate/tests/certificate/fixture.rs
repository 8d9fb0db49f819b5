//! A certificate of a board that does not exist.

use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::{Predicate, bundle};
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
