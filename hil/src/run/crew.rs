//! All rigs at once: one thread for each, from lease to report.

use std::any::Any;
use std::collections::BTreeMap;

use super::attempts::{Attempts, Finished};
use super::permits::{Permit, Permits};
use super::{Order, Stand, Work};
use crate::board::Boards;
use crate::error::{Error, Result};
use crate::firmware::{self, Image};
use crate::interrupt::Interrupt;
use crate::lease::Lease;
use crate::observer::{Observer, Watch};
use crate::report::Failure;
use crate::verdict::{Stage, Verdict};

/// Everything that the threads share.
pub(super) struct Crew<'a> {
    pub(super) order: &'a Order,
    pub(super) boards: &'a Boards,
    pub(super) stands: &'a [Stand],
    pub(super) works: &'a [Work<'a>],
    /// Revision of the source that the firmware is built from.
    pub(super) revision: Option<String>,
    pub(super) interrupt: &'a Interrupt,
    pub(super) observer: &'a dyn Observer,
}

/// What a rig needs while it runs.
struct Rights<'a> {
    _lease: Option<Lease>,
    _permit: Option<Permit<'a>>,
}

/// The firmware of each kind of board, or why there is none.
pub(super) type Firmware<'a> = BTreeMap<&'a str, Result<Image>>;

impl Crew<'_> {
    /// Runs every rig with every model; the reports are in the order of rigs and models.
    pub(super) fn run(&self, firmware: &Firmware<'_>) -> Vec<Finished> {
        let permits = Permits::new(self.order.jobs);
        std::thread::scope(|scope| {
            let work = |stand| {
                let permits = &permits;
                // The emulator ends with the thread that started it, so the thread is the rig's.
                scope.spawn(move || self.stand(stand, firmware, permits))
            };
            let threads: Vec<_> = self.stands.iter().map(work).collect();
            let ends = threads.into_iter().zip(self.stands);
            ends.flat_map(|(thread, stand)| {
                let end = thread.join();
                end.unwrap_or_else(|panic| self.not_run(stand, Stage::Stream, &bug(&*panic)))
            })
            .collect()
        })
    }

    /// Compiles the firmware of each kind of board once.
    pub(super) fn build(&self) -> Firmware<'_> {
        let mut firmware = Firmware::new();
        for stand in self.stands {
            let board = &stand.board;
            firmware.entry(&board.name).or_insert_with(|| {
                let watch = Watch::new(self.observer, &board.name);
                watch.begin(Stage::Build, 0);
                let (build, mut crates) = (self.order.build, 0);
                let image = match &self.order.firmware {
                    Some(path) => firmware::read(path, board),
                    None => firmware::build(self.boards, board, build, self.interrupt, &mut |_| {
                        crates += 1;
                        watch.reach(crates);
                    }),
                };
                watch.end();
                image
            });
        }
        firmware
    }

    /// Runs one rig with every model.
    fn stand(&self, stand: &Stand, all: &Firmware<'_>, permits: &Permits) -> Vec<Finished> {
        let image = match all.get(stand.board.name.as_str()) {
            Some(Ok(image)) => image,
            Some(Err(error)) => return self.not_run(stand, Stage::Build, error),
            None => return Vec::new(),
        };
        let watch = Watch::new(self.observer, &stand.rig.name);
        watch.begin(Stage::Lease, 0);
        let rights = self.rights(stand, permits);
        watch.end();
        if let Err(error) = rights {
            return self.not_run(stand, Stage::Lease, &error);
        }
        let run = |work| {
            let finished = Attempts::new(self, stand, image, work).run(&watch);
            self.observer.report(&finished.report);
            finished
        };
        self.works.iter().map(run).collect()
    }

    /// Waits until a rig may be used.
    fn rights<'p>(&self, stand: &Stand, permits: &'p Permits) -> Result<Rights<'p>> {
        let order = self.order;
        let lease = stand.lease(&order.state, (&order.command, order.wait), self.interrupt)?;
        let permit = match stand.board.is_virtual() {
            true => Some(permits.take(self.interrupt)?),
            false => None,
        };
        self.interrupt.check()?;
        Ok(Rights {
            _lease: lease,
            _permit: permit,
        })
    }

    /// Reports that a rig was run with no model.
    fn not_run(&self, stand: &Stand, stage: Stage, error: &Error) -> Vec<Finished> {
        let not_run = |work: &Work<'_>| {
            let mut report = work.report(self.order, stand);
            report.failure = Some(Failure::new(stage, error));
            report.conclude(stand.rig.quarantine.as_ref());
            self.observer.report(&report);
            Finished {
                code: (report.verdict == Verdict::Infra).then(|| error.exit_code()),
                report,
                images: Vec::new(),
            }
        };
        self.works.iter().map(not_run).collect()
    }
}

/// Makes the error of a thread that panicked.
fn bug(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Bug {
        cause: text.unwrap_or_default(),
    }
}
