//! Hashes as every file here has them: SHA-256 in lower-case hex.

use sha2::{Digest, Sha256};

/// Digits of a SHA-256.
pub(crate) const DIGITS: usize = 64;

/// Returns the SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Returns the SHA-256 of the digests of layers, as
/// [`Vector::layers_sha256`](crate::suite::Vector::layers_sha256) has it: each as a `u64`
/// little-endian, in the order of execution.
#[must_use]
pub fn layers_sha256(digests: &[u64]) -> String {
    let bytes: Vec<u8> = digests.iter().flat_map(|it| it.to_le_bytes()).collect();
    sha256(bytes)
}

/// Reports whether a text is of hex digits in lower case.
pub(crate) fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
