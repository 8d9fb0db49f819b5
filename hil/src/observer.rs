//! What a run tells while it goes on.

use crate::report::BoardReport;
use crate::verdict::Stage;

/// Gets the progress of a run.
pub trait Observer {
    /// A stage begins; `total` is 0 where it is not known.
    fn begin(&mut self, board: &str, stage: Stage, total: u64);

    /// So much of the stage is done, of the total.
    fn reach(&mut self, done: u64);

    /// The stage is over.
    fn end(&mut self);

    /// A board is done.
    fn board(&mut self, report: &BoardReport);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begin(&mut self, _board: &str, _stage: Stage, _total: u64) {}

    fn reach(&mut self, _done: u64) {}

    fn end(&mut self) {}

    fn board(&mut self, _report: &BoardReport) {}
}
