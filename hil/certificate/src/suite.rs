//! Vector suites: pictures that go through a network, and what must come out.

mod consistency;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use consistency::SuiteError;

use crate::merkle;

/// Version of the file; grows when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

/// The vectors of one model in one precision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Suite {
    /// Version of this structure, [`SCHEMA`].
    pub schema: u32,
    /// Name of the model, or its file's.
    pub model: String,
    /// Number format: `f32`, `w8a16`, `w8a8`.
    pub precision: String,
    /// SHA-256 that the model file states of itself, hex.
    pub model_sha256: String,
    /// Seed of the random vectors.
    pub seed: u64,
    /// The vectors, in the order in which they are run: what one leaves must not reach the next.
    pub vectors: Vec<Vector>,
    /// [`Suite::computed_root`], hex.
    pub root: String,
}

/// One picture and what must come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vector {
    /// Name, unique in the suite, as `edge/white`.
    pub id: String,
    /// What it is there for.
    pub class: Class,
    /// LR row length, pixels.
    pub width: u16,
    /// LR rows.
    pub height: u16,
    /// Bytes of a pixel, 1 or 3.
    pub channels: u8,
    /// LR picture, raster order, channels interleaved; base64.
    pub pixels: String,
    /// The vector whose output this input is cut from, of class [`Class::Chained`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Origin>,
    /// SHA-256 of the LR bytes, hex.
    pub input_sha256: String,
    /// SHA-256 of the SR bytes, hex.
    pub output_sha256: String,
    /// SHA-256 of the digests of all layers, each a `u64` little-endian, in the order of execution, hex.
    pub layers_sha256: String,
}

/// Where a chained input comes from: a rectangle of the SR picture of an earlier vector, as large as
/// the input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Origin {
    /// Its id.
    pub id: String,
    /// Left column of the rectangle, SR pixels.
    pub x: u16,
    /// Top row of the rectangle, SR pixels.
    pub y: u16,
}

/// What a vector is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Published in the specification.
    Golden,
    /// Black, white, one pixel, one row, one column, impulses.
    Edge,
    /// Random bytes of a seed.
    Random,
    /// The output of one is the input of the next.
    Chained,
    /// A picture whole and in tiles, in sizes that change from one to the next.
    Seams,
    /// Inputs that drive the accumulators of the first layer to their largest values.
    Accumulator,
    /// Cut from a photograph.
    Real,
}

impl Class {
    /// All classes, in order.
    pub const ALL: [Self; 7] = [
        Self::Golden,
        Self::Edge,
        Self::Random,
        Self::Chained,
        Self::Seams,
        Self::Accumulator,
        Self::Real,
    ];

    /// Returns the name, as files have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Golden => "golden",
            Self::Edge => "edge",
            Self::Random => "random",
            Self::Chained => "chained",
            Self::Seams => "seams",
            Self::Accumulator => "accumulator",
            Self::Real => "real",
        }
    }
}

impl Suite {
    /// Returns the root of the vectors: the tree of [`merkle::root`] over the JSON of each, compact, keys
    /// in the order of [`Vector`].
    ///
    /// # Errors
    /// Those of JSON, which cannot occur for this type.
    pub fn computed_root(&self) -> serde_json::Result<merkle::Hash> {
        let leaves: Vec<_> = self
            .vectors
            .iter()
            .map(serde_json::to_vec)
            .collect::<Result<_, _>>()?;
        Ok(merkle::root(&leaves))
    }

    /// Returns the number of vectors of each class.
    #[must_use]
    pub fn classes(&self) -> BTreeMap<Class, usize> {
        let mut classes = BTreeMap::new();
        for vector in &self.vectors {
            *classes.entry(vector.class).or_default() += 1;
        }
        classes
    }
}
