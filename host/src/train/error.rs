//! What can go wrong in a run.

use std::path::PathBuf;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration cannot be used.
    #[error("read configuration `{}`: {cause}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, key and mend.
        cause: String,
    },
    /// There is not enough to train on.
    #[error(
        "train on {usable} of {found} pictures: at least {needed} must be usable and no smaller \
         than {side}x{side} pixels; add pictures, or lower `data.patch` or `data.min-pictures`"
    )]
    TooFewPictures {
        /// Pictures that can be used.
        usable: usize,
        /// Pictures in the folders.
        found: usize,
        /// Pictures that are needed.
        needed: usize,
        /// Side of the smallest picture that can be used.
        side: usize,
    },
    /// A folder of pictures has none that can be used.
    #[error(
        "train on the pictures of `{}`: none is readable and at least {side}x{side} pixels; \
         add pictures, or lower `data.patch`",
        folder.display()
    )]
    UnusableFolder {
        /// The folder.
        folder: PathBuf,
        /// Side of the smallest picture that can be used.
        side: usize,
    },
    /// Student and teacher are not of a kind.
    #[error(
        "distil `{teacher}`: it magnifies {found_channels} channels x{found_scale}, the student \
         {channels} channels x{scale}; choose a teacher of the same kind"
    )]
    Teacher {
        /// Its name or file.
        teacher: String,
        /// Its channels.
        found_channels: usize,
        /// Its scale.
        found_scale: usize,
        /// Those of the student.
        channels: usize,
        /// That of the student.
        scale: usize,
    },
    /// Features of a teacher are of another width than those of its student.
    #[error(
        "distil the features of `{teacher}`: it has width {found}, the student {width}; \
         set `distill.features = 0`, or take a student that `mambalite compress` made of it"
    )]
    TeacherWidth {
        /// Its name or file.
        teacher: String,
        /// Its width.
        found: usize,
        /// That of the student.
        width: usize,
    },
    /// The folder of a new run is there.
    #[error(
        "start a run in `{}`: the folder exists; go on with --resume, or name another folder \
         in `run.folder`",
        folder.display()
    )]
    FolderExists {
        /// The folder.
        folder: PathBuf,
    },
    /// There is nothing to go on with.
    #[error(
        "resume the run in `{}`: it has no checkpoint; remove the folder and start without --resume",
        folder.display()
    )]
    NothingToResume {
        /// The folder.
        folder: PathBuf,
    },
    /// A run cannot go on with another configuration.
    #[error(
        "resume the run in `{}`: `{key}` differs from the run's; put back what its config.toml \
         says, or start a new run in another folder",
        folder.display()
    )]
    ConfigDiffers {
        /// The folder of the run.
        folder: PathBuf,
        /// The first key that differs.
        key: String,
    },
    /// A run cannot go on with other files.
    #[error(
        "resume the run in `{}`: {what} changed since it began; put back what was there, or \
         start a new run in another folder",
        folder.display()
    )]
    InputsDiffer {
        /// The folder of the run.
        folder: PathBuf,
        /// Which files.
        what: &'static str,
    },
    /// A checkpoint of a run cannot be used.
    #[error(
        "resume from `{}`: {cause}; the file is damaged, start the run anew",
        path.display()
    )]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The loss is no number any more.
    #[error(
        "train at step {step}: loss or gradient is not finite; lower `optimizer.rate`, or set \
         `optimizer.clip`, and start a new run"
    )]
    Diverged {
        /// The step.
        step: u64,
    },
    /// A thread that prepares patches is gone.
    #[error("prepare patches: a thread ended before its work was done")]
    LoaderEnded,
    /// The curve cannot be drawn.
    #[error("draw `{}`: {cause}", path.display())]
    Curve {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
}

impl TrainError {
    /// Tells whether this is a fault of the program.
    pub(crate) fn is_bug(&self) -> bool {
        matches!(self, Self::LoaderEnded | Self::Curve { .. })
    }
}
