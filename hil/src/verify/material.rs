//! What a certificate names: firmware, model, suite.

use std::path::{Path, PathBuf};

use mambalite::model_file::ModelFile;
use mambalite::registry::{self, SHIPPED};
use mambalite_hil_certificate::{Predicate, Suite};
use mambalite_kernels::Precision;

use super::{Order, VerifyError, beside};
use crate::board::Boards;
use crate::certify::sha256;
use crate::error::{Error, Result};
use crate::firmware::Image;

/// Folder of the shipped models in the repository; suites are below that of their model.
const MODELS: &str = "models";
const VECTORS: &str = "vectors";

/// What a certificate names, as it was found.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) elf: Option<Elf>,
    pub(super) model: ModelFile,
    pub(super) suite: Suite,
    /// Of the file.
    pub(super) suite_sha256: String,
}

/// A firmware that was given.
#[derive(Debug)]
pub(super) struct Elf {
    pub(super) path: PathBuf,
    pub(super) image: Image,
}

impl Material {
    /// Finds all.
    ///
    /// # Errors
    /// [`VerifyError::NoModel`], [`VerifyError::NoSuite`], [`VerifyError::Suite`], and those of reading.
    pub(super) fn find(
        order: &Order,
        predicate: &Predicate,
        boards: Option<&Boards>,
    ) -> Result<Self> {
        let (suite, suite_sha256) = suite(order, predicate, boards)?;
        Ok(Self {
            elf: elf(order, predicate)?,
            model: model(order.model.as_deref(), predicate)?,
            suite,
            suite_sha256,
        })
    }
}

/// Reads the firmware given: of a microcontroller, or a program.
fn elf(order: &Order, predicate: &Predicate) -> Result<Option<Elf>> {
    let Some(path) = &order.elf else {
        return Ok(None);
    };
    let first = predicate.firmware.flashed.first();
    let image = match first.and_then(|it| it.address) {
        Some(_) => Image::read(path)?,
        None => Image::read_program(path)?,
    };
    let path = path.clone();
    Ok(Some(Elf { path, image }))
}

fn model(named: Option<&str>, predicate: &Predicate) -> Result<ModelFile> {
    if let Some(name) = named {
        let precision = Precision::ALL
            .into_iter()
            .find(|it| it.to_string() == predicate.model.precision);
        return Ok(registry::load(name, precision)?);
    }
    let all = SHIPPED
        .iter()
        .flat_map(|shipped| Precision::ALL.map(|it| shipped.load(it)));
    let same = |file: &ModelFile| hex::encode(file.model().sha256()) == predicate.model.sha256;
    let found = all.flatten().find(same);
    let none = || VerifyError::NoModel {
        name: predicate.model.name.clone(),
        sha256: predicate.model.sha256.clone(),
    };
    Ok(found.ok_or_else(none)?)
}

/// Reads the suite that was named, the one beside the certificate, or the shipped one.
fn suite(order: &Order, predicate: &Predicate, boards: Option<&Boards>) -> Result<(Suite, String)> {
    let named = order.vectors.clone();
    let beside = || beside(&order.certificate).filter(|path| path.is_file());
    let shipped = || {
        let models = boards?.repository().join(MODELS);
        let name = Path::new(&predicate.model.name).file_name()?;
        let file = format!("{}.json", predicate.model.precision);
        let path = models.join(name).join(VECTORS).join(file);
        path.is_file().then_some(path)
    };
    let path = named.or_else(beside).or_else(shipped);
    let path = path.ok_or_else(|| VerifyError::NoSuite {
        sha256: predicate.suite.sha256.clone(),
    })?;
    let bytes = std::fs::read(&path).map_err(Error::read(&path))?;
    let suite = serde_json::from_slice(&bytes).map_err(|error| VerifyError::Suite {
        path,
        cause: error.to_string(),
    })?;
    Ok((suite, sha256(&bytes)))
}
