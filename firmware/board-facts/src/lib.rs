//! Facts of a board, read from its `board.toml` when its firmware is built.
//!
//! One file states the memory map, the arena and the stack; the linker scripts and the Rust
//! constants are generated from it, so no fact stands in two places.

mod facts;
mod generate;

pub use facts::{Facts, FactsError, Flash, Memory, ModelRegion, Precision, Virtual};
pub use generate::{BuildError, build, build_id_script, constants, memory_script, place_script};
