//! Vector suites of models: small pictures of seven classes, and what the specification makes of them.
//!
//! One model file has one suite, to the byte. The files of the shipped models are in
//! `models/<name>/vectors`; see `docs/vectors.md`.

mod accumulators;
mod extremes;
mod inputs;
mod pictures;
#[cfg(test)]
mod tests;

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_hil_certificate::hash::{layers_sha256, sha256};
use mambalite_hil_certificate::suite::{Class, Origin, SCHEMA, Suite, Vector};
use mambalite_kernels::Model;

pub use accumulators::accumulators;
use inputs::Inputs;

use crate::error::{Error, Result};
use crate::reference::{self, Reference};

/// Seed of the random vectors.
pub const SEED: u64 = 1;

/// Makes the suite of a model: inputs, and what the specification's kernels (no variant) compute.
///
/// * `name` - what the suite says that the model is called.
///
/// # Errors
/// [`Error::Reference`] when a picture cannot be run.
pub fn of_model(name: &str, file: &ModelFile) -> Result<Suite> {
    let model = file.model();
    let mut suite = Suite {
        schema: SCHEMA,
        model: name.to_owned(),
        precision: model.precision().to_string(),
        model_sha256: hex::encode(model.sha256()),
        seed: SEED,
        vectors: Vec::new(),
        root: String::new(),
    };
    let mut maker = Maker {
        model: &model,
        vectors: &mut suite.vectors,
    };
    let inputs = Inputs::of(&model)?;
    let mut last = (String::new(), None);
    for input in inputs.independent {
        let output = maker.add(&input.id, input.class, &input.picture, None)?;
        if input.class == Class::Golden {
            last = (input.id, Some(output));
        }
    }
    if let (id, Some(output)) = last {
        maker.chain(id, output, inputs.chained)?;
    }
    suite.root = hex::encode(suite.computed_root().map_err(no_json)?);
    Ok(suite)
}

/// Returns what a suite calls a model: its name, or that of its file without the folder.
#[must_use]
pub fn model_name(model: &str) -> String {
    let file = Path::new(model).file_name();
    file.map_or(model.into(), |name| name.to_string_lossy().into_owned())
}

/// Reads the file of a suite; returns its bytes too.
///
/// # Errors
/// [`Error::Read`], [`Error::Suite`].
pub fn read(path: &Path) -> Result<(Suite, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    let suite = Suite::parse(&bytes).map_err(|cause| Error::Suite {
        path: path.to_owned(),
        cause,
    })?;
    Ok((suite, bytes))
}

/// Returns the bytes of the file of a suite.
///
/// # Errors
/// [`Error::Report`], which cannot occur.
pub fn to_file(suite: &Suite) -> Result<Vec<u8>> {
    suite.to_file().map_err(no_json)
}

/// Returns in words where two suites of one model differ; empty where their bytes are the same.
#[must_use]
pub fn differences(stated: &Suite, computed: &Suite) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, stated: &str, computed: &str| {
        if stated != computed {
            found.push(format!("{what}: {stated}, not {computed}"));
        }
    };
    let number = |it: u64| it.to_string();
    same("model", &stated.model, &computed.model);
    same("precision", &stated.precision, &computed.precision);
    same("model-sha256", &stated.model_sha256, &computed.model_sha256);
    same("seed", &number(stated.seed), &number(computed.seed));
    let count = |it: &Suite| number(it.vectors.len() as u64);
    same("vectors", &count(stated), &count(computed));
    for (a, b) in stated.vectors.iter().zip(&computed.vectors) {
        if a != b {
            found.push(describe(a, b));
        }
    }
    if found.is_empty() && stated != computed {
        found.push(format!("root: {}, not {}", stated.root, computed.root));
    }
    found
}

fn describe(stated: &Vector, computed: &Vector) -> String {
    let what = if stated.id != computed.id {
        return format!(
            "vector `{}` stands where `{}` should",
            stated.id, computed.id
        );
    } else if stated.input_sha256 != computed.input_sha256 {
        "input"
    } else if stated.output_sha256 != computed.output_sha256 {
        "output"
    } else if stated.layers_sha256 != computed.layers_sha256 {
        "layers"
    } else {
        "class, size or origin"
    };
    format!("vector `{}`: its {what} differs", stated.id)
}

/// Puts vectors into a suite.
struct Maker<'a, 'm> {
    model: &'a Model<'m>,
    vectors: &'a mut Vec<Vector>,
}

impl Maker<'_, '_> {
    /// Runs a picture; returns the SR picture.
    fn add(
        &mut self,
        id: &str,
        class: Class,
        picture: &Picture,
        after: Option<Origin>,
    ) -> Result<Picture> {
        let Reference { output, digests } = reference::specification(self.model, picture)?;
        let (width, height, channels) = picture.shape();
        self.vectors.push(Vector {
            id: id.to_owned(),
            class,
            width: width as u16,
            height: height as u16,
            channels: channels as u8,
            pixels: STANDARD.encode(picture.data()),
            after,
            input_sha256: sha256(picture.data()),
            output_sha256: sha256(&output),
            layers_sha256: layers_sha256(&digests),
        });
        let scale = self.model.config().scale;
        Ok(Picture::new(
            scale * width,
            scale * height,
            channels,
            output,
        )?)
    }

    /// Runs pictures that are each cut from the output before: from its middle and from its far corner in
    /// turn.
    fn chain(&mut self, mut id: String, mut from: Picture, sizes: Sizes) -> Result<()> {
        for (i, &(width, height)) in sizes.iter().enumerate() {
            // The smallest scale is 2 and no size is more than twice the one before; a cut never fails.
            let (right, bottom) = (from.width() - width, from.height() - height);
            let part = if i % 2 == 0 { 2 } else { 1 };
            let (x, y) = (right / part, bottom / part);
            let picture = from.crop(x, y, width, height)?;
            let (x, y) = (x as u16, y as u16);
            let after = Some(Origin { id, x, y });
            id = format!("chained/{}", i + 1);
            from = self.add(&id, Class::Chained, &picture, after)?;
        }
        Ok(())
    }
}

/// Widths and heights, LR pixels.
type Sizes = &'static [(usize, usize)];

fn no_json(cause: serde_json::Error) -> Error {
    Error::Report {
        cause: cause.to_string(),
    }
}
