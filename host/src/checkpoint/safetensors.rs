//! The safetensors format.

use std::path::Path;

use ::safetensors::tensor::{Dtype, TensorView};
use ::safetensors::{SafeTensorError, SafeTensors, serialize};

use super::{Checkpoint, CheckpointError, Float, MAX_ELEMENTS, MAX_RANK, Tensor};
use crate::{Error, Result, atomic_file};

/// Reads the bytes of a safetensors file; f16, bf16 and f64 become f32.
///
/// # Errors
///
/// [`CheckpointError::Safetensors`], [`CheckpointError::DataType`], [`CheckpointError::Tensor`]
/// or [`CheckpointError::TooManyElements`].
pub fn parse(bytes: &[u8]) -> Result<Checkpoint, CheckpointError> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let metadata = header
        .metadata()
        .clone()
        .unwrap_or_default()
        .into_iter()
        .collect();
    let mut checkpoint = Checkpoint {
        metadata,
        ..Checkpoint::default()
    };
    let mut elements = 0_usize;
    for (name, view) in SafeTensors::deserialize(bytes).map_err(damaged)?.iter() {
        let float = match view.dtype() {
            Dtype::F16 => Float::F16,
            Dtype::BF16 => Float::Bf16,
            Dtype::F32 => Float::F32,
            Dtype::F64 => Float::F64,
            other => {
                let (name, dtype) = (name.to_owned(), format!("{other:?}").to_lowercase());
                return Err(CheckpointError::DataType { name, dtype });
            }
        };
        if view.shape().len() > MAX_RANK {
            let what = "it has too many dimensions";
            return Err(CheckpointError::Tensor {
                name: name.to_owned(),
                what,
            });
        }
        elements = elements.saturating_add(view.data().len() / float.bytes());
        if elements > MAX_ELEMENTS {
            return Err(CheckpointError::TooManyElements {
                limit: MAX_ELEMENTS,
            });
        }
        let values = view
            .data()
            .chunks_exact(float.bytes())
            .filter_map(|it| float.decode(it));
        let tensor = Tensor {
            shape: view.shape().to_vec(),
            data: values.collect(),
        };
        checkpoint.tensors.insert(name.to_owned(), tensor);
    }
    Ok(checkpoint)
}

/// Returns the checkpoint as the bytes of a safetensors file in f32; equal checkpoints give
/// equal bytes.
///
/// # Errors
///
/// [`CheckpointError::Tensor`] where a tensor's shape does not fit its values.
pub fn to_bytes(checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let mut buffers = Vec::with_capacity(checkpoint.tensors.len());
    for (name, tensor) in &checkpoint.tensors {
        let bytes: Vec<u8> = tensor
            .data
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        buffers.push((name, &tensor.shape, bytes));
    }
    let mut views = Vec::with_capacity(buffers.len());
    for (name, shape, bytes) in &buffers {
        let view = TensorView::new(Dtype::F32, shape.to_vec(), bytes).map_err(|_| {
            let what = "its shape does not fit the number of its values";
            CheckpointError::Tensor {
                name: name.to_string(),
                what,
            }
        })?;
        views.push((name.as_str(), view));
    }
    let bytes = serialize(views, None).map_err(damaged)?;
    if checkpoint.metadata.is_empty() {
        Ok(bytes)
    } else {
        with_metadata(&bytes, checkpoint)
    }
}

/// Puts the metadata into the header: the crate writes them in random order.
fn with_metadata(bytes: &[u8], checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    const LENGTH_BYTES: usize = 8;
    let (header_length, _) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let header = bytes
        .get(LENGTH_BYTES..LENGTH_BYTES + header_length)
        .unwrap_or_default();
    let data = bytes
        .get(LENGTH_BYTES + header_length..)
        .unwrap_or_default();
    let entries = header.trim_ascii().strip_prefix(b"{").unwrap_or_default();
    let metadata = serde_json::to_string(&checkpoint.metadata).map_err(|cause| {
        CheckpointError::Safetensors {
            cause: cause.to_string(),
        }
    })?;
    let comma = if checkpoint.tensors.is_empty() {
        ""
    } else {
        ","
    };
    let mut extended = format!("{{\"__metadata__\":{metadata}{comma}").into_bytes();
    extended.extend_from_slice(entries);
    // The data start at a multiple of 8 bytes; the format fills up with spaces.
    extended.resize(extended.len().next_multiple_of(LENGTH_BYTES), b' ');
    let mut whole = (extended.len() as u64).to_le_bytes().to_vec();
    whole.append(&mut extended);
    whole.extend_from_slice(data);
    Ok(whole)
}

fn damaged(cause: SafeTensorError) -> CheckpointError {
    CheckpointError::Safetensors {
        cause: cause.to_string(),
    }
}

/// Writes the checkpoint as a safetensors file, which appears complete or not at all.
///
/// # Errors
///
/// [`Error::Checkpoint`] as [`to_bytes`], or [`Error::Write`].
pub fn save(checkpoint: &Checkpoint, path: &Path) -> Result<()> {
    let bytes = to_bytes(checkpoint).map_err(|cause| Error::Checkpoint {
        path: path.to_path_buf(),
        cause,
    })?;
    atomic_file::write(path, |out| out.write_all(&bytes))
}
