//! The operator checks of a board: every golden case and every variant, in the firmware that runs.

use std::time::{Duration, Instant};

use mambalite_hil_wire::{CheckOutcome, Request, Response};
use mambalite_kernels_check::cases;

use super::{Heard, Link};
use crate::error::{Error, Result};
use crate::transport::Transport;

/// One operator check, as a board ran it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorCheck {
    /// What was checked, such as `scan_full/w8a8` or, of a variant, `scan_full/w8a8/dsp`.
    pub name: String,
    /// What became of it; nothing where the board lacks a golden case that this host has.
    pub outcome: Option<CheckOutcome>,
    /// Of a golden case, the digest that the reference kernels have here; nothing for a variant,
    /// and for a case that this host does not know.
    pub expected: Option<u64>,
}

impl OperatorCheck {
    /// Reports whether the operator computed what the specification says; a variant without its
    /// instructions did.
    #[must_use]
    pub fn is_passed(&self) -> bool {
        match self.outcome {
            Some(CheckOutcome::Digest(digest)) => self.expected == Some(digest),
            Some(CheckOutcome::Equal | CheckOutcome::Skipped) => true,
            _ => false,
        }
    }

    /// Says in a few words what is wrong with one that did not pass.
    #[must_use]
    pub fn describe(&self) -> String {
        match self.outcome {
            None => "the board does not know this check".to_owned(),
            Some(CheckOutcome::Digest(found)) => match self.expected {
                Some(expected) => format!("digest {found:016x}, not {expected:016x}"),
                None => "this program does not know this check".to_owned(),
            },
            Some(CheckOutcome::Differs {
                case,
                index,
                expected,
                found,
            }) => {
                format!("case {case}, value {index}: bits {found:#010x}, not {expected:#010x}")
            }
            Some(CheckOutcome::WroteOutside { case }) => format!("case {case}: it wrote outside"),
            Some(CheckOutcome::NoMemory { case }) => {
                format!("case {case}: the arena is too small")
            }
            Some(CheckOutcome::Begun | CheckOutcome::Equal | CheckOutcome::Skipped) => {
                String::new()
            }
        }
    }
}

/// The answer to one request.
struct Answer {
    count: u16,
    name: String,
    outcome: CheckOutcome,
}

/// What a wait for the answer came to.
enum Wait {
    Ended(Answer),
    /// The request or the answer was damaged or lost.
    Lost,
}

impl<T: Transport> Link<T> {
    /// Has the board run all its operator checks on the inputs of a seed, in its arena. Golden cases
    /// are compared with the reference kernels on this host. No job runs meanwhile. `progress` gets
    /// the checks done and those there are.
    ///
    /// # Errors
    /// [`Error::Refused`] when the firmware was built without checks, [`Error::Timeout`] when the
    /// board does not answer, or not a byte came while it should compute, [`Error::Misbehaved`] when
    /// its answers contradict each other, [`Error::Line`], [`Error::Interrupted`].
    pub fn check_operators(
        &mut self,
        seed: u64,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Vec<OperatorCheck>> {
        let mut checks: Vec<OperatorCheck> = Vec::new();
        loop {
            let (check, count) = self.check_operator(checks.len(), seed)?;
            checks.push(check);
            progress(checks.len(), count);
            if checks.len() == count {
                break;
            }
        }
        let missing = cases().filter(|case| checks.iter().all(|it| it.name != case.name));
        let absent = |case: mambalite_kernels_check::Case| OperatorCheck {
            name: case.name.to_owned(),
            outcome: None,
            expected: Some(case.run(seed)),
        };
        let missing: Vec<_> = missing.map(absent).collect();
        checks.extend(missing);
        Ok(checks)
    }

    /// Has the board run one check, the golden cases first, and asks again when something is lost;
    /// returns the number of all too.
    ///
    /// # Errors
    /// As [`Link::check_operators`].
    pub fn check_operator(&mut self, index: usize, seed: u64) -> Result<(OperatorCheck, usize)> {
        let asked = u16::try_from(index).unwrap_or(u16::MAX);
        let begin = Instant::now();
        for attempt in 0..self.patience.attempts.max(1) {
            if attempt > 0 {
                self.counters.requests_repeated += 1;
                self.restore_rate()?;
            }
            self.send(&Request::Check { index: asked, seed })?;
            if let Wait::Ended(answer) = self.await_check(asked)? {
                return self.take_answer(answer, asked, seed);
            }
        }
        Err(Error::Timeout {
            what: "an operator check",
            after: begin.elapsed(),
        })
    }

    /// Compares an answer with what this host knows; the number of checks may never change.
    fn take_answer(
        &mut self,
        answer: Answer,
        index: u16,
        seed: u64,
    ) -> Result<(OperatorCheck, usize)> {
        let count = answer.count;
        let before = match index {
            0 => None,
            _ => self.checks_count,
        };
        if count <= index || before.is_some_and(|before| before != count) {
            let cause = format!("check {index} is one of {count}");
            return Err(Error::Misbehaved { cause });
        }
        self.checks_count = Some(count);
        Ok((OperatorCheck::new(answer, seed), count.into()))
    }

    /// Waits for a check: as for any answer until it has begun, then as long as a job may be silent.
    fn await_check(&mut self, index: u16) -> Result<Wait> {
        let mut patience = self.patience.reply;
        let mut start = Instant::now();
        loop {
            let left = patience.saturating_sub(start.elapsed());
            if left == Duration::ZERO {
                return Ok(Wait::Lost);
            }
            let lost = match self.look(left)? {
                Heard::Nothing => continue,
                Heard::Bad(_) => true,
                Heard::Frame { lost } => lost,
            };
            match self.decoder.frame().and_then(|it| it.response().ok()) {
                Some(Response::Check {
                    index: of,
                    count,
                    name,
                    outcome,
                }) if of == index => {
                    if outcome != CheckOutcome::Begun {
                        let name = name.to_owned();
                        return Ok(Wait::Ended(Answer {
                            count,
                            name,
                            outcome,
                        }));
                    }
                    (patience, start) = (self.patience.silence, Instant::now());
                }
                Some(Response::Nak { .. }) => return Ok(Wait::Lost),
                Some(Response::Error { fault, detail, .. }) => {
                    let detail = detail.to_owned();
                    return Err(Error::Refused { fault, detail });
                }
                _ if lost => return Ok(Wait::Lost),
                _ => {}
            }
        }
    }
}

impl OperatorCheck {
    fn new(answer: Answer, seed: u64) -> Self {
        let case = cases().find(|case| case.name == answer.name);
        Self {
            expected: case.map(|case| case.run(seed)),
            name: answer.name,
            outcome: Some(answer.outcome),
        }
    }
}
