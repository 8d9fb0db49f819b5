//! Faults on purpose: each scenario has a verdict that the harness must come to.
//!
//! Nothing in the firmware helps: lines are damaged on the host's side of the port, machines are
//! stopped, reset, ended and written to from outside.

mod injection;
mod line;
mod machine;
mod session;
mod target;
mod trial;

use serde::{Deserialize, Serialize};

use crate::verdict::{Stage, Verdict};

pub use injection::{Injection, Point};
pub use machine::Machine;
pub use session::Session;
pub use target::Targets;
pub use trial::{Found, Stand, Subject, trial};

/// A fault, as users know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The line loses a few bytes.
    DropFew,
    /// The line loses bytes all the time.
    DropMany,
    /// The line flips a few bits.
    FlipFew,
    /// The line flips bits all the time.
    FlipMany,
    /// The line is late by some milliseconds.
    DelayShort,
    /// The line is late by more than anybody waits.
    DelayLong,
    /// The line doubles a few bytes.
    DuplicateFew,
    /// The line doubles bytes all the time.
    DuplicateMany,
    /// The line swallows a few runs of bytes.
    TruncateFew,
    /// The line swallows runs of bytes all the time.
    TruncateMany,
    /// The board stops executing in mid-job.
    Hang,
    /// The board resets in mid-job.
    Reset,
    /// The core takes a fault in mid-job.
    Fault,
    /// The board logs far more than its port carries.
    LogFlood,
    /// The same, and nobody reads the log.
    LogUnread,
    /// The board is gone in mid-job.
    Vanish,
    /// The board never boots.
    Silent,
    /// The board runs another build.
    WrongIdentity,
    /// A weight changes after it was verified.
    WrongBits,
}

/// What a run must come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The verdict.
    pub verdict: Verdict,
    /// The stage that fails; nothing where none does.
    pub stage: Option<Stage>,
}

impl Scenario {
    /// All scenarios, the line's first.
    pub const ALL: [Self; 19] = [
        Self::DropFew,
        Self::DropMany,
        Self::FlipFew,
        Self::FlipMany,
        Self::DelayShort,
        Self::DelayLong,
        Self::DuplicateFew,
        Self::DuplicateMany,
        Self::TruncateFew,
        Self::TruncateMany,
        Self::Hang,
        Self::Reset,
        Self::Fault,
        Self::LogFlood,
        Self::LogUnread,
        Self::Vanish,
        Self::Silent,
        Self::WrongIdentity,
        Self::WrongBits,
    ];

    /// Returns the name on the command line and in JSON, as `drop-few`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DropFew => "drop-few",
            Self::DropMany => "drop-many",
            Self::FlipFew => "flip-few",
            Self::FlipMany => "flip-many",
            Self::DelayShort => "delay-short",
            Self::DelayLong => "delay-long",
            Self::DuplicateFew => "duplicate-few",
            Self::DuplicateMany => "duplicate-many",
            Self::TruncateFew => "truncate-few",
            Self::TruncateMany => "truncate-many",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::Fault => "fault",
            Self::LogFlood => "log-flood",
            Self::LogUnread => "log-unread",
            Self::Vanish => "vanish",
            Self::Silent => "silent",
            Self::WrongIdentity => "wrong-identity",
            Self::WrongBits => "wrong-bits",
        }
    }

    /// Returns what happens, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::DropFew => "the line loses three bytes of a job",
            Self::DropMany => "the line loses a byte of every frame of a job",
            Self::FlipFew => "the line flips three bits of a job",
            Self::FlipMany => "the line flips a bit of every frame of a job",
            Self::DelayShort => "the line holds answers back for up to 40 ms",
            Self::DelayLong => "the line holds answers back for 15 s",
            Self::DuplicateFew => "the line doubles three bytes of a job",
            Self::DuplicateMany => "the line doubles a byte of every frame of a job",
            Self::TruncateFew => "the line swallows up to 64 bytes at once, three times in a job",
            Self::TruncateMany => "the line swallows up to 64 bytes of every frame of a job",
            Self::Hang => "the board stops executing in mid-job",
            Self::Reset => "the board resets in mid-job and starts anew",
            Self::Fault => "an undefined instruction in the network, in mid-job",
            Self::LogFlood => "the board logs 400 lines at once",
            Self::LogUnread => "the board logs 12,000 lines at once and nobody reads them",
            Self::Vanish => "the board's process is killed, or its connection cut, in mid-job",
            Self::Silent => "the board is held in reset",
            Self::WrongIdentity => "the board tells another build id than was flashed",
            Self::WrongBits => "one bit of a weight changes after the model was verified",
        }
    }

    /// Returns what a run must come to.
    #[must_use]
    pub fn expected(self) -> Expected {
        let (verdict, stage) = match self {
            Self::DropFew
            | Self::FlipFew
            | Self::DelayShort
            | Self::DuplicateFew
            | Self::TruncateFew
            | Self::Reset
            | Self::LogFlood
            | Self::LogUnread => (Verdict::Pass, None),
            Self::DropMany
            | Self::FlipMany
            | Self::DuplicateMany
            | Self::TruncateMany
            | Self::Vanish => (Verdict::Link, Some(Stage::Stream)),
            Self::DelayLong | Self::Hang => (Verdict::Timeout, Some(Stage::Stream)),
            Self::Fault => (Verdict::Crash, Some(Stage::Stream)),
            Self::Silent => (Verdict::Timeout, Some(Stage::Handshake)),
            Self::WrongIdentity => (Verdict::Infra, Some(Stage::Handshake)),
            Self::WrongBits => (Verdict::Mismatch, Some(Stage::Stream)),
        };
        Expected { verdict, stage }
    }

    /// Reports whether the line alone does it, so that it works with every machine.
    #[must_use]
    pub fn is_of_line(self) -> bool {
        self <= Self::TruncateMany
    }
}

impl core::fmt::Display for Scenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name())
    }
}

impl core::str::FromStr for Scenario {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            format!("no scenario `{name}`; there are: {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_files() {
        for scenario in Scenario::ALL {
            let json = serde_json::to_string(&scenario).unwrap();
            assert_eq!(json, format!("\"{}\"", scenario.name()));
            assert_eq!(scenario.name().parse(), Ok(scenario));
        }
        assert!("drop".parse::<Scenario>().is_err());
        assert!(Scenario::ALL.is_sorted());
    }

    #[test]
    fn the_table_of_the_page_is_that_of_the_code() {
        let page = include_str!("../../../docs/faults.md");
        for scenario in Scenario::ALL {
            let Expected { verdict, stage } = scenario.expected();
            let row = format!(
                "| `{scenario}` | {} | {} | {} |",
                scenario.description(),
                verdict.word(),
                stage.map_or("", Stage::word)
            );
            assert!(page.contains(&row), "docs/faults.md lacks the row:\n{row}");
        }
        let rows = page.lines().filter(|line| line.starts_with("| `")).count();
        assert!(rows >= Scenario::ALL.len());
    }
}
