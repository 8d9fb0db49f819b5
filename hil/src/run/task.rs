//! The pictures of a run, loaded and checked before any board starts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mambalite::metrics;
use mambalite::picture::{self, Picture};
use mambalite::resize::{Scale, resize};
use mambalite::upscale::color;
use mambalite_kernels::Config;

use super::Order;
use crate::error::{Error, Result};
use crate::report::Scores;

/// A picture that goes through a board.
#[derive(Debug)]
pub(super) struct Task {
    /// The file.
    pub(super) path: PathBuf,
    /// Its name, for people.
    pub(super) name: String,
    /// Its name without the extension.
    pub(super) stem: String,
    /// What is sent.
    pub(super) lr: Picture,
    /// Its bicubic magnification.
    pub(super) bicubic: Picture,
    /// What the result should look like.
    pub(super) truth: Option<Picture>,
    /// Scores of the bicubic magnification.
    pub(super) bicubic_scores: Option<Scores>,
}

impl Task {
    /// Scores a magnification, where there is a ground truth.
    pub(super) fn scores(&self, config: &Config, found: &Picture) -> Result<Option<Scores>> {
        score(self.truth.as_ref(), found, config)
    }
}

/// Loads the pictures of an order.
///
/// # Errors
/// [`Error::Picture`] for files that cannot be read, [`Error::NoPictures`] for an empty folder,
/// [`Error::Unfit`] for a ground truth that does not belong to the input.
pub(super) fn load(order: &Order, config: &Config) -> Result<Vec<Task>> {
    let inputs = std::slice::from_ref(&order.input);
    let paths = picture::find(inputs).map_err(|error| match error {
        mambalite::Error::NoPictures { path } => Error::NoPictures { path },
        other => Error::Picture(other),
    })?;
    if let (Some(truth), true) = (&order.ground_truth, paths.len() > 1) {
        let cause = format!(
            "a ground truth belongs to one picture, the input has {}",
            paths.len()
        );
        return Err(Error::Unfit {
            path: truth.clone(),
            cause,
        });
    }
    refuse_clashes(&paths)?;
    paths
        .into_iter()
        .map(|path| load_one(order, config, path))
        .collect()
}

fn load_one(order: &Order, config: &Config, path: PathBuf) -> Result<Task> {
    let lr = Picture::load(&path, color(config))?;
    let bicubic = resize(&lr, Scale::up(config.scale))?;
    let truth = match &order.ground_truth {
        Some(file) => Some(load_truth(file, config, &bicubic)?),
        None => None,
    };
    let bicubic_scores = score(truth.as_ref(), &bicubic, config)?;
    Ok(Task {
        name: text(path.file_name()),
        stem: text(path.file_stem()),
        path,
        lr,
        bicubic,
        truth,
        bicubic_scores,
    })
}

/// Loads a ground truth, less the pixels at its right and bottom that no LR pixel stands for.
fn load_truth(file: &Path, config: &Config, sr: &Picture) -> Result<Picture> {
    let truth = Picture::load(file, color(config))?;
    let fits = |truth: usize, sr: usize| truth >= sr && truth - sr < config.scale;
    if fits(truth.width(), sr.width()) && fits(truth.height(), sr.height()) {
        return Ok(truth.crop(0, 0, sr.width(), sr.height())?);
    }
    let cause = format!(
        "it has {}x{} pixels, the magnified input has {}x{}",
        truth.width(),
        truth.height(),
        sr.width(),
        sr.height()
    );
    Err(Error::Unfit {
        path: file.to_owned(),
        cause,
    })
}

fn score(truth: Option<&Picture>, found: &Picture, config: &Config) -> Result<Option<Scores>> {
    let Some(truth) = truth else { return Ok(None) };
    let scores = metrics::Scores::of_pictures(truth, found, config.scale)?;
    Ok(Some(scores.into()))
}

/// Refuses two inputs whose results would have the same name.
fn refuse_clashes(paths: &[PathBuf]) -> Result<()> {
    let mut stems = BTreeMap::new();
    for path in paths {
        let stem = text(path.file_stem());
        if let Some(first) = stems.insert(stem.clone(), path) {
            return Err(Error::Picture(mambalite::Error::OutputClash {
                path: stem.into(),
                first: first.clone(),
                second: path.clone(),
            }));
        }
    }
    Ok(())
}

fn text(name: Option<&std::ffi::OsStr>) -> String {
    name.unwrap_or_default().to_string_lossy().into_owned()
}
