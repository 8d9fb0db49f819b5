#![doc = include_str!("../README.md")]

mod api;
mod code;
mod driver;
mod faults;
mod host_memory;
