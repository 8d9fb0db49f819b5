//! Every vector once more, with the kernels' reference and no variant of it.

use std::collections::BTreeMap;

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::hash::{layers_sha256, sha256};

use crate::error::Result;
use crate::reference::{self, Reference};

/// What must come of a vector, as the certificate has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    /// SHA-256 of the SR bytes.
    pub(super) output: String,
    /// SHA-256 of the digests of the layers.
    pub(super) layers: String,
}

impl Expected {
    /// Hashes what a reference gives.
    pub(super) fn of(reference: &Reference) -> Self {
        Self {
            output: sha256(&reference.output),
            layers: layers_sha256(&reference.digests),
        }
    }
}

/// Computes every picture.
///
/// # Errors
/// As [`reference::specification`].
pub(super) fn reference(file: &ModelFile, pictures: &[&Picture]) -> Result<Vec<Reference>> {
    let model = file.model();
    let all = pictures.iter();
    all.map(|picture| reference::specification(&model, picture))
        .collect()
}

/// Returns where a chained input is not the stretch of an earlier output that the suite says.
pub(super) fn chain_faults(
    suite: &Suite,
    pictures: &[&Picture],
    outputs: &[Reference],
) -> Vec<String> {
    let mut faults = Vec::new();
    let mut known: BTreeMap<&str, (usize, usize, &[u8])> = BTreeMap::new();
    for ((vector, picture), output) in suite.vectors.iter().zip(pictures).zip(outputs) {
        let id = vector.id.as_str();
        if let Some(origin) = &vector.after {
            let from = known.get(origin.id.as_str());
            let cut = from.and_then(|&(width, height, data)| {
                let big = Picture::new(width, height, picture.channels(), data.to_vec()).ok()?;
                let (x, y) = (origin.x.into(), origin.y.into());
                big.crop(x, y, picture.width(), picture.height()).ok()
            });
            if cut.as_ref() != Some(*picture) {
                let cause = format!("not cut from the output of {:?}", origin.id);
                faults.push(format!("vector {id}: after: {cause}"));
            }
        }
        let scale = scale(picture, output);
        let size = (picture.width() * scale, picture.height() * scale);
        known.insert(id, (size.0, size.1, &output.output));
    }
    faults
}

/// Returns how many times larger the output is than the picture, a side.
fn scale(picture: &Picture, output: &Reference) -> usize {
    (output.output.len() / picture.data().len().max(1)).isqrt()
}
