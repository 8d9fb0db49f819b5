//! Certificates through their whole life: signed, read, forged.

#![expect(clippy::unwrap_used, reason = "tests")]

mod bundle;
mod fixture;
mod forged;
mod policy;
mod schema;
mod tampered;
mod trust;
