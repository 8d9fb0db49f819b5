//! Model files to the formats of other programs.

pub mod checkpoint;
pub mod onnx;

pub use checkpoint::{Exported, checkpoint, metadata};
pub use onnx::onnx;

#[cfg(test)]
pub(crate) use checkpoint::tensors;
