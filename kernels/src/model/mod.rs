//! Model files (`.mls`): little-endian, 16-byte aligned, hashed, read in place.
//!
//! ```text
//! offset  bytes  content
//!      0      4  "MLSR"
//!      4      2  version (2)
//!      6      1  precision: 0 f32, 1 w8a16, 2 w8a8
//!      7      1  channels
//!      8      4  length of the file, a multiple of 16
//!     12      1  scale
//!     13      1  groups
//!     14      1  blocks
//!     15      1  states
//!     16      2  width
//!     18      2  inner
//!     20      1  dt_rank
//!     21      1  mixer_skip: 0, 1
//!     22      1  anchor: 0 none, 1 nearest, 2 bicubic
//!     23      1  decay: 0 full, 1 tied
//!     24     12  mean, 3 x f32
//!     36      2  number of weights with a form
//!     38     26  zero
//!     64     32  SHA-256 of the file with these 32 bytes zero
//!     96  4 x n  form (0 dense, 1 low-rank, 2 identity rows), zero, rank (u16); zeros to 16 bytes
//!      …         arrays in the order in which [`crate::network`] asks for them, zeros to 16 bytes
//! ```
//!
//! The arrays have no table: their lengths follow from the dimensions and forms, so that a file
//! cannot contradict itself.

mod error;
mod header;
mod source;

use sha2::{Digest, Sha256};

pub use error::ModelError;
pub use header::{FORMS_OFFSET, HASH_OFFSET, VERSION, encode_header};
pub use source::{ArraySource, Param, Scope, Source, WeightSource};

use crate::arith::{Arithmetic, Fixed, Float};
use crate::config::{Config, Form, Precision};
use crate::network::{Section, load_section};

/// Alignment of the file and of each array in it, in bytes.
pub const ALIGN: usize = 16;
/// Largest number of sections.
const MAX_SECTIONS: usize = 2 + crate::config::MAX_GROUPS * (crate::config::MAX_BLOCKS + 1);

/// A model file, checked and read in place.
#[derive(Clone)]
pub struct Model<'a> {
    bytes: &'a [u8],
    config: Config,
    precision: Precision,
    /// Where the arrays of each [`Section`] begin.
    sections: heapless::Vec<u32, MAX_SECTIONS>,
}

impl<'a> Model<'a> {
    /// Checks a whole model file: header, length, hash, every array.
    ///
    /// Bytes after the length that the header states are ignored, so that the file may lie in a
    /// larger flash region.
    ///
    /// # Errors
    /// What is wrong; never panics.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ModelError> {
        Self::parse_for::<{ Precision::SET }>(bytes)
    }

    /// As [`Model::parse`], by a program that is built for some precisions; `SET` is of the kind of
    /// [`Precision::SET`].
    ///
    /// # Errors
    /// As there, and [`ModelError::Precision`].
    pub fn parse_for<const SET: u8>(bytes: &'a [u8]) -> Result<Self, ModelError> {
        let header = header::decode(bytes)?;
        let bytes = bytes.get(..header.len).ok_or(ModelError::Truncated {
            needed: header.len,
            found: bytes.len(),
        })?;
        if !(bytes.as_ptr() as usize).is_multiple_of(ALIGN) {
            return Err(ModelError::Misaligned);
        }
        let mut model = Self {
            bytes,
            config: header.config,
            precision: header.precision,
            sections: heapless::Vec::new(),
        };
        if model.hash() != model.sha256() {
            return Err(ModelError::Corrupted);
        }
        match header.precision {
            Precision::F32 if Precision::F32.is_in(SET) => model.verify::<Float<f32>>()?,
            Precision::W8A16 if Precision::W8A16.is_in(SET) => model.verify::<Fixed<i16>>()?,
            Precision::W8A8 if Precision::W8A8.is_in(SET) => model.verify::<Fixed<i8>>()?,
            found => return Err(ModelError::Precision { found }),
        }
        Ok(model)
    }

    /// Reads every section once, checking the values.
    fn verify<A: Arithmetic>(&mut self) -> Result<(), ModelError> {
        let mut source = ArraySource::new(self.bytes, header::arrays_offset(&self.config), true);
        for section in Section::all(&self.config) {
            let _ = self.sections.push(source.position() as u32);
            load_section::<A>(&mut source, &self.config, &|i| self.form(i), section)?;
        }
        if source.position() == self.bytes.len() {
            Ok(())
        } else {
            let (needed, found) = (source.position(), self.bytes.len());
            Err(ModelError::TrailingBytes { needed, found })
        }
    }

    /// Returns a source of the arrays of a section, which are known to be good.
    pub fn section(&self, section: Section) -> ArraySource<'a> {
        let index = section.index(&self.config);
        let offset = self.sections.get(index).copied().unwrap_or_default();
        ArraySource::new(self.bytes, offset as usize, false)
    }

    /// Returns the dimensions and options.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the number format.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Returns the form of weight `index` in file order.
    pub fn form(&self, index: usize) -> Form {
        header::form(self.bytes, index).unwrap_or(Form::Dense)
    }

    /// Returns the forms of the weights, in file order.
    pub fn forms(&self) -> impl Iterator<Item = Form> + '_ {
        (0..self.config.n_weights()).map(|i| self.form(i))
    }

    /// Returns the hash that the file states (and has: it was checked).
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(&self.bytes[HASH_OFFSET..HASH_OFFSET + 32]);
        hash
    }

    /// Returns the length of the file in bytes.
    pub fn bytes_len(&self) -> usize {
        self.bytes.len()
    }

    fn hash(&self) -> [u8; 32] {
        hash_file(self.bytes)
    }
}

/// Returns the SHA-256 of a file with its hash field zero; all zeros for a file without one.
pub fn hash_file(bytes: &[u8]) -> [u8; 32] {
    let (Some(before), Some(after)) = (bytes.get(..HASH_OFFSET), bytes.get(HASH_OFFSET + 32..))
    else {
        return [0; 32];
    };
    Sha256::new()
        .chain_update(before)
        .chain_update([0; 32])
        .chain_update(after)
        .finalize()
        .into()
}
