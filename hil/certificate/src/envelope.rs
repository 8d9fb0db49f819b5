//! One signed line of a certificate: a DSSE envelope, version 1, with one signature.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::key::{PublicKey, SigningKey};
use crate::refusal::Refusal;
use crate::strict;

/// Type of every payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// An envelope; base64 is of the standard alphabet, padded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    /// What is signed, base64.
    payload: String,
    /// [`PAYLOAD_TYPE`].
    payload_type: String,
    /// Exactly one.
    signatures: [Signature; 1],
}

/// A signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// [`PublicKey::id`].
    keyid: String,
    /// Ed25519 over [`pre_authentication`], base64.
    sig: String,
}

impl Envelope {
    /// Signs `payload`.
    #[must_use]
    pub fn sign(payload: &[u8], key: &SigningKey) -> Self {
        let sig = key.sign(&pre_authentication(PAYLOAD_TYPE, payload));
        Self {
            payload: STANDARD.encode(payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: [Signature {
                keyid: key.public().id(),
                sig: STANDARD.encode(sig),
            }],
        }
    }

    /// Reads line number `line`, from 1, without its line feed. The signature is not looked at.
    ///
    /// # Errors
    /// [`Refusal::Format`], [`Refusal::Form`], [`Refusal::Constant`].
    pub fn parse(text: &str, line: usize) -> Result<Self, Refusal> {
        let envelope: Self = strict::read(text.as_bytes(), &format!("line {line}: envelope"))?;
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(Refusal::Constant {
                field: format!("line {line}: payloadType"),
                found: envelope.payload_type,
                expected: PAYLOAD_TYPE.to_owned(),
            });
        }
        Ok(envelope)
    }

    /// Returns the line, without its line feed.
    ///
    /// # Errors
    /// [`Refusal::Format`], which cannot occur.
    pub fn to_line(&self) -> Result<String, Refusal> {
        strict::write(self, "envelope")
    }

    /// Returns the id of the key that is said to have signed.
    #[must_use]
    pub fn keyid(&self) -> &str {
        let [signature] = &self.signatures;
        &signature.keyid
    }

    /// Returns the payload if `key` signed it, of line number `line`.
    ///
    /// # Errors
    /// [`Refusal::UnknownKey`] where the id is not that of `key`, [`Refusal::Format`] for bad base64,
    /// [`Refusal::Signature`].
    pub fn open(&self, key: &PublicKey, line: usize) -> Result<Vec<u8>, Refusal> {
        let [signature] = &self.signatures;
        let keyid = key.id();
        if signature.keyid != keyid {
            return Err(Refusal::UnknownKey {
                line,
                keyid: signature.keyid.clone(),
            });
        }
        let payload = decode(&self.payload, line, "payload")?;
        let sig = decode(&signature.sig, line, "sig")?;
        if key.verify(&pre_authentication(&self.payload_type, &payload), &sig) {
            Ok(payload)
        } else {
            Err(Refusal::Signature { line, keyid })
        }
    }
}

/// Decodes base64 that is padded and has no bit beyond its bytes.
fn decode(text: &str, line: usize, field: &str) -> Result<Vec<u8>, Refusal> {
    STANDARD.decode(text).map_err(|error| Refusal::Format {
        part: format!("line {line}: {field}"),
        cause: error.to_string(),
    })
}

/// Returns what is signed: DSSE's pre-authentication encoding of type and payload.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (type_len, len) = (payload_type.len(), payload.len());
    let mut bytes = format!("DSSEv1 {type_len} {payload_type} {len} ").into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the DSSE protocol.
    #[test]
    fn the_encoding_is_that_of_the_protocol() {
        assert_eq!(
            pre_authentication("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn a_signed_payload_comes_back_and_from_no_other_key() {
        let (key, other) = (
            SigningKey::from_seed([1; 32]),
            SigningKey::from_seed([2; 32]),
        );
        let line = Envelope::sign(b"{}", &key).to_line().unwrap();
        let envelope = Envelope::parse(&line, 1).unwrap();
        assert_eq!(envelope.open(key.public(), 1).unwrap(), b"{}");
        let refusal = envelope.open(other.public(), 1).unwrap_err();
        assert!(matches!(refusal, Refusal::UnknownKey { .. }), "{refusal}");
        // The id of the other key does not help.
        let forged = line.replace(&key.public().id(), &other.public().id());
        let refusal = Envelope::parse(&forged, 1).unwrap().open(other.public(), 1);
        assert!(matches!(refusal, Err(Refusal::Signature { .. })));
    }
}
