//! Rig files through the program, and rigs of a real labgrid on this computer.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

mod lab;
mod labgrid;
mod program;
