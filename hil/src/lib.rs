#![doc = include_str!("../README.md")]
#![warn(clippy::indexing_slicing)]
#![cfg_attr(
    test,
    expect(clippy::indexing_slicing, reason = "tests index what they made")
)]

pub mod bench;
pub mod board;
pub mod compare;
pub mod config;
pub mod controls;
pub mod device;
pub mod error;
pub mod firmware;
pub mod flasher;
pub mod geometry;
pub mod interrupt;
pub mod inventory;
pub mod labgrid;
pub mod link;
pub mod log;
pub mod observer;
pub mod qemu;
pub mod reference;
pub mod report;
pub mod run;
pub mod ssh;
pub mod transport;
pub mod verdict;

pub use error::{Error, Result};
