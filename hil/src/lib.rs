#![doc = include_str!("../README.md")]
#![warn(clippy::indexing_slicing)]
#![cfg_attr(
    test,
    expect(clippy::indexing_slicing, reason = "tests index what they made")
)]

pub mod backend;
pub mod bench;
pub mod board;
pub mod certify;
pub mod compare;
pub mod config;
pub mod controls;
pub mod crash;
pub mod device;
pub mod doctor;
pub mod error;
pub mod events;
pub mod fault;
pub mod firmware;
pub mod flasher;
pub mod geometry;
pub mod history;
pub mod interrupt;
pub mod inventory;
pub mod labgrid;
pub mod lease;
pub mod link;
pub mod log;
pub mod observer;
mod pattern;
pub mod power;
pub mod probe;
pub mod qemu;
pub mod recovery;
pub mod reference;
pub mod report;
pub mod requirements;
pub mod run;
pub mod scaffold;
pub mod scratch;
pub mod ssh;
pub mod state;
pub mod suite;
pub mod supply;
pub mod transport;
pub mod verdict;
pub mod verify;
pub mod watch;

pub use error::{Error, Result};
