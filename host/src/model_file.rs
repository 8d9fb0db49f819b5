//! Model files in memory and on disk.

use std::fs;
use std::path::Path;

use mambalite_kernels::{Model, ModelError};

use crate::{Error, Result, atomic_file};

/// The largest model file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 1 << 28;

/// The bytes of a model file, checked, where [`Model`] can read them in place.
#[derive(Clone, Debug)]
pub struct ModelFile {
    /// Sixteen bytes each, so that the file is aligned.
    blocks: Vec<u128>,
}

impl ModelFile {
    /// Takes the bytes of a model file.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let mut blocks = vec![0; bytes.len().div_ceil(size_of::<u128>())];
        bytemuck::cast_slice_mut::<u128, u8>(&mut blocks)[..bytes.len()].copy_from_slice(bytes);
        let len = Model::parse(&bytemuck::cast_slice(&blocks)[..bytes.len()])?.bytes_len();
        blocks.truncate(len / size_of::<u128>());
        Ok(Self { blocks })
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Model`] with what is wrong with it.
    pub fn load(path: &Path) -> Result<Self> {
        let unreadable = |cause| Error::Read {
            path: path.to_path_buf(),
            cause,
        };
        let refused = |cause| Error::Model {
            path: path.to_path_buf(),
            cause,
        };
        let bytes = fs::metadata(path).map_err(unreadable)?.len();
        if bytes > MAX_FILE_BYTES {
            return Err(Error::ModelTooLarge {
                path: path.to_path_buf(),
                bytes,
                limit: MAX_FILE_BYTES,
            });
        }
        Self::from_bytes(&fs::read(path).map_err(unreadable)?).map_err(refused)
    }

    /// Writes the file, atomically.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn save(&self, path: &Path) -> Result<()> {
        atomic_file::write(path, |file| file.write_all(self.bytes()))
    }

    /// Returns the bytes.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.blocks)
    }

    /// Returns the model.
    ///
    /// # Panics
    /// Never: the bytes were checked when this was made.
    pub fn model(&self) -> Model<'_> {
        Model::parse(self.bytes()).expect("checked when it was made")
    }
}
