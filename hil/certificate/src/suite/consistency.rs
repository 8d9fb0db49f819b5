//! What a file must say to be a suite: everything that can be seen without a model.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Origin, SCHEMA, Suite, Vector};
use crate::check::PRECISIONS;
use crate::hash::{DIGITS, is_hex, sha256};

/// Largest scale of a network: an SR picture has at most so many pixels a side for one of LR.
const SCALE_MAX: u32 = 4;

/// Why a file is no suite.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// It is no JSON, or a key is unknown, missing, twice there or of another type.
    #[error("no suite of vectors: {0}; make it again with `hil vectors --out`")]
    Json(#[from] serde_json::Error),
    /// It is of another version of the structure.
    #[error(
        "schema {found}, but this program reads {SCHEMA}; make it again with `hil vectors --out`"
    )]
    Schema {
        /// What it states.
        found: u32,
    },
    /// The number format is none.
    #[error("precision `{found}` is none of f32, w8a16, w8a8")]
    Precision {
        /// What it states.
        found: String,
    },
    /// There are no vectors, which would prove nothing.
    #[error("the suite has no vectors")]
    Empty,
    /// A hash is not 64 lower-case hex digits.
    #[error("`{key}`{} is not 64 lower-case hex digits", of(id))]
    Hash {
        /// The key.
        key: &'static str,
        /// The vector, empty for the suite.
        id: String,
    },
    /// An id is empty or has other characters than lower-case letters, digits, `/`, `-`.
    #[error("id `{id}`: lower-case letters, digits, `/` and `-` are allowed")]
    Name {
        /// The id.
        id: String,
    },
    /// Two vectors have one id.
    #[error("two vectors have the id `{id}`")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// The channels are neither 1 nor 3, or not those of the first vector.
    #[error("vector `{id}`: {channels} channels; all have 1 or all have 3")]
    Channels {
        /// The vector.
        id: String,
        /// What it states.
        channels: u8,
    },
    /// The pixels are no base64.
    #[error("vector `{id}`: pixels: {cause}")]
    Base64 {
        /// The vector.
        id: String,
        /// What is wrong.
        cause: base64::DecodeError,
    },
    /// The pixels are not as many as the size says.
    #[error("vector `{id}`: {width}x{height} pixels of {channels} bytes, but {found} bytes")]
    Size {
        /// The vector.
        id: String,
        /// Its width.
        width: u16,
        /// Its height.
        height: u16,
        /// Its channels.
        channels: u8,
        /// The bytes that are there.
        found: usize,
    },
    /// The pixels are others than those that were hashed.
    #[error("vector `{id}`: `input-sha256` is not that of its pixels")]
    Input {
        /// The vector.
        id: String,
    },
    /// An origin is there in another class than `chained`, or is missing there.
    #[error("vector `{id}`: `after` is for class chained, and has to be there")]
    Unchained {
        /// The vector.
        id: String,
    },
    /// The vector that an input is cut from does not come before it.
    #[error("vector `{id}`: there is no vector `{after}` before it")]
    Origin {
        /// The vector.
        id: String,
        /// The id that it names.
        after: String,
    },
    /// The rectangle is not in the SR picture.
    #[error("vector `{id}`: {width}x{height} at ({x}, {y}) is outside of the output of `{after}`")]
    Outside {
        /// The vector.
        id: String,
        /// The vector that it is cut from.
        after: String,
        /// Its width.
        width: u16,
        /// Its height.
        height: u16,
        /// Left column.
        x: u16,
        /// Top row.
        y: u16,
    },
    /// The root is not that of the vectors.
    #[error("the root is {stated}, but that of the vectors is {computed}")]
    Root {
        /// What the suite states.
        stated: String,
        /// What follows from the vectors.
        computed: String,
    },
}

fn of(id: &str) -> String {
    match id {
        "" => String::new(),
        id => format!(" of vector `{id}`"),
    }
}

impl Suite {
    /// Reads a file and checks it as [`Suite::check`] does.
    ///
    /// # Errors
    /// What is wrong with which vector; never panics.
    pub fn parse(file: &[u8]) -> Result<Self, SuiteError> {
        let suite: Self = serde_json::from_slice(file)?;
        suite.check()?;
        Ok(suite)
    }

    /// Returns the bytes of the file: JSON, indented, keys in the order of [`Vector`], a line feed at
    /// the end. One suite has one file.
    ///
    /// # Errors
    /// Those of JSON, which cannot occur for this type.
    pub fn to_file(&self) -> serde_json::Result<Vec<u8>> {
        let mut file = serde_json::to_vec_pretty(self)?;
        file.push(b'\n');
        Ok(file)
    }

    /// Checks everything that can be seen without a model: hashes of inputs, sizes, ids, origins, root.
    ///
    /// # Errors
    /// What is wrong with which vector.
    pub fn check(&self) -> Result<(), SuiteError> {
        if self.schema != SCHEMA {
            return Err(SuiteError::Schema { found: self.schema });
        }
        if !PRECISIONS.contains(&self.precision.as_str()) {
            let found = self.precision.clone();
            return Err(SuiteError::Precision { found });
        }
        is_hash("model-sha256", "", &self.model_sha256)?;
        is_hash("root", "", &self.root)?;
        let first = self.vectors.first().ok_or(SuiteError::Empty)?;
        let mut before: HashMap<&str, &Vector> = HashMap::new();
        for vector in &self.vectors {
            let id = || vector.id.clone();
            if !is_name(&vector.id) {
                return Err(SuiteError::Name { id: id() });
            }
            let channels = vector.channels;
            if ![1, 3].contains(&channels) || channels != first.channels {
                return Err(SuiteError::Channels { id: id(), channels });
            }
            vector.check_hashes()?;
            vector.check_origin(&before)?;
            if before.insert(&vector.id, vector).is_some() {
                return Err(SuiteError::Duplicate { id: id() });
            }
        }
        let computed = hex::encode(self.computed_root()?);
        if computed != self.root {
            let stated = self.root.clone();
            return Err(SuiteError::Root { stated, computed });
        }
        Ok(())
    }
}

impl Vector {
    /// Returns the LR bytes, raster order, channels interleaved.
    ///
    /// # Errors
    /// [`SuiteError::Base64`]; [`SuiteError::Size`] when they are not `width * height * channels`.
    pub fn bytes(&self) -> Result<Vec<u8>, SuiteError> {
        let bytes = STANDARD
            .decode(&self.pixels)
            .map_err(|cause| SuiteError::Base64 {
                id: self.id.clone(),
                cause,
            })?;
        let (width, height, channels) = (self.width, self.height, self.channels);
        let wanted = usize::from(width) * usize::from(height) * usize::from(channels);
        if bytes.is_empty() || bytes.len() != wanted {
            let (id, found) = (self.id.clone(), bytes.len());
            return Err(SuiteError::Size {
                id,
                width,
                height,
                channels,
                found,
            });
        }
        Ok(bytes)
    }

    fn check_hashes(&self) -> Result<(), SuiteError> {
        is_hash("input-sha256", &self.id, &self.input_sha256)?;
        is_hash("output-sha256", &self.id, &self.output_sha256)?;
        is_hash("layers-sha256", &self.id, &self.layers_sha256)?;
        if sha256(self.bytes()?) != self.input_sha256 {
            let id = self.id.clone();
            return Err(SuiteError::Input { id });
        }
        Ok(())
    }

    /// Checks that the input can be cut from a vector that has run. The scale is the model's: a
    /// rectangle outside of the largest one is refused here, what runs the suite knows the rest.
    fn check_origin(&self, before: &HashMap<&str, &Self>) -> Result<(), SuiteError> {
        let id = || self.id.clone();
        let chained = self.class == super::Class::Chained;
        let Some(Origin { id: after, x, y }) = &self.after else {
            return match chained {
                true => Err(SuiteError::Unchained { id: id() }),
                false => Ok(()),
            };
        };
        if !chained {
            return Err(SuiteError::Unchained { id: id() });
        }
        let Some(origin) = before.get(after.as_str()) else {
            let after = after.clone();
            return Err(SuiteError::Origin { id: id(), after });
        };
        let inside = |at: u16, len: u16, side: u16| {
            u32::from(at) + u32::from(len) <= SCALE_MAX * u32::from(side)
        };
        if inside(*x, self.width, origin.width) && inside(*y, self.height, origin.height) {
            return Ok(());
        }
        Err(SuiteError::Outside {
            id: id(),
            after: after.clone(),
            width: self.width,
            height: self.height,
            x: *x,
            y: *y,
        })
    }
}

fn is_hash(key: &'static str, id: &str, text: &str) -> Result<(), SuiteError> {
    if text.len() == DIGITS && is_hex(text) {
        return Ok(());
    }
    let id = id.to_owned();
    Err(SuiteError::Hash { key, id })
}

fn is_name(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"/-".contains(&b);
    !id.is_empty() && id.bytes().all(allowed)
}
