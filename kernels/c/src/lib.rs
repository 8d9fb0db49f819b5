#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(not(target_os = "none"))]
extern crate std;

mod model;
#[cfg(all(target_os = "none", feature = "panic-handler"))]
mod panic;
mod run;
mod status;

pub use model::{
    MODEL_WORDS, ModelHandle, ModelInfo, mambalite_memory_bytes, mambalite_model_info,
    mambalite_open,
};
pub use run::{Run, STACK_BYTES, Sink, mambalite_begin, mambalite_push_row};
pub use status::{Status, mambalite_status_name};
