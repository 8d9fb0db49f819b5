//! The TOML file that says everything of a run.
//!
//! `example.toml` beside this file has every key with its default and is what
//! `mambalite train --example` prints. Unknown keys are errors.

mod check;
mod network;
mod text;

use std::path::{Path, PathBuf};

use mambalite_kernels::Precision;
use serde::{Deserialize, Serialize};

pub use network::{AnchorKind, DecayKind, FormKind, ModelSection, RankSection, Start};
pub use text::difference;

use super::error::TrainError;
use crate::quantize::PERCENTILE;
use crate::{Error, Result};

/// The version of the file.
pub const SCHEMA: u32 = 1;

/// A commented file with every key.
pub const EXAMPLE: &str = include_str!("example.toml");

/// Keys that change no bit of a run, so that it can go on with others.
const FREE: [&str; 4] = [
    "data.memory-mb",
    "run.checkpoint-every",
    "run.folder",
    "run.threads",
];

/// A run: network, data, loss, optimizer.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The network and what it starts from.
    #[serde(default)]
    pub model: ModelSection,
    /// Pictures.
    pub data: DataSection,
    /// How outputs are compared with the truth.
    #[serde(default)]
    pub loss: LossSection,
    /// A teacher, for distillation.
    pub distill: Option<DistillSection>,
    /// Number format, for training through fixed point.
    pub quantize: Option<QuantizeSection>,
    /// How the parameters move.
    pub optimizer: OptimizerSection,
    /// Everything around that.
    pub run: RunSection,
}

/// Pictures and patches.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DataSection {
    /// Folders of training pictures.
    pub train: Vec<TrainFolder>,
    /// Folder of high-resolution pictures to score on.
    pub validation: Option<PathBuf>,
    /// Their low-resolution partners; made of them where this is not given.
    pub validation_low: Option<PathBuf>,
    /// Side of a patch in LR pixels.
    #[serde(default = "patch_default")]
    pub patch: usize,
    /// Patches of a step.
    #[serde(default = "batch_default")]
    pub batch: usize,
    /// Whether patches are flipped and turned at random.
    #[serde(default = "yes")]
    pub augment: bool,
    /// Fewer usable pictures than this are an error.
    #[serde(default = "min_pictures_default")]
    pub min_pictures: usize,
    /// Pictures beyond this many megabytes are kept in a file of the run's folder.
    #[serde(default = "memory_default")]
    pub memory_mb: usize,
}

/// One folder of training pictures, with its subfolders.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TrainFolder {
    /// The folder.
    pub folder: PathBuf,
    /// Its share of the patches, relative to those of the other folders.
    #[serde(default = "one")]
    pub weight: f64,
}

/// How outputs are compared with the truth.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LossSection {
    /// Which loss.
    #[serde(default)]
    pub kind: LossKind,
    /// Weight of the difference of the spectra, of [`LossKind::L1Fft`] only.
    pub fft_weight: Option<f64>,
}

/// A loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Mean absolute difference.
    #[default]
    L1,
    /// That, rounded at zero.
    Charbonnier,
    /// That, and the mean absolute difference of the spectra.
    L1Fft,
}

/// A teacher.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DistillSection {
    /// Name of a shipped model, or a file; of single precision.
    pub teacher: String,
    /// Part `a` of the teacher in the loss `a L1(S, T) + (1 - a) L(S, GT)`.
    #[serde(default = "half")]
    pub weight: f64,
    /// Weight of the difference of the features after each group, added to the loss.
    #[serde(default)]
    pub features: f64,
    /// What the teacher sees.
    #[serde(default, rename = "where")]
    pub place: TeacherPlace,
    /// Folder of whole-picture outputs; `teacher` in the run's folder where none is given.
    pub cache: Option<PathBuf>,
}

/// What a teacher sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TeacherPlace {
    /// The very patch that the student sees.
    #[default]
    Crop,
    /// The whole picture, once; patches are cut of its outputs.
    Picture,
}

/// Training through fixed point.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct QuantizeSection {
    /// The number format.
    pub precision: PrecisionKind,
    /// Training pictures that show the ranges of the tensors.
    #[serde(default = "calibration_default")]
    pub pictures: usize,
    /// Percentile of the magnitudes of an 8-bit tensor that are not clipped at the start.
    #[serde(default = "percentile_default")]
    pub percentile: f64,
}

/// A [`Precision`] of fixed point as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "they are those of Precision")]
pub enum PrecisionKind {
    W8a16,
    W8a8,
}

impl QuantizeSection {
    /// Returns the number format.
    pub fn precision(&self) -> Precision {
        match self.precision {
            PrecisionKind::W8a16 => Precision::W8A16,
            PrecisionKind::W8a8 => Precision::W8A8,
        }
    }
}

/// How the parameters move.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OptimizerSection {
    /// Which optimizer.
    #[serde(default)]
    pub kind: OptimizerKind,
    /// Learning rate after the warm-up.
    #[serde(default = "rate_default")]
    pub rate: f64,
    /// Decay rates of the two moments.
    #[serde(default = "betas_default")]
    pub betas: [f64; 2],
    /// Weight decay, of [`OptimizerKind::Adamw`] only.
    pub weight_decay: Option<f64>,
    /// Largest norm of the gradient; 0 for none.
    #[serde(default = "one")]
    pub clip: f64,
    /// Decay rate of the moving average of the parameters, which is what is shipped.
    #[serde(default = "ema_default")]
    pub ema: f64,
    /// Steps in which the rate rises.
    #[serde(default = "warm_up_default")]
    pub warm_up: u64,
    /// Part of the rate that is left at the end.
    #[serde(default = "min_rate_default")]
    pub min_rate: f64,
    /// How long.
    pub length: Length,
}

/// An optimizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// arXiv 1412.6980.
    #[default]
    Adam,
    /// arXiv 1711.05101.
    Adamw,
}

/// How long a run is.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Length {
    /// A number of steps.
    Steps(u64),
    /// As many steps as fit, measured in the first of them.
    Minutes(f64),
}

/// Everything around training.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSection {
    /// Folder that the run makes and writes into.
    pub folder: PathBuf,
    /// Seed of the patches and of a new network.
    #[serde(default = "seed_default")]
    pub seed: u64,
    /// Threads; 0 for all of the machine.
    #[serde(default)]
    pub threads: usize,
    /// Steps between two checkpoints.
    #[serde(default = "checkpoint_default")]
    pub checkpoint_every: u64,
    /// Steps between two validations; 0 for those at the start and the end only.
    #[serde(default = "validate_default")]
    pub validate_every: u64,
    /// Steps between two lines of the log.
    #[serde(default = "log_default")]
    pub log_every: u64,
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Read`], or [`TrainError::Config`] with key, line and mend.
    pub fn load(path: &Path) -> Result<Self> {
        Ok(Self::load_with_text(path)?.0)
    }

    /// Reads a file and returns its text too.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with_text(path: &Path) -> Result<(Self, String)> {
        let text = read_text(path)?;
        let config = Self::parse(&text, path)?;
        Ok((config, text))
    }

    /// Takes the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`TrainError::Config`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let refused = |cause: String| TrainError::Config {
            path: path.to_path_buf(),
            cause,
        };
        let config: Self = toml::from_str(text).map_err(|cause| refused(cause.to_string()))?;
        match config.check() {
            Ok(()) => Ok(config),
            Err(fault) => Err(refused(fault.message(text)).into()),
        }
    }

    /// Tells whether a run can have these values.
    pub fn is_allowed(&self) -> bool {
        self.check().is_ok()
    }

    /// Returns the name of the first key that differs from another run's so that the two have
    /// different results; keys that change no bit are not compared.
    pub fn differs(&self, other: &Self) -> Option<String> {
        difference(self, other, &FREE)
    }

    /// Returns the steps of the run; nothing where minutes are given.
    pub fn steps(&self) -> Option<u64> {
        match self.optimizer.length {
            Length::Steps(steps) => Some(steps),
            Length::Minutes(_) => None,
        }
    }

    /// Returns the threads of the run.
    pub fn threads(&self) -> usize {
        match self.run.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// Reads a file of text.
///
/// # Errors
/// [`Error::Read`].
pub(crate) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|cause| Error::Read {
        path: path.to_path_buf(),
        cause,
    })
}

impl Default for LossSection {
    fn default() -> Self {
        Self {
            kind: LossKind::L1,
            fft_weight: None,
        }
    }
}

fn patch_default() -> usize {
    48
}

fn batch_default() -> usize {
    8
}

fn min_pictures_default() -> usize {
    4
}

fn memory_default() -> usize {
    512
}

fn calibration_default() -> usize {
    32
}

fn percentile_default() -> f64 {
    PERCENTILE
}

fn rate_default() -> f64 {
    1e-3
}

fn betas_default() -> [f64; 2] {
    [0.9, 0.99]
}

fn ema_default() -> f64 {
    0.999
}

fn warm_up_default() -> u64 {
    100
}

fn min_rate_default() -> f64 {
    0.01
}

fn seed_default() -> u64 {
    1
}

fn checkpoint_default() -> u64 {
    500
}

fn validate_default() -> u64 {
    1000
}

fn log_default() -> u64 {
    50
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn half() -> f64 {
    0.5
}

#[cfg(test)]
mod tests;
