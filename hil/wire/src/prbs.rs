//! The pseudo-random sequence of the link test.

/// Bytes of the sequence in one message of the link test.
pub const TEST_PIECE: usize = 256;

/// Longest link test, bytes each way; offsets from here on are refused, so that no request has a
/// board step through the sequence for long.
pub const TEST_BYTES_MAX: u32 = 1 << 18;

/// Bits of the shift register.
const MASK: u32 = (1 << 23) - 1;

/// PRBS-23 of ITU-T O.150, `x^23 + x^18 + 1`, from a register of ones and not inverted.
///
/// The first bit is the lowest of the first byte, since a UART sends the lowest bit first. It has
/// every pattern of 23 bits but zeros, and repeats after 2^23 - 1 bits, four times the longest
/// test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prbs {
    /// Bit `i` is the bit sent `i + 1` steps ago.
    register: u32,
}

impl Prbs {
    /// Starts the sequence.
    #[must_use]
    pub const fn new() -> Self {
        Self { register: MASK }
    }

    /// Returns the next eight bits.
    pub fn next_byte(&mut self) -> u8 {
        // No tap is nearer than eight steps, so eight steps are one: the new bits are the sums of
        // those 18 and 23 steps ago, the earliest highest.
        let bits = ((self.register >> 10) ^ (self.register >> 15)) & 0xff;
        self.register = ((self.register << 8) | bits) & MASK;
        (bits as u8).reverse_bits()
    }

    /// Fills `bytes` with the next ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.next_byte());
    }
}

impl Default for Prbs {
    fn default() -> Self {
        Self::new()
    }
}

/// One end of a link test: the place in the sequence that comes next, and what was wrong so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tester {
    prbs: Prbs,
    /// Offset of the next byte.
    next: u32,
    /// Wrong bits in the pieces checked.
    pub wrong_bits: u32,
}

impl Tester {
    /// Starts a test.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks a piece that arrived whole, and returns this end's own; a piece at offset 0 starts
    /// the test anew.
    ///
    /// There is none for a piece that cannot belong to a test: one further back than the last, of
    /// another length, or beyond the longest test.
    pub fn check(&mut self, offset: u32, bytes: &[u8]) -> Option<[u8; TEST_PIECE]> {
        if offset == 0 {
            *self = Self::new();
        }
        let end = u64::from(offset) + bytes.len() as u64;
        if bytes.len() != TEST_PIECE || offset < self.next || end > u64::from(TEST_BYTES_MAX) {
            return None;
        }
        while self.next < offset {
            self.prbs.next_byte();
            self.next += 1;
        }
        Some(self.take(bytes))
    }

    /// Counts the wrong bits of a frame that arrived damaged, from its payload: the piece is the
    /// last part of it. A payload of another length tells nothing.
    ///
    /// The piece is taken for the next one. If it was not, half of its bits are wrong, which no
    /// rate with single errors comes near.
    pub fn check_damaged(&mut self, payload: &[u8]) {
        // Before the piece are the number of the message, its offset and its length: three to
        // seven bytes.
        let overhead = payload.len().wrapping_sub(TEST_PIECE);
        let begun = self.next > 0 && self.next < TEST_BYTES_MAX;
        if let Some(bytes) = payload.get(overhead..)
            && begun
            && overhead <= 16
        {
            self.take(bytes);
        }
    }

    /// Counts the wrong bits of the next piece, and returns what it should be.
    fn take(&mut self, bytes: &[u8]) -> [u8; TEST_PIECE] {
        let mut own = [0; TEST_PIECE];
        self.prbs.fill(&mut own);
        self.next += TEST_PIECE as u32;
        let wrong = |(own, other): (&u8, &u8)| (own ^ other).count_ones();
        let wrong = own.iter().zip(bytes).map(wrong).sum();
        self.wrong_bits = self.wrong_bits.saturating_add(wrong);
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_its_polynomial() {
        let mut prbs = Prbs::new();
        let mut bytes = [0; 4000];
        prbs.fill(&mut bytes);
        let bit = |i: usize| bytes[i / 8] >> (i % 8) & 1;
        for i in 23..bytes.len() * 8 {
            assert_eq!(bit(i), bit(i - 18) ^ bit(i - 23), "bit {i}");
        }
        // From a register of ones: five zeros more than nothing, as 1 ^ 1 is 0 for 18 steps.
        assert_eq!((0..18).map(bit).sum::<u8>(), 0);
        assert_eq!((18..23).map(bit).sum::<u8>(), 5);
    }

    #[test]
    fn the_period_is_the_longest_there_is() {
        // Bytes and bits of the period have no common factor: the register comes back after as
        // many bytes as the period has bits, and not before.
        let (mut prbs, mut steps) = (Prbs::new(), 0_u32);
        loop {
            prbs.next_byte();
            steps += 1;
            if prbs == Prbs::new() {
                break;
            }
        }
        assert_eq!(steps, MASK);
    }

    #[test]
    fn a_test_counts_wrong_bits_across_gaps() {
        let (mut prbs, mut tester) = (Prbs::new(), Tester::new());
        let mut piece = [0; TEST_PIECE];
        let mut pieces = (0..4_u32).map(|index| {
            prbs.fill(&mut piece);
            (index * TEST_PIECE as u32, piece)
        });
        let (offset, first) = pieces.next().unwrap();
        assert_eq!(tester.check(offset, &first), Some(first));
        pieces.next();
        let (offset, mut third) = pieces.next().unwrap();
        third[7] ^= 0b101;
        assert!(tester.check(offset, &third).is_some());
        assert_eq!(tester.wrong_bits, 2);
        let (_, mut fourth) = pieces.next().unwrap();
        fourth[255] ^= 0x80;
        let damaged = [&[9, 9, 9, 9][..], &fourth].concat();
        tester.check_damaged(&damaged);
        tester.check_damaged(&damaged[..200]);
        assert_eq!(tester.wrong_bits, 3);
        assert_eq!(tester.check(256, &fourth), None, "it went on already");
        assert_eq!(tester.check(u32::MAX, &fourth), None);
        assert_eq!(tester.check(TEST_BYTES_MAX, &fourth), None);
        assert_eq!(tester.check(1024, &fourth[..255]), None);
        assert_eq!(tester.check(0, &first), Some(first), "a new test");
        assert_eq!(tester.wrong_bits, 0);
    }
}
