//! Model files to the formats of other programs.

pub mod checkpoint;

pub use checkpoint::{Exported, checkpoint, metadata};

#[cfg(test)]
pub(crate) use checkpoint::tensors;
