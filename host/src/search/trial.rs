//! One run of a search: trained, quantised, scored, and kept so that it is done once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use mambalite_kernels::Precision;
use serde::{Deserialize, Serialize};

use super::config::Format;
use super::{SearchError, read_json};
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::quantize::{PERCENTILE, quantize};
use crate::train::begin::Beginning;
use crate::train::config::Config;
use crate::train::run::folder::Folder;
use crate::train::run::log::Line;
use crate::train::run::observer::{Observer, Progress};
use crate::train::run::stop::Stop;
use crate::train::run::validation::Validation;
use crate::train::run::{Task, run};
use crate::{Result, json};

/// The file of the result in the folder of a run.
const RESULT: &str = "result.json";

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Scores {
    /// Mean PSNR on luma in dB, by number format.
    pub psnr_y: BTreeMap<String, f64>,
    /// Energy of the processor packages in joules since the run began or was last resumed.
    pub energy_j: Option<f64>,
    /// Why that is null.
    pub energy_reason: Option<String>,
}

/// What all runs of a search share.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) validation: Validation,
    /// LR pictures that show the ranges of tensors.
    pub(super) calibration: Vec<Picture>,
    pub(super) formats: Vec<Format>,
}

impl Bench {
    /// Returns a trained network in each number format.
    pub(super) fn formats_of(&self, single: &ModelFile) -> Result<Vec<(Precision, ModelFile)>> {
        let files = self.formats.iter().map(|format| {
            let precision = format.precision();
            let file = match precision {
                Precision::F32 => single.clone(),
                _ => quantize(
                    single,
                    &self.calibration,
                    precision,
                    PERCENTILE,
                    &mut |_| (),
                )?,
            };
            Ok((precision, file))
        });
        files.collect()
    }

    /// Trains the network of a configuration in its folder, or goes on there; nothing where it was
    /// stopped before the end.
    pub(super) fn run(
        &self,
        config: &Config,
        observer: &dyn Observer,
        stop: &Stop,
    ) -> Result<Option<Scores>> {
        let folder = &config.run.folder;
        let result = folder.join(RESULT);
        if result.exists() {
            return read_json(&result).map(Some);
        }
        let resume = Folder::open(config).is_ok();
        if !resume && folder.exists() {
            // A run that was killed before its first checkpoint.
            fs::remove_dir_all(folder).map_err(|cause| crate::Error::Write {
                path: folder.clone(),
                cause,
            })?;
        }
        let text = toml::to_string(config).map_err(|cause| SearchError::Config {
            path: folder.clone(),
            cause: cause.to_string(),
        })?;
        let Beginning {
            network,
            start,
            kind,
        } = Beginning::new(config)?;
        let task = Task {
            model: &network,
            values: network.initial(),
            start,
            kind,
            config,
            text: &text,
            resume,
        };
        let listener = Listener::new(observer);
        if !run(task, &listener, stop)?.finished {
            return Ok(None);
        }
        let scores = self.score(folder, listener.energy())?;
        json::write(&result, &scores)?;
        Ok(Some(scores))
    }

    fn score(&self, folder: &Path, energy: Result<f64, String>) -> Result<Scores> {
        let single = ModelFile::load(&model_path(folder, Precision::F32))?;
        let mut psnr_y = BTreeMap::new();
        for (precision, file) in self.formats_of(&single)? {
            if precision != Precision::F32 {
                file.save(&model_path(folder, precision))?;
            }
            psnr_y.insert(precision.to_string(), self.validation.score(&file)?);
        }
        Ok(Scores {
            psnr_y,
            energy_j: energy.as_ref().ok().copied(),
            energy_reason: energy.err(),
        })
    }
}

/// Returns the path of a run's network in a number format.
pub(super) fn model_path(folder: &Path, precision: Precision) -> PathBuf {
    folder.join(match precision {
        Precision::F32 => "model.mls".to_owned(),
        other => format!("model-{other}.mls"),
    })
}

/// Hands on the news of a run but for its lines, of which it keeps the energy.
struct Listener<'a> {
    observer: &'a dyn Observer,
    energy: Mutex<Result<f64, String>>,
}

impl<'a> Listener<'a> {
    fn new(observer: &'a dyn Observer) -> Self {
        let none = "the run did not end".to_owned();
        Self {
            observer,
            energy: Mutex::new(Err(none)),
        }
    }

    fn energy(self) -> Result<f64, String> {
        self.energy
            .into_inner()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Observer for Listener<'_> {
    fn preparing(&self, what: &str, done: usize, total: usize) {
        self.observer.preparing(what, done, total);
    }

    fn warn(&self, message: &str) {
        self.observer.warn(message);
    }

    fn line(&self, line: &Line) -> Result<()> {
        if let Line::End {
            energy_j,
            energy_reason,
            ..
        } = line
        {
            let reason = || energy_reason.clone().unwrap_or_default();
            let mut energy = self.energy.lock().unwrap_or_else(|it| it.into_inner());
            *energy = energy_j.ok_or_else(reason);
        }
        Ok(())
    }

    fn step(&self, progress: &Progress) {
        self.observer.step(progress);
    }
}
