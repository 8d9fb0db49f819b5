//! Certificates of bit-accuracy: what one says, how it is signed, and how it is checked offline.
//!
//! Knows no board and no kernel: small enough to be read by who has to trust it. The harness fills the
//! [`Predicate`] in and computes again what it says.

pub mod merkle;
pub mod predicate;
pub mod suite;

pub use predicate::Predicate;
pub use suite::Suite;
