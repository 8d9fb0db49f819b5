//! All that comes before the first step.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::observer::Observer;
use super::stop::Stop;
use super::validation::Validation;
use super::{Checkpoint, Folder, Inputs, Task};
use crate::Result;
use crate::picture::Color;
use crate::train::config::{Config, TeacherPlace};
use crate::train::data::Pictures;
use crate::train::data::patch::Patches;
use crate::train::error::TrainError;
use crate::train::model::Kind;
use crate::train::optimizer::State;
use crate::train::teacher::{Teacher, Teaching};

/// A run that can begin or go on.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) folder: Folder,
    pub(super) checkpoint: Checkpoint,
    pub(super) patches: Arc<Patches>,
    pub(super) validation: Option<Validation>,
}

/// The files of a run, read.
struct Files {
    pictures: Pictures,
    validation: Option<Validation>,
    teacher: Option<Teacher>,
    inputs: Inputs,
}

impl Prepared {
    /// Reads pictures and teacher, makes or opens the folder, and finds the state to go on from.
    ///
    /// A new run has a checkpoint before the outputs of its teacher are computed: what is there of
    /// those when the run is stopped is used when it goes on.
    pub(super) fn new<M>(task: &Task<'_, M>, observer: &dyn Observer, stop: &Stop) -> Result<Self> {
        let config = task.config;
        let (folder, last) = match task.resume {
            false => (Folder::create(config, task.text)?, None),
            true => {
                let folder = Folder::open(config)?;
                let last = Checkpoint::load(&folder.checkpoint())?;
                refuse_other(config, &last, &folder)?;
                (folder, Some(last))
            }
        };
        let files = Files::load(task, &folder, observer);
        if files.is_err() && !task.resume {
            folder.clone().remove();
        }
        let files = files?;
        let checkpoint = match last {
            Some(last) => {
                refuse_other_inputs(task, &last, &files.inputs, &folder)?;
                last
            }
            None => {
                let checkpoint = Checkpoint {
                    state: State::new(task.values.clone()),
                    steps: config.steps(),
                    history: Vec::new(),
                    config: config.clone(),
                    inputs: files.inputs,
                };
                checkpoint.save(&folder.checkpoint())?;
                checkpoint
            }
        };
        let teaching = match files.teacher {
            Some(it) => Some(teaching(
                it,
                config,
                &files.pictures,
                &folder,
                observer,
                stop,
            )?),
            None => None,
        };
        Ok(Self {
            folder,
            checkpoint,
            patches: Arc::new(Patches {
                pictures: files.pictures,
                teaching,
                augment: config.data.augment,
                seed: config.run.seed,
            }),
            validation: files.validation,
        })
    }
}

impl Files {
    fn load<M>(task: &Task<'_, M>, folder: &Folder, observer: &dyn Observer) -> Result<Self> {
        let data = &task.config.data;
        let Kind {
            channels, scale, ..
        } = task.kind;
        let color = match channels {
            1 => Color::Gray,
            _ => Color::Rgb,
        };
        let distill = task.config.distill.as_ref();
        let teacher = distill.map(|it| Teacher::load(&it.teacher, task.kind, it.features > 0.0));
        let teacher = teacher.transpose()?;
        let validation = Validation::load(data, (scale, color))?;
        let mut progress = |done, total| observer.preparing("reading pictures", done, total);
        let pictures = Pictures::load(data, (scale, color), folder.path(), &mut progress)?;
        for skipped in pictures.skipped() {
            observer.warn(&format!(
                "skip `{}`: {}",
                skipped.path.display(),
                skipped.cause
            ));
        }
        Ok(Self {
            inputs: Inputs {
                pictures: pictures.fingerprint(),
                start: task.start.map(hex::encode),
                teacher: teacher.as_ref().map(|it| hex::encode(it.hash())),
            },
            pictures,
            validation,
            teacher,
        })
    }
}

fn refuse_other(config: &Config, last: &Checkpoint, folder: &Folder) -> Result<()> {
    match last.config.differs(config) {
        None => Ok(()),
        Some(key) => Err(TrainError::ConfigDiffers {
            folder: folder.path().to_path_buf(),
            key,
        }
        .into()),
    }
}

fn refuse_other_inputs<M>(
    task: &Task<'_, M>,
    last: &Checkpoint,
    inputs: &Inputs,
    folder: &Folder,
) -> Result<()> {
    if let Some(what) = last.inputs.differ(inputs) {
        return Err(TrainError::InputsDiffer {
            folder: folder.path().to_path_buf(),
            what,
        }
        .into());
    }
    let (found, needed) = (last.state.values.len(), task.values.len());
    if found != needed {
        return Err(TrainError::Checkpoint {
            path: folder.checkpoint(),
            cause: format!("it has {found} parameters, the network {needed}"),
        }
        .into());
    }
    Ok(())
}

/// Computes the outputs of a teacher that sees whole pictures.
///
/// A run that is stopped meanwhile takes no step, and whatever teaches serves it.
fn teaching(
    teacher: Teacher,
    config: &Config,
    pictures: &Pictures,
    folder: &Folder,
    observer: &dyn Observer,
    stop: &Stop,
) -> Result<Teaching> {
    let distill = config.distill.as_ref();
    if distill.is_none_or(|it| it.place == TeacherPlace::Crop) {
        return Ok(Teaching::Crop(teacher));
    }
    let cache = distill.and_then(|it| it.cache.clone());
    let cache = cache.unwrap_or_else(|| folder.file("teacher"));
    let done = AtomicUsize::new(0);
    let progress = || {
        let done = 1 + done.fetch_add(1, Ordering::Relaxed);
        observer.preparing("running the teacher", done, pictures.count());
        !stop.is_set()
    };
    Ok(match teacher.outputs(pictures, &cache, &progress)? {
        Some(outputs) => Teaching::Picture(outputs),
        None => Teaching::Crop(teacher),
    })
}
