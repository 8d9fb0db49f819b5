//! Words of a kit as samples: where one is lost the gap is counted, where a byte is lost the
//! words are found again.
//!
//! A word is 32 bits, little-endian: 14 of the converter, 3 of the range, 1 unused, 6 of a counter
//! that grows by one, 8 of the logic inputs. The counter is all there is to see a loss by, so a
//! gap of a whole multiple of 64 samples looks like none; the length of the run is compared with
//! a clock for that reason.

use super::metadata::RANGES;

/// Bytes of a word.
const WORD: usize = 4;

/// Values of the counter.
const COUNTS: u8 = 64;

/// Words with a wrong counter that are passed over, before a loss is assumed.
pub const PATIENCE: usize = 4;

/// Words in a row that make a place believed.
const RUN: usize = 4;

/// Bytes that are looked at to decide about a wrong counter.
const LOOK_AHEAD: usize = (PATIENCE + RUN + 1) * WORD;

/// One sample as the converter gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// Counts of the converter, 0 to 16,383.
    pub adc: u16,
    /// Measuring range, 0 (finest) to 4.
    pub range: u8,
    /// The eight logic inputs.
    pub logic: u8,
}

/// What comes next in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A sample.
    Sample(Raw),
    /// As many samples are missing, 1 to 64.
    Missing(u8),
}

/// Finds samples in bytes.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// Counter of the next word; none before the words are found.
    expected: Option<u8>,
    /// The last sample; given out once the place of its word is confirmed.
    held: Option<Raw>,
    /// Whether bytes were dropped since the last word.
    is_adrift: bool,
    slips: u64,
}

impl Decoder {
    /// Takes bytes and gives out what they complete, in order.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(Event)) {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(used) = self.step(at, &mut take) {
            at += used;
        }
        self.bytes.drain(..at.min(self.bytes.len()));
    }

    /// Ends the stream: gives out the last sample. What was not decided yet is dropped.
    pub fn finish(&mut self, mut take: impl FnMut(Event)) {
        self.release(&mut take);
        self.expected = None;
        self.is_adrift = false;
        self.bytes.clear();
    }

    /// Returns how often bytes were dropped to find the words again.
    #[must_use]
    pub fn slips(&self) -> u64 {
        self.slips
    }

    /// Decides about the word at `at`; returns the bytes used, none when more are needed.
    fn step(&mut self, at: usize, take: &mut impl FnMut(Event)) -> Option<usize> {
        let word = self.word(at)?;
        if self.expected == Some(counter(word)) {
            self.release(take);
            self.hold(word);
            return Some(WORD);
        }
        if self.bytes.len() < at + LOOK_AHEAD {
            return None;
        }
        if let Some(passed) = self.damaged(at) {
            self.release(take);
            self.expected = self.expected.map(|it| (it + passed) % COUNTS);
            take(Event::Missing(passed));
            return Some(usize::from(passed) * WORD);
        }
        let Some((offset, first)) = self.found(at) else {
            // Junk: the place is looked for from the next byte on.
            self.slip(take);
            return Some(1);
        };
        if offset > 0 {
            self.slip(take);
        }
        self.release(take);
        // A word after dropped bytes may be made of the halves of two.
        let untrusted = u8::from(std::mem::take(&mut self.is_adrift));
        let gap = self.expected.map(|it| (first + COUNTS - it) % COUNTS);
        if let Some(missing) = gap.map(|it| it + untrusted).filter(|&it| it > 0) {
            take(Event::Missing(missing));
        }
        self.expected = Some((first + untrusted) % COUNTS);
        Some(offset + usize::from(untrusted) * WORD)
    }

    /// Returns how many words at `at` have only their counter wrong: after them it goes on as if
    /// nothing had happened.
    fn damaged(&self, at: usize) -> Option<u8> {
        let expected = self.expected?;
        (1_u8..).take(PATIENCE).find(|&passed| {
            let start = at + usize::from(passed) * WORD;
            self.run(start) == Some((expected + passed) % COUNTS)
        })
    }

    /// Returns the first of four places from `at` on where words follow each other, and their
    /// first counter.
    fn found(&self, at: usize) -> Option<(usize, u8)> {
        (0..WORD).find_map(|offset| Some((offset, self.run(at + offset)?)))
    }

    /// Returns the counter at `at` where it grows by one from word to word.
    fn run(&self, at: usize) -> Option<u8> {
        let first = counter(self.word(at)?);
        let mut counters = (0_u8..).take(RUN);
        let grows = counters.all(|i| {
            let word = self.word(at + usize::from(i) * WORD);
            word.map(counter) == Some((first + i) % COUNTS)
        });
        grows.then_some(first)
    }

    fn word(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..)?.first_chunk::<WORD>()?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn hold(&mut self, word: u32) {
        self.held = Some(split(word));
        self.expected = self.expected.map(|it| (it + 1) % COUNTS);
    }

    fn release(&mut self, take: &mut impl FnMut(Event)) {
        if let Some(held) = self.held.take() {
            take(Event::Sample(held));
        }
    }

    /// Counts a slip. The word before it may have been read across it by chance: it is lost.
    fn slip(&mut self, take: &mut impl FnMut(Event)) {
        self.is_adrift = true;
        if self.held.take().is_some() {
            self.slips += 1;
            take(Event::Missing(1));
        }
    }
}

fn counter(word: u32) -> u8 {
    (word >> 18 & 0x3f) as u8
}

#[expect(clippy::cast_possible_truncation, reason = "masked to their bits")]
fn split(word: u32) -> Raw {
    let finest_last = RANGES as u8 - 1;
    Raw {
        adc: (word & 0x3fff) as u16,
        range: ((word >> 14 & 7) as u8).min(finest_last),
        logic: (word >> 24) as u8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word(i: u32) -> [u8; 4] {
        let adc = (i * 37 + 11) & 0x3fff;
        let range = i / 50 % 5;
        let logic = (i / 30) & 1;
        (adc | range << 14 | (i % 64) << 18 | logic << 24).to_le_bytes()
    }

    fn stream(samples: std::ops::Range<u32>) -> Vec<u8> {
        samples.flat_map(word).collect()
    }

    fn decoded(bytes: &[u8], piece: usize) -> (Vec<Event>, u64) {
        let mut decoder = Decoder::default();
        let mut events = Vec::new();
        for piece in bytes.chunks(piece) {
            decoder.feed(piece, |it| events.push(it));
        }
        let slips = decoder.slips();
        decoder.finish(|it| events.push(it));
        (events, slips)
    }

    fn samples(events: &[Event]) -> (usize, usize) {
        events
            .iter()
            .fold((0, 0), |(seen, lost), event| match event {
                Event::Sample(_) => (seen + 1, lost),
                Event::Missing(n) => (seen, lost + usize::from(*n)),
            })
    }

    #[test]
    fn every_field_is_found_in_pieces_of_any_size() {
        for piece in [1, 3, 4, 5, 1000] {
            let (events, slips) = decoded(&stream(0..300), piece);
            assert_eq!(
                (samples(&events), slips),
                ((300, 0), 0),
                "pieces of {piece}"
            );
            let Event::Sample(raw) = events[140] else {
                panic!("{:?}", events[140]);
            };
            let wanted = (140 * 37 + 11, 2, 0);
            assert_eq!((u32::from(raw.adc), raw.range, raw.logic), wanted);
        }
        assert_eq!(
            split(0x1c000).range,
            4,
            "ranges above the last are the last"
        );
    }

    #[test]
    fn lost_samples_are_a_gap_of_their_length() {
        for lost in [1, 4, 5, 30, 63] {
            let bytes = [stream(0..100), stream(100 + lost..300)].concat();
            let (events, slips) = decoded(&bytes, 64);
            let wanted = (300 - lost as usize, lost as usize);
            assert_eq!((samples(&events), slips), (wanted, 0), "{lost} lost");
            assert_eq!(events[100], Event::Missing(lost as u8));
        }
    }

    #[test]
    fn a_whole_turn_of_the_counter_is_not_seen() {
        let bytes = [stream(0..100), stream(164..300)].concat();
        assert_eq!(samples(&decoded(&bytes, 64).0), (236, 0));
    }

    #[test]
    fn words_with_a_damaged_counter_cost_only_themselves() {
        for damaged in 1..=PATIENCE {
            let mut bytes = stream(0..200);
            for i in 0..damaged {
                bytes[(90 + i) * 4 + 2] ^= 0x84;
            }
            let (events, slips) = decoded(&bytes, 64);
            assert_eq!((samples(&events), slips), ((200 - damaged, damaged), 0));
        }
    }

    #[test]
    fn a_slip_of_bytes_is_found_and_the_count_stays_right() {
        for cut in 1..4 {
            for at in [400, 401, 402, 403] {
                let mut bytes = stream(0..300);
                bytes.drain(at..at + cut);
                let (events, slips) = decoded(&bytes, 64);
                let (seen, lost) = samples(&events);
                assert_eq!(seen + lost, 300, "{cut} bytes cut at {at}");
                assert!(
                    (2..=4).contains(&lost) && slips == 1,
                    "{lost} lost, {slips} slips"
                );
                assert_true_samples(&events);
            }
        }
        for junk in 1..12 {
            let mut bytes = stream(0..300);
            bytes.splice(400..400, vec![0xa5; junk]);
            let (events, _) = decoded(&bytes, 64);
            let (seen, lost) = samples(&events);
            assert_eq!(seen + lost, 300, "{junk} bytes of junk");
            assert_true_samples(&events);
        }
    }

    /// Checks that each sample is the one that was sent at its place.
    fn assert_true_samples(events: &[Event]) {
        let mut place = 0_u32;
        for event in events {
            match event {
                Event::Sample(raw) => {
                    assert_eq!(*raw, split(u32::from_le_bytes(word(place))), "at {place}");
                    place += 1;
                }
                Event::Missing(n) => place += u32::from(*n),
            }
        }
    }

    #[test]
    fn what_comes_before_the_first_word_is_passed_over() {
        let bytes = [b"IA: 56\nEND\n".to_vec(), stream(17..100)].concat();
        let (events, slips) = decoded(&bytes, 5);
        assert_eq!((samples(&events), slips), ((82, 0), 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..2000),
            piece in 1_usize..70,
        ) {
            let (events, _) = decoded(&bytes, piece);
            let (seen, lost) = samples(&events);
            prop_assert!(seen <= bytes.len() / 4 && lost <= bytes.len() * 64);
        }

        #[test]
        fn after_any_damage_the_words_are_found_again(
            junk in proptest::collection::vec(any::<u8>(), 0..40),
            at in 200_usize..400,
            cut in 0_usize..40,
        ) {
            let mut bytes = stream(0..300);
            bytes.splice(at..at + cut, junk);
            let (events, _) = decoded(&bytes, 64);
            let tail: Vec<&Event> = events.iter().rev().take(150).collect();
            for (i, event) in tail.iter().enumerate() {
                let sent = split(u32::from_le_bytes(word(299 - i as u32)));
                prop_assert_eq!(**event, Event::Sample(sent));
            }
        }
    }
}
