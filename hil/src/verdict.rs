//! How the run of a rig ended, and in which stage.

use mambalite_hil_wire::Fault;
use serde::{Deserialize, Serialize};

use crate::error::{EXIT_BUG, Error};

/// How a run ended. The order is that of importance: the verdict of several is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was not run; the reason says why.
    Skip,
    /// It was run and its verdict is kept, but it counts for nothing until the quarantine ends.
    Quarantined,
    /// Every compared bit is equal and every negative control was caught, at the first attempt.
    Pass,
    /// It passed, but only after an attempt that did not.
    Flaky,
    /// What stands around the board failed: toolchain, probe, power, connection, disk.
    Infra,
    /// The line to the board lost or damaged more than it may.
    Link,
    /// The board did not answer in time.
    Timeout,
    /// The firmware took a fault or ended.
    Crash,
    /// A deliberate fault went unnoticed, so that equality proves nothing.
    ControlMissed,
    /// The board computed something else than the reference, or used more memory than planned.
    Mismatch,
}

/// A stretch of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Compiling the firmware; counted in crates, the total is not known.
    Build,
    /// Waiting for the board's lease.
    Lease,
    /// Starting the emulator, or reaching the probe or the computer.
    Start,
    /// Writing and reading back memory; counted in bytes.
    Flash,
    /// From reset to the board's introduction.
    Handshake,
    /// The operators of the firmware, checked on the board; counted in checks.
    Operators,
    /// Pictures to the board and back, compared; counted in bytes.
    Stream,
    /// Deliberate faults; counted in faults.
    Controls,
}

impl Verdict {
    /// All verdicts, the least important first.
    pub const ALL: [Self; 10] = [
        Self::Skip,
        Self::Quarantined,
        Self::Pass,
        Self::Flaky,
        Self::Infra,
        Self::Link,
        Self::Timeout,
        Self::Crash,
        Self::ControlMissed,
        Self::Mismatch,
    ];

    /// Returns the verdict of a run that ended with `error`.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        match error {
            Error::Busy { .. } | Error::Interrupted => Self::Skip,
            Error::Timeout { .. } => Self::Timeout,
            Error::Line { .. }
            | Error::Unreliable { .. }
            | Error::Misbehaved { .. }
            | Error::Disconnected { .. } => Self::Link,
            Error::Agent { .. }
            | Error::Gpu { code: EXIT_BUG, .. }
            | Error::Refused {
                fault: Fault::Exec, ..
            } => Self::Crash,
            Error::Plan { .. } => Self::Mismatch,
            _ => Self::Infra,
        }
    }

    /// Reports whether another attempt may show something else: never where a board was wrong.
    #[must_use]
    pub fn is_retried(self) -> bool {
        matches!(self, Self::Infra | Self::Link)
    }

    /// Returns the word for people, as `PASS`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "SKIP",
            Self::Quarantined => "QUARANTINED",
            Self::Pass => "PASS",
            Self::Flaky => "FLAKY",
            Self::Infra => "INFRA",
            Self::Link => "LINK",
            Self::Timeout => "TIMEOUT",
            Self::Crash => "CRASH",
            Self::ControlMissed => "CONTROL MISSED",
            Self::Mismatch => "MISMATCH",
        }
    }
}

impl Stage {
    /// Returns the word for people, as `flash`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Lease => "lease",
            Self::Start => "start",
            Self::Flash => "flash",
            Self::Handshake => "handshake",
            Self::Operators => "operators",
            Self::Stream => "stream",
            Self::Controls => "faults",
        }
    }
}
