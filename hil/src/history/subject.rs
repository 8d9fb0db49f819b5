//! What is compared with itself from night to night.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::report::BoardReport;

/// A rig with a model and pictures; whatever firmware it ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the rig.
    pub rig: String,
    /// Name of its board.
    pub board: String,
    /// Name or file of the model.
    pub model: String,
    /// SHA-256 of the model file, hex: another model is another subject.
    pub model_sha256: String,
    /// Number format.
    pub precision: String,
    /// SHA-256 over how the pictures were cut and what they are called, hex.
    pub workload: String,
}

impl Subject {
    /// Returns what a report is about.
    #[must_use]
    pub fn of(report: &BoardReport) -> Self {
        Self {
            rig: report.rig.clone(),
            board: report.board.name.clone(),
            model: report.model.name.clone(),
            model_sha256: report.model.sha256.clone(),
            precision: report.model.precision.clone(),
            workload: workload(report),
        }
    }

    /// Returns what tells it from others, in the order of the table's key.
    pub(super) fn key(&self) -> [&str; 5] {
        [
            &self.rig,
            &self.board,
            &self.model_sha256,
            &self.precision,
            &self.workload,
        ]
    }
}

/// Sums up the jobs. The folder of a picture does not count: it may be a new one each night.
fn workload(report: &BoardReport) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?}\n", report.executor));
    for job in &report.jobs {
        let name = Path::new(&job.input).file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        hash.update(format!("{name}\0{}\0{:?}\n", job.tile, job.rect));
    }
    hex::encode(hash.finalize())
}
