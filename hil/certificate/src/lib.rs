//! Certificates of bit-accuracy: what one says, how it is signed, and how it is checked offline.
//!
//! Knows no board and no kernel: small enough to be read by who has to trust it. The harness fills the
//! [`Predicate`] in and computes again what it says.

pub mod bundle;
pub mod check;
pub mod envelope;
pub mod hash;
pub mod key;
pub mod merkle;
pub mod predicate;
pub mod refusal;
pub mod skips;
pub mod statement;
mod strict;
pub mod suite;
pub mod test_result;
pub mod trust;

pub use bundle::Certificate;
pub use predicate::Predicate;
pub use refusal::Refusal;
pub use suite::Suite;
pub use trust::Trust;
