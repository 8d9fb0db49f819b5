//! The firmware without the board: serves the wire protocol with the network of `kernels`.
//!
//! A board supplies a [`Port`] (its line to the host), a [`Board`] (what it tells of itself), the
//! flash region of the model and the working memory; [`Session::run`] does the rest. The network runs
//! on the processor, unless a [`Runner`] is supplied too. Nothing here knows a register, so all of it
//! is tested on the host.
//!
//! **Invariants:** no heap, no panic on foreign bytes, one network run at a time. RAM is the
//! arena, the frame buffers of [`Session`] and the stack.

#![cfg_attr(not(test), no_std)]

mod board;
mod checks;
mod intake;
mod job;
mod link;
mod log;
mod outlet;
mod pace;
mod refusal;
mod runner;
mod session;

pub use board::{Board, Poll, Port, Rate, Sensor};
pub use job::WINDOW_BYTES;
pub use runner::{Run, Runner, Streaming};
pub use session::Session;

#[cfg(test)]
mod tests;
