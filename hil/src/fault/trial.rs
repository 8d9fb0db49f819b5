//! One small job on one board with one fault, and what the harness says of it.

use std::time::Instant;

use mambalite::picture::Picture;
use mambalite_kernels::Model;
use serde::Serialize;

use super::injection::{Injection, Point};
use super::machine::Machine;
use super::{Expected, Scenario};
use crate::bench::AnyLine;
use crate::crash::{self, CrashReport};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::link::{DeviceInfo, Link};
use crate::log::Line;
use crate::verdict::{Stage, Verdict};

/// What is run.
pub struct Subject<'a> {
    /// Name of the board.
    pub board: &'a str,
    /// The program that runs there, for decoding a crash.
    pub elf: &'a [u8],
    /// The model in its memory.
    pub model: &'a Model<'a>,
    /// What is sent.
    pub picture: &'a Picture,
    /// Checks that the board is the one that is meant.
    pub check_identity: &'a dyn Fn(&DeviceInfo) -> Result<()>,
}

/// A board that was started.
pub trait Stand: Machine {
    /// Ends the board and returns its log.
    fn finish(self: Box<Self>) -> Vec<Line>;
}

impl Stand for crate::bench::Bench {
    fn finish(self: Box<Self>) -> Vec<Line> {
        (*self).finish()
    }
}

/// What the harness said of a fault.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Found {
    /// The scenario.
    pub scenario: Scenario,
    /// What was expected.
    pub expected: Expected,
    /// The verdict.
    pub verdict: Verdict,
    /// The stage that failed; nothing where none did.
    pub stage: Option<Stage>,
    /// The words of the error or of the comparison.
    pub cause: String,
    /// Why the fault did not happen at all; nothing where it did.
    pub not_injected: Option<String>,
    /// What the link mended: requests, data and jobs that were repeated.
    pub mended: u64,
    /// The crash in the log, decoded.
    pub crash: Option<CrashReport>,
    /// Lines of the log.
    pub log_lines: usize,
    /// How long it took, seconds.
    pub duration_s: f64,
}

impl Found {
    /// Reports whether the fault happened and the harness told it as it should.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        let Expected { verdict, stage } = self.expected;
        let crash = verdict != Verdict::Crash || self.crash.is_some();
        self.not_injected.is_none() && (self.verdict, self.stage) == (verdict, stage) && crash
    }
}

/// Starts a board, runs one job with a fault in it and ends the board.
///
/// Errors of the board are what is looked for: they are in the answer.
///
/// # Errors
/// [`Error::Interrupted`] only.
pub fn trial<'a>(
    subject: &Subject<'a>,
    injection: &mut Injection,
    start: impl FnOnce() -> Result<(Box<dyn Stand>, Link<AnyLine>)>,
) -> Result<Found> {
    let begin = Instant::now();
    let mut found = Found {
        scenario: injection.scenario(),
        expected: injection.expected(),
        verdict: Verdict::Pass,
        stage: None,
        cause: String::new(),
        not_injected: None,
        mended: 0,
        crash: None,
        log_lines: 0,
        duration_s: 0.0,
    };
    let mut stage = Stage::Start;
    let outcome = start().and_then(|(mut stand, link)| {
        let link = link.wrap_line(|line| injection.wrap_line(line));
        let outcome = run(
            subject,
            injection,
            (&mut *stand, link),
            &mut stage,
            &mut found,
        );
        let log = stand.finish();
        found.log_lines = log.len();
        found.crash = crash::decode(&log, subject.elf);
        outcome
    });
    match outcome {
        Ok(()) => {}
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => {
            if let (Error::Agent { cause, .. }, None) = (&error, &found.crash) {
                found.crash = Some(CrashReport::of_words(cause));
            }
            found.verdict = Verdict::of(&error);
            found.stage = Some(stage);
            found.cause = error.to_string();
        }
    }
    found.not_injected = injection.check().err().map(|error| error.to_string());
    found.duration_s = begin.elapsed().as_secs_f64();
    Ok(found)
}

/// Shakes hands and runs the job.
fn run<'a>(
    subject: &Subject<'a>,
    injection: &mut Injection,
    (stand, mut link): (&mut dyn Stand, Link<AnyLine>),
    stage: &mut Stage,
    found: &mut Found,
) -> Result<()> {
    *stage = Stage::Handshake;
    injection.at(Point::begin(*stage), stand);
    let info = link.hello()?;
    (subject.check_identity)(&info)?;
    *stage = Stage::Stream;
    injection.at(Point::begin(*stage), stand);
    let mut device = Device::new(link, subject.board, subject.model);
    let total = subject.picture.data().len() as u64;
    let checked = device.check(subject.picture, &mut |acknowledged, _| {
        let point = Point {
            stage: Stage::Stream,
            done: acknowledged as u64,
            total,
        };
        injection.at(point, stand);
    });
    let counters = device.link.counters();
    found.mended =
        counters.naks + counters.resends + counters.jobs_repeated + counters.requests_repeated;
    let checked = checked?;
    if !checked.comparison.is_equal() {
        found.verdict = Verdict::Mismatch;
        found.stage = Some(*stage);
        found.cause = checked.comparison.describe();
    }
    Ok(())
}
