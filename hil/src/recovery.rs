//! Brings a board back that failed, by the mildest means that helps.

use std::time::Duration;

use mambalite::picture::Picture;
use serde::{Deserialize, Serialize};

use crate::bench::{AnyLine, Bench};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::link::Patience;
use crate::transport::Pipe;

/// Limits of the attempts to bring a board back: short, a board that is well answers at once.
const PATIENCE: Patience = Patience {
    reply: Duration::from_secs(3),
    resend: Duration::from_secs(3),
    silence: Duration::from_secs(30),
    attempts: 1,
};

/// Time for one rung.
const LIMIT: Duration = Duration::from_secs(60);

/// A means to bring a board back, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// The session begins anew.
    Resync,
    /// The board starts anew.
    Reset,
    /// The line is opened anew.
    Reopen,
    /// The power is switched off and on; a virtual board is made anew.
    PowerCycle,
    /// The firmware of the last run that passed, after a power cycle: a board on which it runs is
    /// well, so that the new firmware is at fault.
    GoldenFirmware,
}

impl Rung {
    /// Returns the words for people, as `power cycle`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Reset => "reset",
            Self::Reopen => "reopen the line",
            Self::PowerCycle => "power cycle",
            Self::GoldenFirmware => "golden firmware",
        }
    }
}

/// What came of one rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What was tried.
    pub rung: Rung,
    /// Whether the board computes a small picture as it should since then.
    pub helped: bool,
    /// What it did instead.
    pub detail: Option<String>,
}

impl Step {
    /// Makes the step of an outcome.
    #[must_use]
    pub fn new(rung: Rung, outcome: Result<()>) -> Self {
        let detail = outcome.err().map(|error| error.to_string());
        Self {
            rung,
            helped: detail.is_none(),
            detail,
        }
    }
}

/// Tries everything that needs no other machine, until a small `picture` comes back as it should.
///
/// The board keeps what is in its memory.
pub fn climb(
    device: &mut Device<'_, AnyLine>,
    bench: &mut Bench,
    picture: &Picture,
    interrupt: &Interrupt,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for rung in [Rung::Resync, Rung::Reset, Rung::Reopen] {
        device.link.limit(PATIENCE, interrupt.within(LIMIT));
        let tried = match rung {
            Rung::Reset => bench.restart(),
            Rung::Reopen => reopen(device, bench),
            _ => Ok(()),
        };
        let step = Step::new(rung, tried.and_then(|()| health(device, picture)));
        let done = step.helped;
        steps.push(step);
        if done || interrupt.is_set() {
            break;
        }
    }
    steps
}

/// Closes the line and opens it anew: two cannot have one port.
fn reopen(device: &mut Device<'_, AnyLine>, bench: &mut Bench) -> Result<()> {
    if bench.reopens_by_itself() {
        return Ok(());
    }
    // A line to nobody, in the meantime.
    device.link.reopen(Box::new(Pipe::pair().0));
    device.link.reopen(bench.reopen()?);
    Ok(())
}

/// Checks that a board answers and computes `picture` as it should.
///
/// # Errors
/// Those of the link; [`Error::Misbehaved`] when the result is wrong.
pub fn health(device: &mut Device<'_, AnyLine>, picture: &Picture) -> Result<()> {
    device.link.hello()?;
    let checked = device.check(picture, &mut |_, _| ())?;
    if checked.comparison.is_equal() {
        return Ok(());
    }
    Err(Error::Misbehaved {
        cause: format!("the picture is wrong: {}", checked.comparison.describe()),
    })
}
