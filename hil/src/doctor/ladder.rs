//! What became of each step, told as it comes.

use serde::Serialize;

use super::advice::{Advice, advice};
use super::step::Step;
use crate::crash::{self, CrashReport};
use crate::error::{EXIT_CRASH, EXIT_MISMATCH, Error};
use crate::log::Line;

/// Lines of the board's log that are shown with a step that failed.
const LOG_LINES: usize = 8;

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// It is as it must be.
    Green,
    /// It was left out: this board, or this call, has not what it takes.
    Left,
    /// It failed, and the steps after it were not tried.
    Red,
}

/// One step, and what was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// The step.
    pub step: Step,
    /// What it came to.
    pub colour: Colour,
    /// What was seen, or why it was left out.
    pub seen: String,
    /// What is likely behind it and what to do, of a step that is not green.
    #[serde(flatten)]
    pub advice: Option<Advice>,
    /// The crash in the board's log, decoded.
    pub crash: Option<CrashReport>,
    /// The last lines of the board's log.
    pub log: Vec<String>,
    /// Exit code of the process if this is the worst.
    pub exit_code: u8,
}

/// Why a step is not green.
#[derive(Debug)]
pub enum Trouble {
    /// Something failed.
    Error(Error),
    /// Everything answered, and the answer is wrong: what was seen.
    Wrong(String),
}

impl<E: Into<Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// What a step that did not fail came to.
#[derive(Debug)]
pub enum Sign {
    /// What was seen.
    Green(String),
    /// Why it was left out, and what to do to have it.
    Left(String, &'static str),
}

/// The step that failed, and why.
#[derive(Debug)]
pub struct Fall {
    /// The step.
    pub step: Step,
    /// Why.
    pub trouble: Trouble,
    /// What the board had logged until then.
    pub crash: Option<CrashReport>,
    /// The last lines of its log.
    pub log: Vec<String>,
}

impl Fall {
    /// Makes one without the board's log.
    pub fn new(step: Step, trouble: impl Into<Trouble>) -> Box<Self> {
        Box::new(Self {
            step,
            trouble: trouble.into(),
            crash: None,
            log: Vec::new(),
        })
    }

    /// Adds the log of the board, on which `elf` ran.
    #[must_use]
    pub fn with_log(mut self: Box<Self>, lines: &[Line], elf: &[u8]) -> Box<Self> {
        self.crash = crash::decode(lines, elf);
        let surplus = lines.len().saturating_sub(LOG_LINES);
        let last = lines.iter().skip(surplus);
        self.log = last.map(|line| line.message.clone()).collect();
        self
    }

    /// Returns the exit code of a process that ends with it.
    fn exit_code(&self) -> u8 {
        match &self.trouble {
            _ if self.crash.is_some() => EXIT_CRASH,
            Trouble::Error(error) => error.exit_code(),
            Trouble::Wrong(_) => EXIT_MISMATCH,
        }
    }
}

/// The findings so far; each is told when it is there.
pub struct Ladder<'a> {
    findings: Vec<Finding>,
    told: &'a mut dyn FnMut(&Finding),
}

impl<'a> Ladder<'a> {
    /// Begins at the bottom.
    pub fn new(told: &'a mut dyn FnMut(&Finding)) -> Self {
        Self {
            findings: Vec::new(),
            told,
        }
    }

    /// Takes a step that did not fail.
    pub fn take(&mut self, step: Step, sign: Sign) {
        let (colour, seen, advice) = match sign {
            Sign::Green(seen) => (Colour::Green, seen, None),
            Sign::Left(why, mend) => {
                let advice = Advice {
                    cause: None,
                    mend: mend.to_owned(),
                };
                (Colour::Left, why, Some(advice))
            }
        };
        self.tell(Finding {
            step,
            colour,
            seen,
            advice,
            crash: None,
            log: Vec::new(),
            exit_code: 0,
        });
    }

    /// Takes the step that failed; it is the last.
    pub fn fall(&mut self, fall: Box<Fall>) {
        let seen = match &fall.trouble {
            Trouble::Error(error) => error.to_string(),
            Trouble::Wrong(seen) => seen.clone(),
        };
        self.tell(Finding {
            step: fall.step,
            colour: Colour::Red,
            seen,
            advice: Some(advice(fall.step, &fall.trouble)),
            exit_code: fall.exit_code(),
            crash: fall.crash,
            log: fall.log,
        });
    }

    /// Returns everything that was found.
    #[must_use]
    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn tell(&mut self, finding: Finding) {
        (self.told)(&finding);
        self.findings.push(finding);
    }
}
