//! Frames in and messages out, over a port.

use mambalite_hil_wire::{Decoder, Encoder, NakReason, Response, Step, Tester};

use crate::board::Port;
use crate::log::warning;
use crate::pace::Pace;

/// Both directions of the line.
pub(crate) struct Link<P> {
    /// Finds frames in what comes in; its frame stays valid until the next `wait`.
    pub(crate) decoder: Decoder,
    /// What goes out.
    pub(crate) line: Line<P>,
    /// Damaged frames received since start-up.
    pub(crate) frames_bad: u32,
}

/// The port and what packs messages for it.
pub(crate) struct Line<P> {
    pub(crate) port: P,
    encoder: Encoder,
    /// The rate, while it is not that of the start.
    pub(crate) pace: Option<Pace>,
    /// The link test.
    pub(crate) tester: Tester,
}

/// What came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// A frame is in the decoder.
    Frame,
    /// Bytes that are no frame.
    Bad(NakReason),
    /// The line is closed.
    Closed,
}

impl<P: Port> Link<P> {
    /// Makes the link over a port.
    pub(crate) fn new(port: P) -> Self {
        let line = Line {
            port,
            encoder: Encoder::new(),
            pace: None,
            tester: Tester::new(),
        };
        Self {
            decoder: Decoder::new(),
            line,
            frames_bad: 0,
        }
    }

    /// Waits for a frame, or for damage.
    pub(crate) fn wait(&mut self) -> Event {
        while let Some(byte) = self.line.read() {
            match self.decoder.feed(byte) {
                Step::More => {}
                Step::Frame => {
                    if let Some(pace) = &mut self.line.pace {
                        pace.heard();
                    }
                    return Event::Frame;
                }
                Step::Bad(error) => {
                    self.frames_bad = self.frames_bad.saturating_add(1);
                    if let Some(payload) = self.decoder.damaged() {
                        self.line.tester.check_damaged(payload);
                    }
                    let reason = NakReason::from(&error);
                    warning!("bad frame, reason {=u8}", reason as u8);
                    return Event::Bad(reason);
                }
            }
        }
        Event::Closed
    }
}

impl<P: Port> Line<P> {
    /// Sends a message.
    ///
    /// A message that fits no frame is not sent. No message of this crate is: byte fields are cut
    /// to `MAX_CHUNK`, texts by [`text`](crate::session::text).
    pub(crate) fn send(&mut self, response: &Response<'_>) {
        match self.encoder.response(response) {
            Ok(bytes) => self.port.write(bytes),
            Err(_) => warning!("a message is too long for a frame"),
        }
    }
}
