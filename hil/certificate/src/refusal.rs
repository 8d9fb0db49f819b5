//! Why a certificate is refused.

use crate::check::Violation;
use crate::trust::Reason;

/// Why a certificate is refused; the first reason that was met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The file has another number of lines, or the last one does not end.
    #[error("certificate: {found} whole lines, not {}", crate::bundle::LINES)]
    Lines {
        /// Lines that end with a line feed.
        found: usize,
    },
    /// A part is not what its format says.
    #[error("{part}: {cause}")]
    Format {
        /// The part, as `line 1: envelope`.
        part: String,
        /// What is wrong.
        cause: String,
    },
    /// A part is written in another way than this crate writes it.
    #[error("{part}: not in its one form; it was changed, or written by another program")]
    Form {
        /// The part, as `line 1: envelope`.
        part: String,
    },
    /// Another constant stands where the format has one.
    #[error("{field}: {found:?}, not {expected:?}")]
    Constant {
        /// The key, as `line 2: predicateType`.
        field: String,
        /// What stands there.
        found: String,
        /// What has to.
        expected: String,
    },
    /// Nobody trusts the key.
    #[error("line {line}: keyid: {keyid:?} is not among the trusted keys")]
    UnknownKey {
        /// The line, from 1.
        line: usize,
        /// As the envelope says.
        keyid: String,
    },
    /// The signature is not of this key over these bytes.
    #[error("line {line}: sig: not the signature of key {keyid} over this payload")]
    Signature {
        /// The line, from 1.
        line: usize,
        /// The key.
        keyid: String,
    },
    /// The lines are signed by several keys.
    #[error("line {line}: keyid: {keyid} signed it, but {first} the first line")]
    SeveralKeys {
        /// The line, from 1.
        line: usize,
        /// Its key.
        keyid: String,
        /// The key of the first line.
        first: String,
    },
    /// The key was not valid at that time.
    #[error("identity.finished: {at} is not in the time of key {keyid}, {from} to {until}")]
    KeyTime {
        /// The key.
        keyid: String,
        /// When the certificate says it was made.
        at: String,
        /// Begin of the key's time.
        from: String,
        /// Its end, or `open`.
        until: String,
    },
    /// The key was revoked.
    #[error("keyid: key {keyid} is revoked since {since}: {reason}")]
    Revoked {
        /// The key.
        keyid: String,
        /// Since when.
        since: String,
        /// Why.
        reason: Reason,
    },
    /// A line says another thing than follows from the predicate of the first.
    #[error("line {line}: {field}: not what follows from the predicate")]
    Derived {
        /// The line, from 1.
        line: usize,
        /// The key.
        field: &'static str,
    },
    /// The predicate says what cannot be certified.
    #[error("{}", crate::check::describe(.0))]
    Policy(Vec<Violation>),
}
