//! Who is told how a run goes.

use super::log::Line;
use crate::Result;

/// How far a run is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: u64,
    /// Steps of the run, where they are known.
    pub steps: Option<u64>,
    /// Loss, averaged over the last steps.
    pub loss: f64,
    /// Last score on the validation set in dB.
    pub psnr_y: Option<f64>,
    /// Patches a second, in this session.
    pub patches_per_second: f64,
    /// Part of the time that went by waiting for patches.
    pub waited: f64,
    /// Seconds that are left, where the steps are known.
    pub seconds_left: Option<f64>,
}

/// Gets news of a run.
pub trait Observer: Sync {
    /// Something that takes time before the first step is done to this part.
    fn preparing(&self, what: &str, done: usize, total: usize);

    /// Something is not as it should be, but the run goes on.
    fn warn(&self, message: &str);

    /// A line was added to the log.
    ///
    /// # Errors
    /// The line cannot be printed; the run ends.
    fn line(&self, line: &Line) -> Result<()>;

    /// A step was done.
    fn step(&self, progress: &Progress);
}
