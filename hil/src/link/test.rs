//! The link test: a pseudo-random sequence both ways, and the bits that arrive wrong.

use std::time::Duration;

use mambalite_hil_wire::{Prbs, Request, Response, TEST_BYTES_MAX, TEST_PIECE, Tester};
use serde::Serialize;

use super::{Heard, Link};
use crate::error::Result;
use crate::transport::Transport;

/// Pieces under way at once: one in each direction, and one for the delays of an adapter.
const UNDER_WAY: u32 = 3;

/// Lost pieces after which a test ends: each costs a wait.
const LOST_MAX: u32 = 16;

/// Least wait for an answer, beyond the time that its bits take: a busy host or a slow board is no
/// fault of the line.
const DELAY_MIN: Duration = Duration::from_millis(250);

/// What a link test counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LineTest {
    /// Bytes of the sequence sent, and as many asked for.
    pub bytes: u32,
    /// Bits that arrived wrong at the board, where a frame was whole but for them.
    pub outward_wrong_bits: u32,
    /// Bits that arrived wrong here.
    pub inward_wrong_bits: u32,
    /// Pieces of [`TEST_PIECE`] bytes whose answer did not arrive intact.
    pub pieces_lost: u32,
    /// Damaged frames that arrived here.
    pub frames_bad: u32,
    /// Damaged frames that the board told of.
    pub naks: u32,
}

impl LineTest {
    /// Reports whether every bit arrived, both ways.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self {
            bytes: _,
            outward_wrong_bits,
            inward_wrong_bits,
            pieces_lost,
            frames_bad,
            naks,
        } = *self;
        outward_wrong_bits == 0
            && inward_wrong_bits == 0
            && pieces_lost == 0
            && frames_bad == 0
            && naks == 0
    }
}

impl<T: Transport> Link<T> {
    /// Sends at least `bytes` of PRBS-23 to the board, has as many sent back, and counts; at most
    /// [`TEST_BYTES_MAX`]. A line that loses much is not tested to the end.
    ///
    /// # Errors
    /// [`Error::Line`](crate::Error::Line) when the line is gone,
    /// [`Error::Interrupted`](crate::Error::Interrupted).
    pub fn test(&mut self, bytes: u32) -> Result<LineTest> {
        let piece_len = TEST_PIECE as u32;
        let pieces = bytes.clamp(1, TEST_BYTES_MAX).div_ceil(piece_len);
        let (mut out, mut tester) = (Prbs::new(), Tester::new());
        let mut test = LineTest::default();
        // Pieces sent, and pieces of which the fate is known.
        let (mut sent, mut done) = (0, 0);
        while done < pieces && test.pieces_lost < LOST_MAX {
            while sent < pieces && sent - done < UNDER_WAY {
                let mut piece = [0; TEST_PIECE];
                out.fill(&mut piece);
                let offset = sent * piece_len;
                let bytes = &piece;
                self.send(&Request::LinkTest { offset, bytes })?;
                sent += 1;
                test.bytes += piece_len;
            }
            match self.look(self.piece_wait())? {
                Heard::Nothing => {
                    test.pieces_lost += sent - done;
                    done = sent;
                }
                Heard::Bad(_) => {
                    test.frames_bad += 1;
                    if let Some(payload) = self.decoder.damaged() {
                        tester.check_damaged(payload);
                    }
                }
                Heard::Frame { .. } => match self.decoder.frame().map(|it| it.response()) {
                    Some(Ok(Response::LinkTest {
                        offset,
                        wrong_bits,
                        bytes,
                    })) => {
                        let index = offset / piece_len;
                        if index < sent && index >= done && tester.check(offset, bytes).is_some() {
                            test.pieces_lost += index - done;
                            test.outward_wrong_bits = wrong_bits;
                            done = index + 1;
                        }
                    }
                    Some(Ok(Response::Nak { .. })) => test.naks += 1,
                    _ => {}
                },
            }
        }
        test.inward_wrong_bits = tester.wrong_bits;
        Ok(test)
    }

    /// How long the answer to a piece can take with the others before it.
    fn piece_wait(&self) -> Duration {
        let baud = self.baud().filter(|&baud| baud > 0).unwrap_or(9600);
        // Frame and delimiters take less than a tenth of a piece.
        let bits = (TEST_PIECE + TEST_PIECE / 10) as u32 * 10 * 2 * UNDER_WAY;
        self.patience.reply.max(DELAY_MIN) + Duration::from_secs(bits.into()) / baud
    }
}
