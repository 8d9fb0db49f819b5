//! One rig with one model: an attempt, and another one where that may help.

use super::crew::Crew;
use super::exercise::Exercise;
use super::journal::Entry;
use super::{Stand, Work, golden};
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::observer::Watch;
use crate::recovery::{Rung, Step};
use crate::report::{BoardReport, Failure, FirmwareFacts, Images};
use crate::supply;
use crate::verdict::{Stage, Verdict};

/// A rig that is done with one model.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) report: BoardReport,
    pub(super) images: Vec<Images>,
    /// Exit code of the error, where what stands around the board failed.
    pub(super) code: Option<u8>,
}

/// A rig with one model.
pub(super) struct Attempts<'a> {
    crew: &'a Crew<'a>,
    stand: &'a Stand,
    image: &'a Image,
    work: &'a Work<'a>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(
        crew: &'a Crew<'a>,
        stand: &'a Stand,
        image: &'a Image,
        work: &'a Work<'a>,
    ) -> Self {
        Self {
            crew,
            stand,
            image,
            work,
        }
    }

    /// Runs the rig until an attempt comes to its end, or no other one can help.
    pub(super) fn run(&self, watch: &Watch<'_>) -> Finished {
        let entry = Entry::new(self.crew.order, self.stand, self.image, self.work);
        if let (Ok(entry), true) = (&entry, self.crew.order.resume)
            && let Some(finished) = entry.take()
        {
            return finished;
        }
        let mut finished = self.until_done(watch);
        let kept = entry.and_then(|entry| entry.keep(&finished.report));
        note(&mut finished.report, kept);
        finished
    }

    fn until_done(&self, watch: &Watch<'_>) -> Finished {
        let mut failures = Vec::new();
        loop {
            let (mut finished, error) = self.attempt(watch);
            let report = &mut finished.report;
            let recovered = match &error {
                Some(error) => self.recover(error, watch.stage(), report, watch),
                None => true,
            };
            if let Some(error) = &error
                && recovered
                && report.judge().is_retried()
                && !error.is_lasting()
                && failures.len() < self.crew.order.retries
            {
                let failure = Failure::new(watch.stage(), error);
                self.crew.observer.retry(&self.stand.rig.name, &failure);
                failures.push(failure);
                continue;
            }
            report.attempts = failures;
            report.conclude(self.stand.rig.quarantine.as_ref());
            finished.code = error.map(|error| error.exit_code());
            self.keep(&mut finished);
            return finished;
        }
    }

    /// Runs the rig once; the report has the error too.
    fn attempt(&self, watch: &Watch<'_>) -> (Finished, Option<Error>) {
        let mut report = self.work.report(self.crew.order, self.stand);
        let revision = self.crew.revision.clone();
        report.firmware = Some(FirmwareFacts::new(self.image, revision));
        let mut finished = Finished {
            report,
            images: Vec::new(),
            code: None,
        };
        let limit = self.crew.order.limit;
        let limit = limit.mul_f64(self.stand.rig.timeout_multiplier.clamp(0.1, 1000.0));
        let interrupt = self.crew.interrupt.within(limit);
        let exercise = self.exercise(self.image, &interrupt);
        let outcome = exercise.run(&mut finished.report, &mut finished.images, watch);
        watch.end();
        let error = outcome.err();
        if let Some(error) = &error {
            finished.report.failure = Some(Failure::new(watch.stage(), error));
        }
        (finished, error)
    }

    fn exercise<'b>(
        &'b self,
        image: &'b Image,
        interrupt: &'b crate::interrupt::Interrupt,
    ) -> Exercise<'b> {
        Exercise {
            order: self.crew.order,
            stand: self.stand,
            image,
            work: self.work,
            interrupt,
        }
    }

    /// Brings the rig back by its power, and finds out whether board or firmware is at fault.
    /// Returns whether the rig can be used again.
    fn recover(
        &self,
        error: &Error,
        stage: Stage,
        report: &mut BoardReport,
        watch: &Watch<'_>,
    ) -> bool {
        let helped = |report: &BoardReport| report.recovery.last().is_some_and(|it| it.helped);
        let is_over = matches!(error, Error::Interrupted);
        if is_over || error.is_lasting() || stage < Stage::Start || helped(report) {
            return true;
        }
        let interrupt = self.crew.interrupt;
        let cycled = supply::cycle(&self.stand.rig, interrupt)
            .and_then(|_| self.exercise(self.image, interrupt).health(watch));
        report.recovery.push(Step::new(Rung::PowerCycle, cycled));
        if helped(report) {
            return true;
        }
        let (state, board) = (&self.crew.order.state, &self.stand.board);
        if let Some(image) = golden::other_than(state, board, self.image) {
            let ran = self.exercise(&image, interrupt).health(watch);
            report.recovery.push(Step::new(Rung::GoldenFirmware, ran));
            if helped(report) {
                return true;
            }
            if let Some(failure) = &mut report.failure {
                failure.verdict = Verdict::Infra;
                failure.cause += "; the board does not run firmware that passed before either";
            }
        }
        self.give_up(report);
        false
    }

    /// Notes that a leased rig did not come back.
    fn give_up(&self, report: &mut BoardReport) {
        let cause = report.failure.as_ref().map_or("", |it| it.cause.as_str());
        let (state, rig) = (&self.crew.order.state, &self.stand.rig.name);
        if self.stand.is_leased && !self.crew.interrupt.is_set() {
            let marked = golden::mark(state, rig, cause);
            note(report, marked);
        }
    }

    /// Keeps the firmware of a run that passed.
    fn keep(&self, finished: &mut Finished) {
        if matches!(finished.report.judge(), Verdict::Pass | Verdict::Flaky) {
            let kept = golden::keep(&self.crew.order.state, &self.stand.board, self.image);
            note(&mut finished.report, kept);
        }
    }
}

/// A state that cannot be written takes nothing from what was found.
fn note(report: &mut BoardReport, written: Result<()>) {
    if let Err(error) = written {
        report.log.push(crate::log::Line {
            time: String::new(),
            level: "warn".to_owned(),
            message: error.to_string(),
            place: "hil".to_owned(),
        });
    }
}
