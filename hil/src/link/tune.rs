//! The fastest rate at which the line makes no mistake.

use mambalite_hil_wire::TEST_BYTES_MAX;
use serde::Serialize;

use super::rate::Agreement;
use super::{LineTest, Link};
use crate::error::Result;
use crate::transport::Transport;

/// Rates that adapters of USB commonly have, baud.
pub const CANDIDATES: [u32; 8] = [
    3_000_000, 2_000_000, 1_500_000, 1_000_000, 921_600, 460_800, 230_400, 115_200,
];

/// Shortest test, bytes each way.
const TEST_BYTES_MIN: u32 = 4096;

/// The rate that a line has from now on, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tuned {
    /// The rate, baud.
    pub baud: u32,
    /// Every rate that was tried, the fastest first; the last one is the rate chosen, unless none
    /// was clean.
    pub rates: Vec<RateTest>,
}

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RateTest {
    /// The rate, baud.
    pub baud: u32,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// One side does not have it.
    Refused(&'static str),
    /// Nothing was understood at it.
    Unheard,
    /// It was tested.
    Tested(LineTest),
}

impl Tuned {
    /// Reports whether the rate is clean. Where none is, it is the board's rate at start-up, and
    /// the link has to mend what the line damages.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let clean = |it: &RateTest| {
            it.baud == self.baud && matches!(it.outcome, Outcome::Tested(test) if test.is_clean())
        };
        self.rates.iter().any(clean)
    }
}

/// Tries `candidates` and the rate of the start, the fastest first, for a second of traffic each,
/// and stays at the first that is clean. What was damaged on the way does not count for the
/// session. Called after the handshake and between jobs, on a link with a
/// [rate control](Link::set_rate_control).
///
/// # Errors
/// [`Error::Timeout`](crate::Error::Timeout) when the board is heard at no rate,
/// [`Error::Line`](crate::Error::Line) when the line is gone,
/// [`Error::Interrupted`](crate::Error::Interrupted).
pub fn tune<T: Transport>(link: &mut Link<T>, candidates: &[u32]) -> Result<Tuned> {
    let counters = link.counters;
    let tuned = try_rates(link, candidates);
    link.counters = counters;
    link.seq_next = None;
    tuned
}

fn try_rates<T: Transport>(link: &mut Link<T>, candidates: &[u32]) -> Result<Tuned> {
    let Some((start, times)) = link.rate.as_ref().map(|rate| (rate.start, rate.times)) else {
        return Ok(Tuned {
            baud: 0,
            rates: Vec::new(),
        });
    };
    link.leave()?;
    let mut all: Vec<_> = candidates.iter().copied().chain([start]).collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup();
    let mut rates = Vec::new();
    for baud in all {
        let outcome = try_rate(link, baud)?;
        let clean = matches!(outcome, Outcome::Tested(test) if test.is_clean());
        rates.push(RateTest { baud, outcome });
        // The longer silence of a session; a line that was clean just now loses it rarely.
        if clean && link.keep(baud, times.silence, times.test)? {
            if let Some(rate) = &mut link.rate {
                rate.wanted = baud;
            }
            return Ok(Tuned { baud, rates });
        }
        link.leave()?;
    }
    Ok(Tuned { baud: start, rates })
}

fn try_rate<T: Transport>(link: &mut Link<T>, baud: u32) -> Result<Outcome> {
    if let Some(rate) = &mut link.rate {
        rate.wanted = rate.start;
        if baud != rate.now {
            let silence = rate.times.test;
            match link.agree(baud, silence)? {
                Agreement::Agreed => {}
                Agreement::Refused(cause) => return Ok(Outcome::Refused(cause)),
                Agreement::Unheard => return Ok(Outcome::Unheard),
            }
        }
    }
    let bytes = (baud / 10).clamp(TEST_BYTES_MIN, TEST_BYTES_MAX);
    Ok(Outcome::Tested(link.test(bytes)?))
}
