//! The picture's way in: what is accepted, what is asked for again, how far the host may go.

use mambalite_hil_wire::NakReason;

/// How far the picture has come in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intake {
    /// Bytes of the whole picture.
    total: u32,
    /// Bytes that the host may be ahead of the board.
    window: u32,
    /// First byte that has not arrived.
    expected: u32,
    /// The host may send the bytes before this one.
    limit: u32,
    /// Highest offset seen beyond a gap since the host was told of the gap.
    gap: Option<u32>,
}

/// What to do about a piece of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Take the bytes from this index on.
    Take(usize),
    /// They have all arrived before.
    Old,
    /// Ask for them again.
    Nak(NakReason),
    /// They were on their way when the host was told of the gap; it sends them again.
    Wait,
}

impl Intake {
    /// Makes the intake of a picture.
    pub(crate) fn new(total: u32, window: u32) -> Self {
        Self {
            total,
            window,
            expected: 0,
            limit: total.min(window),
            gap: None,
        }
    }

    /// Returns the first byte that has not arrived.
    pub(crate) fn expected(&self) -> u32 {
        self.expected
    }

    /// Returns the offset that the host may send the bytes below of.
    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// Tells whether the whole picture has arrived.
    pub(crate) fn is_complete(&self) -> bool {
        self.expected == self.total
    }

    /// Judges a piece of the picture.
    pub(crate) fn judge(&mut self, offset: u32, length: usize) -> Verdict {
        let end = u64::from(offset) + length as u64;
        if end > u64::from(self.limit) {
            return Verdict::Nak(NakReason::Overrun);
        }
        if offset > self.expected {
            // The frames behind a gap come in rising order. One that does not rise shows that the
            // host went back and that the gap is there still, or again.
            let told = self.gap.is_some_and(|highest| offset > highest);
            self.gap = Some(offset);
            return if told {
                Verdict::Wait
            } else {
                Verdict::Nak(NakReason::OutOfOrder)
            };
        }
        if end <= u64::from(self.expected) {
            return Verdict::Old;
        }
        self.gap = None;
        Verdict::Take((self.expected - offset) as usize)
    }

    /// Notes that bytes were taken.
    pub(crate) fn advance(&mut self, length: usize) {
        // `judge` let no byte beyond the limit pass, and the limit is a `u32`.
        self.expected += length as u32;
    }

    /// Moves the limit on; returns whether the host should be told.
    ///
    /// It should when half the window is free again, so that neither side waits for the other,
    /// or when the picture is complete.
    pub(crate) fn grant(&mut self) -> bool {
        let limit = self.expected.saturating_add(self.window).min(self.total);
        let due = limit - self.limit >= self.window / 2 || self.expected >= self.limit;
        let last = limit == self.total && limit > self.limit;
        if due || last {
            self.limit = limit;
        }
        due || last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> Intake {
        Intake::new(1000, 100)
    }

    #[test]
    fn bytes_in_order_are_taken() {
        let mut intake = intake();
        assert_eq!(intake.judge(0, 60), Verdict::Take(0));
        intake.advance(60);
        assert_eq!(intake.judge(60, 40), Verdict::Take(0));
    }

    #[test]
    fn a_piece_that_overlaps_is_taken_from_where_it_is_new() {
        let mut intake = intake();
        intake.advance(30);
        assert_eq!(intake.judge(10, 40), Verdict::Take(20));
        assert_eq!(intake.judge(10, 20), Verdict::Old);
    }

    #[test]
    fn no_byte_beyond_the_limit_is_taken() {
        let mut intake = intake();
        assert_eq!(intake.judge(0, 101), Verdict::Nak(NakReason::Overrun));
        assert_eq!(intake.judge(u32::MAX, 1), Verdict::Nak(NakReason::Overrun));
    }

    #[test]
    fn a_gap_is_told_once_for_each_pass_of_the_host() {
        let mut intake = intake();
        assert_eq!(intake.judge(10, 10), Verdict::Nak(NakReason::OutOfOrder));
        assert_eq!(intake.judge(20, 10), Verdict::Wait);
        assert_eq!(intake.judge(30, 10), Verdict::Wait);
        // The host went back to 0, and the piece at 0 was lost again.
        assert_eq!(intake.judge(10, 10), Verdict::Nak(NakReason::OutOfOrder));
        assert_eq!(intake.judge(0, 10), Verdict::Take(0));
    }

    #[test]
    fn the_limit_grows_by_half_a_window_and_never_shrinks() {
        let mut intake = intake();
        intake.advance(49);
        assert!(!intake.grant());
        assert_eq!(intake.limit(), 100);
        intake.advance(1);
        assert!(intake.grant());
        assert_eq!(intake.limit(), 150);
    }

    #[test]
    fn the_end_is_granted_and_confirmed() {
        let mut intake = Intake::new(110, 100);
        intake.advance(20);
        assert!(intake.grant());
        assert_eq!(intake.limit(), 110);
        intake.advance(80);
        assert!(!intake.grant());
        intake.advance(10);
        assert!(intake.grant(), "the last byte is confirmed");
        assert!(intake.is_complete());
    }
}
