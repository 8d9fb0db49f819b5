//! The TOML file of a search.
//!
//! `example.toml` beside this file has every key with its default and is what `mambalite search
//! --example` prints. Unknown keys are errors.

use std::path::{Path, PathBuf};

use mambalite_kernels::Precision;
use serde::{Deserialize, Serialize};

use super::SearchError;
use crate::Result;
use crate::train::config::{Config, FormKind, Length, SCHEMA, read_text};

/// A commented file with every key.
pub const EXAMPLE: &str = include_str!("example.toml");
/// Candidates are told apart by so many digits.
const CANDIDATES_MAX: usize = 999;

/// A search: what is varied, within which budget, and how long.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SearchConfig {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Configuration of a run; the search varies some of its keys.
    pub base: PathBuf,
    /// Values to choose from.
    #[serde(default)]
    pub space: Space,
    /// What a network may cost.
    #[serde(default)]
    pub budget: Budget,
    /// How many networks are trained, and how long.
    #[serde(default)]
    pub halving: Halving,
    /// Everything around that.
    pub run: RunSection,
}

/// Values to choose from; for an empty list there is that of the base.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Space {
    /// Feature widths C.
    pub width: Vec<usize>,
    /// Groups of blocks.
    pub groups: Vec<usize>,
    /// Blocks of a group.
    pub blocks: Vec<usize>,
    /// States N of a channel.
    pub states: Vec<usize>,
    /// Form of input and output projections and of the convolutions but the first and the last.
    pub rank: Vec<FormKind>,
    /// Part `a` of the teacher in the loss of distillation.
    pub distill_weight: Vec<f64>,
    /// Number formats that each network is scored in.
    pub precision: Vec<Format>,
}

/// A [`Precision`] as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are those of Precision")]
pub enum Format {
    F32,
    W8a16,
    W8a8,
}

/// Limits; nothing is no limit.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Budget {
    /// Width of the picture that RAM is planned for and that is timed, in LR pixels.
    pub row_width: u16,
    /// Bytes of the model.
    pub flash: Option<usize>,
    /// Bytes of arena and stack.
    pub ram: Option<usize>,
    /// Multiply-accumulates of an LR pixel.
    pub macs: Option<usize>,
    /// Milliseconds of a square picture.
    pub milliseconds: Option<f64>,
    /// A command that prints the milliseconds of the model file `{model}`, such as on a board;
    /// this machine takes the time where there is none.
    pub measure: Option<Vec<String>>,
}

/// Successive halving (arXiv 1502.07943).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Halving {
    /// Networks of the first rung, at most.
    pub candidates: usize,
    /// Steps of a run of the first rung.
    pub steps: u64,
    /// Of so many networks one goes on, with so many times the steps.
    pub factor: u64,
    /// Rungs.
    pub rungs: u32,
    /// Runs of each network in each rung.
    pub seeds: u64,
}

/// Everything around a search.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RunSection {
    /// Folder of the search.
    pub folder: PathBuf,
    /// Chooses the candidates.
    #[serde(default = "seed_default")]
    pub seed: u64,
}

impl SearchConfig {
    /// Reads a file and the base that it names, relative to where the process runs.
    ///
    /// # Errors
    /// [`crate::Error::Read`], [`SearchError::Config`] with key and mend, and those of the base.
    pub fn load(path: &Path) -> Result<(Self, Config)> {
        let config = Self::parse(&read_text(path)?, path)?;
        let base = Config::load(&config.base)?;
        let refused = |cause: String| SearchError::Config {
            path: path.to_path_buf(),
            cause,
        };
        config.check_base(&base).map_err(refused)?;
        Ok((config, base))
    }

    /// Takes the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`SearchError::Config`].
    pub fn parse(text: &str, path: &Path) -> Result<Self> {
        let refused = |cause: String| SearchError::Config {
            path: path.to_path_buf(),
            cause,
        };
        let config: Self = toml::from_str(text).map_err(|cause| refused(cause.to_string()))?;
        config.check().map_err(refused)?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let it = &self.halving;
        let within = |key: &str, fits: bool, range: &str| match fits {
            true => Ok(()),
            false => Err(format!("key `{key}` is out of range; take {range}")),
        };
        within("schema", self.schema == SCHEMA, &SCHEMA.to_string())?;
        let candidates = (1..=CANDIDATES_MAX).contains(&it.candidates);
        within("halving.candidates", candidates, "1 to 999")?;
        within("halving.steps", it.steps >= 1, "1 or more")?;
        within("halving.factor", (2..=16).contains(&it.factor), "2 to 16")?;
        within("halving.rungs", (1..=8).contains(&it.rungs), "1 to 8")?;
        within("halving.seeds", (1..=99).contains(&it.seeds), "1 to 99")?;
        let weights = self.space.distill_weight.iter();
        let fits = weights.clone().all(|it| (0.0..=1.0).contains(it));
        within("space.distill-weight", fits, "numbers from 0 to 1")?;
        let precisions = !self.space.precision.is_empty();
        within("space.precision", precisions, "at least one number format")?;
        within("budget.row-width", self.budget.row_width > 0, "1 or more")?;
        let command = self.budget.measure.as_ref();
        let fits = command.is_none_or(|it| !it.is_empty());
        within("budget.measure", fits, "a command and its arguments")
    }

    /// Finds what a base cannot have.
    fn check_base(&self, base: &Config) -> Result<(), String> {
        let base_path = self.base.display();
        if base.model.start.is_some() {
            return Err(format!(
                "`{base_path}` starts from a model, which leaves nothing to search; \
                 remove its key `model.start`"
            ));
        }
        if base.quantize.is_some() {
            return Err(format!(
                "`{base_path}` trains through fixed point, while the search scores each \
                 network in all of `space.precision`; remove its table [quantize]"
            ));
        }
        if base.data.validation.is_none() {
            return Err(format!(
                "`{base_path}` has no pictures to score on; give it the key `data.validation`"
            ));
        }
        if base.distill.is_none() && !self.space.distill_weight.is_empty() {
            return Err(format!(
                "key `space.distill-weight`: `{base_path}` has no teacher; \
                 give it the table [distill], or remove the key"
            ));
        }
        Ok(())
    }
}

impl Halving {
    /// Returns the steps of a run of a rung, from 0 on.
    pub fn steps_of(&self, rung: u32) -> Length {
        Length::Steps(self.steps.saturating_mul(self.factor.saturating_pow(rung)))
    }

    /// Returns how many of `count` networks go on.
    pub fn kept(&self, count: usize) -> usize {
        count.div_ceil(self.factor as usize)
    }

    /// Returns how many runs there are at most.
    pub fn runs(&self, candidates: usize) -> u64 {
        let counts = core::iter::successors(Some(candidates), |&count| Some(self.kept(count)));
        let networks: usize = counts.take(self.rungs as usize).sum();
        networks as u64 * self.seeds
    }
}

impl Format {
    /// Returns the kernels' name.
    pub fn precision(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::W8a16 => Precision::W8A16,
            Self::W8a8 => Precision::W8A8,
        }
    }
}

impl Default for Space {
    fn default() -> Self {
        Self {
            width: Vec::new(),
            groups: Vec::new(),
            blocks: Vec::new(),
            states: Vec::new(),
            rank: Vec::new(),
            distill_weight: Vec::new(),
            precision: vec![Format::F32, Format::W8a16, Format::W8a8],
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            row_width: 64,
            flash: None,
            ram: None,
            macs: None,
            milliseconds: None,
            measure: None,
        }
    }
}

impl Default for Halving {
    fn default() -> Self {
        Self {
            candidates: 9,
            steps: 500,
            factor: 3,
            rungs: 3,
            seeds: 2,
        }
    }
}

fn seed_default() -> u64 {
    1
}
