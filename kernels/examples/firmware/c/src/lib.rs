//! All that is in Rust of a program in C has to be one static library: other parts go here too.

#![no_std]

pub use mambalite_kernels_c::*;
