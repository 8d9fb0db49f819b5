//! The rate of the line: agreed with the board, and found again when one side has lost it.
//!
//! A board that left the rate it started with goes back by itself when it understands nothing for
//! a time that the host states. So a host that gets no answer goes back too, and waits there.

use std::time::{Duration, Instant};

use mambalite_hil_wire::{Fault, Request, Response};

use super::Link;
use crate::error::{Error, Result};
use crate::transport::{BaudPort, Transport};

/// Times of a change of rate; none is longer than 65 s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateTimes {
    /// How long a new rate may stay unconfirmed.
    pub trial: Duration,
    /// How long a board may hear nothing at a rate that is under test.
    pub test: Duration,
    /// How long a board may hear nothing at the rate of the session.
    pub silence: Duration,
    /// From the board's answer to the first byte at the new rate: adapters change theirs late.
    pub settle: Duration,
}

impl Default for RateTimes {
    fn default() -> Self {
        Self {
            trial: Duration::from_secs(1),
            test: Duration::from_secs(1),
            silence: Duration::from_secs(10),
            settle: Duration::from_millis(20),
        }
    }
}

/// The rate of a session.
pub(super) struct Rate {
    port: Box<dyn BaudPort>,
    /// The board's rate at start-up, baud.
    pub(super) start: u32,
    /// The rate of the port now.
    pub(super) now: u32,
    /// The rate of the session.
    pub(super) wanted: u32,
    pub(super) times: RateTimes,
}

/// What became of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Both sides are at the new rate.
    Agreed,
    /// One side does not have it; both are where they were.
    Refused(&'static str),
    /// The board was not heard there; both are back at its rate at start-up.
    Unheard,
}

impl Rate {
    fn set(&mut self, baud: u32) -> Result<()> {
        self.now = baud;
        self.port.set_baud(baud)
    }

    fn is_away(&self) -> bool {
        self.now != self.start
    }
}

impl core::fmt::Debug for Rate {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} baud", self.now)
    }
}

impl<T: Transport> Link<T> {
    /// Lets the session change the rate of its line; `start` is the board's rate at start-up, baud,
    /// which the line has now.
    pub fn set_rate_control(&mut self, port: Box<dyn BaudPort>, start: u32, times: RateTimes) {
        self.rate = Some(Rate {
            port,
            start,
            now: start,
            wanted: start,
            times,
        });
    }

    /// Returns the rate of the line in baud, where it can be changed.
    #[must_use]
    pub fn baud(&self) -> Option<u32> {
        self.rate.as_ref().map(|rate| rate.now)
    }

    /// Goes over to `baud` together with the board.
    pub(super) fn agree(&mut self, baud: u32, silence: Duration) -> Result<Agreement> {
        let Some(Rate { times, now, .. }) = self.rate else {
            return Ok(Agreement::Refused("the line has one rate"));
        };
        let trial_ms = millis(times.trial);
        let patience = self.patience.reply;
        let request = Request::SetRate { baud, trial_ms };
        match self.ask_rate(&request, baud, patience)? {
            Some(true) => {}
            Some(false) => return Ok(Agreement::Refused("the board does not have it")),
            None => {
                self.go_home()?;
                return Ok(Agreement::Unheard);
            }
        }
        if self.set_baud(baud).is_err() {
            // The board finds nobody at the new rate and comes back.
            self.set_baud(now)?;
            self.go_home()?;
            return Ok(Agreement::Refused("the port does not have it"));
        }
        std::thread::sleep(times.settle);
        if self.keep(baud, silence, times.trial)? {
            return Ok(Agreement::Agreed);
        }
        self.go_home()?;
        Ok(Agreement::Unheard)
    }

    /// Confirms the rate that holds; returns whether the board answers.
    pub(super) fn keep(
        &mut self,
        baud: u32,
        silence: Duration,
        patience: Duration,
    ) -> Result<bool> {
        let silence_ms = millis(silence);
        let request = Request::KeepRate { baud, silence_ms };
        Ok(self.ask_rate(&request, baud, patience)? == Some(true))
    }

    /// Goes back to the rate of the start, in good order if the board still understands, else by
    /// waiting until it has given the other one up.
    pub(super) fn leave(&mut self) -> Result<()> {
        if let Some(rate) = self.rate.as_ref().filter(|rate| rate.is_away()) {
            let (baud, trial_ms) = (rate.start, millis(rate.times.trial));
            let patience = self.ask_pause();
            self.ask_rate(&Request::SetRate { baud, trial_ms }, baud, patience)?;
        }
        self.go_home()
    }

    /// Before a handshake: looks whether the board is still at the rate of the session. A board
    /// that was reset is not.
    pub(super) fn find_rate(&mut self) -> Result<()> {
        let Some(Rate {
            now, start, times, ..
        }) = self.rate
        else {
            return Ok(());
        };
        if now != start && !self.keep(now, times.silence, self.ask_pause() * 2)? {
            self.set_baud(start)?;
        }
        Ok(())
    }

    /// Goes from the rate of the start to that of the session, or back.
    pub(super) fn try_other_rate(&mut self) -> Result<()> {
        match self.rate {
            Some(Rate {
                now, start, wanted, ..
            }) if now == start => self.set_baud(wanted),
            Some(Rate { start, .. }) => self.set_baud(start),
            None => Ok(()),
        }
    }

    /// Brings both sides to the rate of the session, whatever happened to either. Where that rate
    /// is no good any more, the rate of the start becomes that of the session.
    pub(super) fn restore_rate(&mut self) -> Result<()> {
        let Some(Rate {
            now,
            start,
            wanted,
            times,
            ..
        }) = self.rate
        else {
            return Ok(());
        };
        if wanted == start {
            return Ok(());
        }
        if now == wanted && self.keep(wanted, times.silence, self.ask_pause() * 4)? {
            return Ok(());
        }
        self.go_home()?;
        if self.agree(wanted, times.silence)? != Agreement::Agreed
            && let Some(rate) = &mut self.rate
        {
            rate.wanted = rate.start;
        }
        Ok(())
    }

    /// Reports whether so much time went by in silence that the board may have left the rate.
    pub(super) fn is_rate_stale(&self) -> bool {
        let quiet = self.told.elapsed();
        let stale = |rate: &Rate| rate.wanted != rate.start && quiet > rate.times.silence / 2;
        self.rate.as_ref().is_some_and(stale)
    }

    /// Reports whether a board that has been silent for so long must have left the rate: one that
    /// waits hears a request to keep it thrice in the time.
    pub(super) fn is_rate_lost(&self, silent: Duration) -> bool {
        let lost = |rate: &Rate| rate.is_away() && silent > rate.times.silence * 3;
        self.rate.as_ref().is_some_and(lost)
    }

    /// Tells a board that may be waiting that the host is still there; the answer is not awaited.
    pub(super) fn keep_rate_alive(&mut self) -> Result<()> {
        match self.rate {
            Some(Rate {
                now, start, times, ..
            }) if now != start && self.told.elapsed() > times.silence / 3 => {
                let silence_ms = millis(times.silence);
                self.send(&Request::KeepRate {
                    baud: now,
                    silence_ms,
                })
            }
            _ => Ok(()),
        }
    }

    /// Goes back to the rate of the start and waits there for the board.
    fn go_home(&mut self) -> Result<()> {
        let Some(Rate { start, times, .. }) = self.rate else {
            return Ok(());
        };
        self.set_baud(start)?;
        // It may be computing before it notices that nobody speaks to it. Over a line to which the
        // rate means nothing it hears this, and goes back at once; any answer will do.
        let patience = self.patience.silence + times.silence.max(times.trial);
        let trial_ms = millis(times.trial);
        let request = Request::SetRate {
            baud: start,
            trial_ms,
        };
        if self.ask_rate(&request, start, patience)?.is_some() {
            return Ok(());
        }
        Err(Error::Timeout {
            what: "the board at its first rate",
            after: patience,
        })
    }

    fn set_baud(&mut self, baud: u32) -> Result<()> {
        // What came at another rate means nothing now.
        self.seq_next = None;
        self.rate.as_mut().map_or(Ok(()), |rate| rate.set(baud))
    }

    /// How long one question waits for its answer before it is asked again.
    fn ask_pause(&self) -> Duration {
        let trial = self.rate.as_ref().map(|rate| rate.times.trial);
        let pause = trial.unwrap_or_default() / 5;
        pause.min(self.patience.reply)
    }

    /// Asks about the rate again and again for `patience`; returns whether the board has `baud`,
    /// nothing when it does not answer.
    fn ask_rate(
        &mut self,
        request: &Request<'_>,
        baud: u32,
        patience: Duration,
    ) -> Result<Option<bool>> {
        let (start, mut pause) = (Instant::now(), self.ask_pause());
        loop {
            self.send(request)?;
            let answer = self.wait_for(pause, |response| match *response {
                Response::Rate { baud: now, .. } if now == baud => Some(true),
                // A board with one rate has the right one if it can be read.
                Response::Error {
                    fault: Fault::Rate { baud: now },
                    ..
                } => Some(now == baud || now == 0 && matches!(request, Request::KeepRate { .. })),
                _ => None,
            })?;
            if answer.is_some() {
                return Ok(answer);
            }
            if start.elapsed() >= patience {
                return Ok(None);
            }
            // A long wait does not fill the buffer of a board that computes.
            pause = (pause * 2).min(self.patience.reply);
        }
    }
}

fn millis(time: Duration) -> u16 {
    u16::try_from(time.as_millis()).unwrap_or(u16::MAX)
}
