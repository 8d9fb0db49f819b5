//! What a certificate names: firmware, model, suite.

use std::path::PathBuf;

use mambalite::model_file::ModelFile;
use mambalite::registry::{self, SHIPPED};
use mambalite_hil_certificate::hash::sha256;
use mambalite_hil_certificate::{Predicate, Suite};
use mambalite_kernels::Precision;

use super::{Order, VerifyError, beside};
use crate::error::Result;
use crate::firmware::Image;
use crate::suite::{of_model, read, to_file};

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
    /// [`VerifyError::NoModel`], [`VerifyError::NoSuite`], and those of reading.
    pub(super) fn find(order: &Order, predicate: &Predicate) -> Result<Self> {
        let model = model(order.model.as_deref(), predicate)?;
        let (suite, suite_sha256) = suite(order, predicate, &model)?;
        Ok(Self {
            elf: elf(order, predicate)?,
            model,
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

/// Reads the suite that was named or the one beside the certificate, or makes the one that follows from
/// the model.
fn suite(order: &Order, predicate: &Predicate, model: &ModelFile) -> Result<(Suite, String)> {
    let beside = || beside(&order.certificate).filter(|path| path.is_file());
    if let Some(path) = order.vectors.clone().or_else(beside) {
        let (suite, bytes) = read(&path)?;
        return Ok((suite, sha256(bytes)));
    }
    let suite = of_model(&predicate.model.name, model)?;
    let found = sha256(to_file(&suite)?);
    let sha256 = predicate.suite.sha256.clone();
    match found == sha256 {
        true => Ok((suite, found)),
        false => Err(VerifyError::NoSuite { sha256 }.into()),
    }
}
