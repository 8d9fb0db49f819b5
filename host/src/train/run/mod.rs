//! One run: its folder, its steps, and how it goes on after an interruption.
//!
//! The state after a step is a pure function of the state before and of the number of the step,
//! whatever the number of threads. A checkpoint holds that state; so a run that was interrupted
//! ends with the bits of one that was not.

pub mod checkpoint;
pub mod curve;
pub mod energy;
pub mod folder;
pub mod log;
mod objective;
pub mod observer;
mod prepare;
mod steps;
pub mod stop;
pub mod validation;

use std::path::PathBuf;

use crate::train::config::Config;
use crate::train::model::{Kind, Model};
use crate::{Result, parallel};
use checkpoint::{Checkpoint, Inputs};
use folder::Folder;
use observer::Observer;
use prepare::Prepared;
use steps::Steps;
use stop::Stop;

/// What is to be trained.
#[derive(Debug)]
pub struct Task<'a, M> {
    /// The network.
    pub model: &'a M,
    /// Its parameters before the first step.
    pub values: Vec<f32>,
    /// Hash of the model that these are from.
    pub start: Option<[u8; 32]>,
    /// What of the network its data and teacher must fit.
    pub kind: Kind,
    /// The configuration.
    pub config: &'a Config,
    /// Its text, for the run's folder.
    pub text: &'a str,
    /// Whether a run goes on, or a new one begins.
    pub resume: bool,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The folder of the run.
    pub folder: PathBuf,
    /// Steps done.
    pub step: u64,
    /// Steps of the run, where they are known.
    pub steps: Option<u64>,
    /// Whether all steps are done; otherwise the run was stopped.
    pub finished: bool,
    /// Last score on the validation set in dB.
    pub psnr_y: Option<f64>,
}

/// Trains until all steps are done or the run is stopped; both leave a checkpoint and a model.
///
/// # Errors
/// [`crate::train::TrainError`], files that cannot be read or written, and those of the model. A
/// new run that cannot begin leaves no folder behind.
pub fn run<M: Model>(task: Task<'_, M>, observer: &dyn Observer, stop: &Stop) -> Result<Outcome> {
    let pool = parallel::pool(task.config.threads())?;
    pool.install(|| {
        let prepared = Prepared::new(&task, observer, stop)?;
        Steps::new(&task, prepared, observer)?.run(observer, stop)
    })
}
