#![doc = include_str!("../README.md")]

mod device;
mod error;
mod instruction;
mod launch;
mod machine;
mod memory;
mod module;
mod parse;
mod race;
mod scalar;
mod stats;
mod traffic;

pub use device::{Device, Options, ThreadOrder};
pub use error::{
    DeviceError, Fault, LaunchError, ParseError, ParseErrorKind, Place, Space, Waiting,
};
pub use launch::{Arg, Launch};
pub use module::{Kernel, Module, Parameter};
pub use race::Conflict;
pub use stats::{Issued, Stats};
