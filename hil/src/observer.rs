//! What a run tells while it goes on.

use std::cell::Cell;

use crate::report::{BoardReport, Failure};
use crate::verdict::Stage;

/// Gets the progress of a run, from one thread for each rig.
pub trait Observer: Sync {
    /// A stage of a rig begins; `total` is 0 where it is not known.
    fn begin(&self, rig: &str, stage: Stage, total: u64);

    /// So much of the rig's stage is done, of the total.
    fn reach(&self, rig: &str, done: u64);

    /// The rig's stage is over.
    fn end(&self, rig: &str);

    /// An attempt failed, and another one follows.
    fn retry(&self, rig: &str, failure: &Failure);

    /// A rig is done with one model.
    fn report(&self, report: &BoardReport);
}

/// An observer that looks away.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn begin(&self, _rig: &str, _stage: Stage, _total: u64) {}

    fn reach(&self, _rig: &str, _done: u64) {}

    fn end(&self, _rig: &str) {}

    fn retry(&self, _rig: &str, _failure: &Failure) {}

    fn report(&self, _report: &BoardReport) {}
}

/// The eyes of an observer on one rig, which remember the stage that it is in.
pub struct Watch<'a> {
    observer: &'a dyn Observer,
    rig: &'a str,
    stage: Cell<Stage>,
}

impl<'a> Watch<'a> {
    /// Watches a rig that has not begun.
    #[must_use]
    pub fn new(observer: &'a dyn Observer, rig: &'a str) -> Self {
        Self {
            observer,
            rig,
            stage: Cell::new(Stage::Build),
        }
    }

    /// Returns the observer.
    #[must_use]
    pub fn observer(&self) -> &'a dyn Observer {
        self.observer
    }

    /// A stage begins; `total` is 0 where it is not known.
    pub fn begin(&self, stage: Stage, total: u64) {
        self.stage.set(stage);
        self.observer.begin(self.rig, stage, total);
    }

    /// So much of the stage is done, of the total.
    pub fn reach(&self, done: u64) {
        self.observer.reach(self.rig, done);
    }

    /// The stage is over.
    pub fn end(&self) {
        self.observer.end(self.rig);
    }

    /// Returns the stage that began last.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage.get()
    }
}
