//! The vectors of a suite as pictures, and what a board made of them.

use std::path::Path;

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::hash::{layers_sha256, sha256};
use mambalite_hil_certificate::predicate::{VectorResult, Verdict};
use mambalite_hil_certificate::suite::Vector;

use super::CertifyError;
use crate::device::Checked;
use crate::error::Result;
use crate::suite;

/// A vector that can be run.
#[derive(Debug, Clone)]
pub struct Case {
    /// What the suite says.
    vector: Vector,
    /// Its input.
    pub(super) picture: Picture,
}

impl Case {
    /// Decodes the vectors of a suite, in its order.
    ///
    /// # Errors
    /// [`CertifyError::Suite`] with the vector that is no picture.
    pub fn all(suite: &Suite) -> Result<Vec<Self>, CertifyError> {
        suite.vectors.iter().map(Self::new).collect()
    }

    fn new(vector: &Vector) -> Result<Self, CertifyError> {
        let fail = |cause: String| CertifyError::Suite {
            path: None,
            cause: format!("vector {}: {cause}", vector.id),
        };
        let data = vector.bytes().map_err(|error| fail(error.to_string()))?;
        let (width, height) = (vector.width.into(), vector.height.into());
        let picture = Picture::new(width, height, vector.channels.into(), data);
        Ok(Self {
            vector: vector.clone(),
            picture: picture.map_err(|error| fail(error.to_string()))?,
        })
    }

    /// Returns its input.
    #[must_use]
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// Returns the bytes of the input.
    pub(super) fn len_bytes(&self) -> u64 {
        self.picture.data().len() as u64
    }

    /// Returns what becomes of the vector: what the board sent is held against the suite, and what this
    /// host computes too.
    pub(crate) fn result(&self, checked: &Checked) -> VectorResult {
        let digests = &checked.result.digests;
        let layers = (!digests.is_empty()).then(|| layers_sha256(digests));
        let (vector, actual) = (&self.vector, sha256(&checked.result.output));
        let equal = checked.comparison.is_equal()
            && actual == vector.output_sha256
            && layers.as_ref().is_none_or(|it| *it == vector.layers_sha256);
        VectorResult {
            id: vector.id.clone(),
            input_sha256: sha256(self.picture.data()),
            expected_sha256: vector.output_sha256.clone(),
            actual_sha256: actual,
            expected_layers_sha256: vector.layers_sha256.clone(),
            actual_layers_sha256: layers,
            cycles: checked.result.cycles,
            attempts: checked.result.attempts,
            verdict: if equal { Verdict::Pass } else { Verdict::Fail },
        }
    }

    /// Says in words what is wrong with a vector that did not pass.
    pub(super) fn describe(&self, checked: &Checked) -> String {
        let what = if checked.comparison.is_equal() {
            "board and host agree, but not with the suite".to_owned()
        } else {
            checked.comparison.describe()
        };
        format!("vector {}: {what}", self.vector.id)
    }
}

/// Reads a suite from a file, or makes the one that follows from the model.
///
/// # Errors
/// Those of [`suite::read`]; [`CertifyError::Suite`] when it is of another model.
pub(super) fn suite(path: Option<&Path>, name: &str, file: &ModelFile) -> Result<Suite> {
    let Some(path) = path else {
        return suite::of_model(&suite::model_name(name), file);
    };
    let (suite, _) = suite::read(path)?;
    if suite.model_sha256 != hex::encode(file.model().sha256()) {
        let cause = "it is of another model".to_owned();
        let path = Some(path.to_owned());
        return Err(CertifyError::Suite { path, cause }.into());
    }
    Ok(suite)
}
