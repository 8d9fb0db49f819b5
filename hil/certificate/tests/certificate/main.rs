//! Certificates through their whole life: signed, read, forged.

mod bundle;
mod fixture;
