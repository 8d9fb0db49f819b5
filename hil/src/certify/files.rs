//! The files of a certificate.

use std::path::{Path, PathBuf};

use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::bundle;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::predicate::{Predicate, Previous};
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Model;
use serde::Serialize;
use serde_json::Value;

use super::draft::Draft;
use super::{CertifyError, Order, Outcome};
use crate::error::{Error, Result};
use crate::report::certificate_page;
use crate::run::Stand;
use crate::state::{self, file_name};

/// Mark in the names of what is not signed.
const UNSIGNED: &str = "unsigned";

/// Where the files of one certificate go: `<rig>_<model>_<precision>` and what each is.
pub(super) struct Names {
    folder: PathBuf,
    stem: String,
}

impl Names {
    pub(super) fn new(order: &Order, stand: &Stand, model: &Model<'_>) -> Self {
        let rig = file_name(&stand.rig.name);
        // Of a model file its name without the ending; a shipped model is its name.
        let path = Path::new(&order.model);
        let name = path.file_stem().unwrap_or(path.as_os_str());
        let name = file_name(&name.to_string_lossy());
        Self::at(&order.out, &format!("{rig}_{name}_{}", model.precision()))
    }

    /// Takes a folder and the begin of the names.
    pub(super) fn at(folder: &Path, stem: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            stem: stem.to_owned(),
        }
    }

    /// Returns the path of the board's log until it is known what becomes of it.
    pub(super) fn unsigned_log(&self) -> PathBuf {
        self.path(&[UNSIGNED, "log"])
    }

    fn path(&self, endings: &[&str]) -> PathBuf {
        self.folder
            .join(format!("{}.{}", self.stem, endings.join(".")))
    }
}

/// Evidence that nobody signs.
#[derive(Serialize)]
struct Unsigned<'a> {
    /// Why.
    reasons: &'a [String],
    /// What was gathered.
    predicate: &'a Predicate,
}

/// Signs what may be signed, and writes it: the suite, the log, the page, and last the certificate. Of
/// anything else the evidence and the reasons are written, named so.
///
/// # Errors
/// [`Error::Write`], [`Error::Report`].
pub(super) fn write(
    mut draft: Draft,
    suite: &Suite,
    (sbom, key): (&Value, &SigningKey),
    names: &Names,
) -> Result<Outcome> {
    let evidence = names.path(&[UNSIGNED, "json"]);
    let mut path = evidence.clone();
    if draft.reasons.is_empty() {
        match bundle::sign(&draft.predicate, sbom, key) {
            Ok(certificate) => path = signed(&certificate, suite, key, names)?,
            Err(refusal) => draft.reasons = vec![refusal.to_string()],
        }
    }
    if draft.reasons.is_empty() {
        // What an attempt before this one left is answered.
        let _ = std::fs::remove_file(&evidence);
    } else {
        let content = Unsigned {
            reasons: &draft.reasons,
            predicate: &draft.predicate,
        };
        state::write_json(&evidence, &content)?;
    }
    Ok(Outcome {
        rig: draft.predicate.board.rig.clone(),
        exit_code: draft.exit_code(),
        predicate: draft.predicate,
        reasons: draft.reasons,
        path,
    })
}

/// Writes a certificate and what stands beside it; returns its path.
fn signed(certificate: &str, suite: &Suite, key: &SigningKey, names: &Names) -> Result<PathBuf> {
    let suite = crate::suite::to_file(suite)?;
    state::write(&names.path(&["vectors", "json"]), &suite)?;
    let trust = Trust::in_key(key.public().clone());
    if let Ok(accepted) = bundle::verify(certificate, &trust) {
        // Nothing was computed again yet: `hil verify --page` writes one with what was.
        let page = certificate_page(&accepted, &[]);
        state::write(&names.path(&["html"]), page.as_bytes())?;
    }
    let log = names.path(&["log"]);
    std::fs::rename(names.unsigned_log(), &log).map_err(Error::write(&log))?;
    let path = names.path(&[bundle::EXTENSION]);
    state::write(&path, certificate.as_bytes())?;
    Ok(path)
}

/// Reads the certificate to chain to.
///
/// # Errors
/// [`Error::Read`]; [`CertifyError::Previous`] when it is none that is trusted.
pub(super) fn previous(path: &Path, trust: &Trust) -> Result<(Predicate, Previous)> {
    let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
    let before = bundle::verify(&text, trust).map_err(|refusal| CertifyError::Previous {
        path: path.to_owned(),
        cause: refusal.to_string(),
    })?;
    let previous = Previous {
        id: before.predicate.identity.id.clone(),
        sha256: before.sha256,
    };
    Ok((before.predicate, previous))
}
