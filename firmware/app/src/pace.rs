//! The rate of the line: changed by the host, given up when too little is understood at it.

use mambalite_hil_wire::{Fault, MAX_FRAME, NakReason, Request, Response};

use crate::board::{Poll, Port};
use crate::link::Line;
use crate::log::{info, warning};

/// Bytes without an intact frame among them after which a rate is given up.
const BYTES_MAX: u32 = 4 * MAX_FRAME as u32;

/// A rate that is not that of the start, and how much longer it lasts.
///
/// Its time runs only while the board waits for a byte: a board that computes hears nobody.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    baud: u32,
    /// Time that each intact frame gives anew, once the rate is confirmed.
    limit_ms: Option<u32>,
    left_ms: u32,
    /// Moment up to which time was counted.
    since_ms: u32,
    /// Bytes since the last intact frame.
    bytes: u32,
}

impl Pace {
    /// Starts the trial of a rate.
    fn new(baud: u32, trial_ms: u16) -> Self {
        Self {
            baud,
            limit_ms: None,
            left_ms: trial_ms.into(),
            since_ms: 0,
            bytes: 0,
        }
    }

    /// Confirms the rate.
    fn keep(&mut self, silence_ms: u16) {
        self.limit_ms = Some(silence_ms.into());
        self.heard();
    }

    /// Notes an intact frame. It ends no trial: only the host's word does.
    pub(crate) fn heard(&mut self) {
        self.left_ms = self.limit_ms.unwrap_or(self.left_ms);
        self.bytes = 0;
    }

    /// Counts the time and what came in it; returns whether the rate is to be given up.
    fn is_over(&mut self, now_ms: u32, polled: Poll) -> bool {
        let spent = now_ms.wrapping_sub(self.since_ms);
        self.since_ms = now_ms;
        self.left_ms = self.left_ms.saturating_sub(spent);
        self.bytes += u32::from(matches!(polled, Poll::Byte(_)));
        self.left_ms == 0 || self.bytes > BYTES_MAX
    }
}

impl<P: Port> Line<P> {
    /// Waits for the next byte; `None` when the line is closed.
    pub(crate) fn read(&mut self) -> Option<u8> {
        let Some((pace, rate)) = self.pace.as_mut().zip(self.port.rate()) else {
            return self.port.read();
        };
        pace.since_ms = rate.now_ms();
        loop {
            let polled = rate.poll();
            if pace.is_over(rate.now_ms(), polled) {
                warning!("nothing intact at {=u32} baud", pace.baud);
                rate.set_baud(rate.start_baud());
                self.pace = None;
                return match polled {
                    Poll::Byte(byte) => Some(byte),
                    Poll::Closed => None,
                    Poll::Nothing => self.port.read(),
                };
            }
            match polled {
                Poll::Byte(byte) => return Some(byte),
                Poll::Closed => return None,
                Poll::Nothing => {}
            }
        }
    }

    /// Answers a request about the rate, and does it.
    pub(crate) fn change_rate(&mut self, request: &Request<'_>) {
        match *request {
            Request::SetRate { baud, trial_ms } => self.set_rate(baud, trial_ms),
            Request::KeepRate { baud, silence_ms } => self.keep_rate(baud, silence_ms),
            _ => {}
        }
    }

    fn set_rate(&mut self, baud: u32, trial_ms: u16) {
        let now = self.baud();
        let known = self
            .port
            .rate()
            .map(|rate| (rate.start_baud(), rate.has_baud(baud)));
        let Some((start, true)) = known else {
            self.refuse_rate(now);
            return;
        };
        // The answer goes out at the old rate. A host that asks for the rate that holds did not
        // hear the first answer: the trial goes on.
        let kept = baud == start;
        self.send(&Response::Rate { baud, kept });
        if baud == now {
            return;
        }
        info!("{=u32} baud", baud);
        self.pace = (!kept).then(|| Pace::new(baud, trial_ms));
        if let Some(rate) = self.port.rate() {
            rate.set_baud(baud);
        }
    }

    fn keep_rate(&mut self, baud: u32, silence_ms: u16) {
        let now = self.baud();
        if baud != now {
            self.refuse_rate(now);
            return;
        }
        if let Some(pace) = &mut self.pace {
            pace.keep(silence_ms);
        }
        self.send(&Response::Rate { baud, kept: true });
    }

    fn refuse_rate(&mut self, baud: u32) {
        self.send(&Response::Error {
            job: 0,
            fault: Fault::Rate { baud },
            detail: "",
        });
    }

    /// Returns the rate that holds, 0 where the line has none.
    fn baud(&mut self) -> u32 {
        let start = self.port.rate().map_or(0, |rate| rate.start_baud());
        self.pace.map_or(start, |pace| pace.baud)
    }

    /// Answers a piece of the link test with the same piece.
    pub(crate) fn test(&mut self, offset: u32, bytes: &[u8]) {
        match self.tester.check(offset, bytes) {
            Some(own) => self.send(&Response::LinkTest {
                offset,
                wrong_bits: self.tester.wrong_bits,
                bytes: &own,
            }),
            None => self.send(&Response::Nak {
                job: 0,
                expected_offset: 0,
                reason: NakReason::Malformed,
            }),
        }
    }
}
