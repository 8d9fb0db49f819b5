//! What a faulty line does to the bytes that it carries, the same for the same seed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::injection::Random;
use crate::error::Result;
use crate::transport::Transport;

/// Most bytes swallowed at once.
const SWALLOWED_MAX: u64 = 64;

/// What is done to one place of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    Drop,
    Flip,
    Duplicate,
    Truncate,
}

/// What the line and the injection that planned it have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// Damage begins.
    pub(super) armed: Arc<AtomicBool>,
    /// Times that something was done.
    pub(super) strikes: Arc<AtomicU64>,
}

/// Damage in one direction, at places counted in bytes since it was armed.
///
/// Counting bytes and not pieces makes it the same however the bytes are cut on their way.
pub(super) struct Striker {
    damage: Damage,
    shared: Shared,
    random: Random,
    /// Bytes that have passed.
    passed: u64,
    /// Places of the strikes, by rising number; the last one is repeated at intervals.
    places: VecDeque<u64>,
    /// Bytes between strikes that never end.
    interval: Option<u64>,
    /// Bytes still to be swallowed.
    swallowing: u64,
}

impl Striker {
    /// Strikes `count` times, at places below `within` bytes.
    pub(super) fn few(
        damage: Damage,
        count: usize,
        within: u64,
        shared: &Shared,
        mut random: Random,
    ) -> Self {
        let mut places: Vec<_> = (0..count).map(|_| random.below(within)).collect();
        places.sort_unstable();
        places.dedup();
        Self::new(damage, places.into(), None, shared, random)
    }

    /// Strikes at least once in `interval` bytes, for ever.
    pub(super) fn many(damage: Damage, interval: u64, shared: &Shared, mut random: Random) -> Self {
        let first = random.below(interval);
        Self::new(damage, [first].into(), Some(interval), shared, random)
    }

    fn new(
        damage: Damage,
        places: VecDeque<u64>,
        interval: Option<u64>,
        shared: &Shared,
        random: Random,
    ) -> Self {
        Self {
            damage,
            shared: shared.clone(),
            random,
            passed: 0,
            places,
            interval,
            swallowing: 0,
        }
    }

    /// Changes a piece of what passes.
    pub(super) fn strike(&mut self, piece: &mut Vec<u8>) {
        if !self.shared.armed.load(Ordering::SeqCst) {
            return;
        }
        let mut out = Vec::with_capacity(piece.len() + 8);
        for &byte in piece.iter() {
            let struck = self.places.front() == Some(&self.passed);
            self.passed += 1;
            if struck {
                self.places.pop_front();
                self.plan_next();
                self.shared.strikes.fetch_add(1, Ordering::SeqCst);
                if self.damage == Damage::Truncate {
                    self.swallowing = 1 + self.random.below(SWALLOWED_MAX);
                }
            }
            if self.swallowing > 0 {
                self.swallowing -= 1;
                continue;
            }
            match self.damage {
                Damage::Drop if struck => {}
                Damage::Flip if struck => out.push(byte ^ 1 << self.random.below(8)),
                Damage::Duplicate if struck => out.extend([byte; 2]),
                _ => out.push(byte),
            }
        }
        *piece = out;
    }

    fn plan_next(&mut self) {
        let Some(interval) = self.interval else {
            return;
        };
        let gap = interval / 2 + self.random.below(interval / 2);
        self.places.push_back(self.passed + gap);
    }
}

/// A line whose answers come late, in order.
pub(super) struct Delayed<T> {
    line: T,
    shared: Shared,
    random: Random,
    /// Least and most delay.
    delay: (Duration, Duration),
    /// What has come, and when it is given on.
    held: VecDeque<(Instant, Vec<u8>)>,
}

impl<T: Transport> Delayed<T> {
    pub(super) fn new(
        line: T,
        delay: (Duration, Duration),
        shared: &Shared,
        random: Random,
    ) -> Self {
        Self {
            line,
            shared: shared.clone(),
            random,
            delay,
            held: VecDeque::new(),
        }
    }

    /// Returns when a piece that comes now is given on.
    fn release(&mut self) -> Instant {
        let now = Instant::now();
        if !self.shared.armed.load(Ordering::SeqCst) {
            return now;
        }
        self.shared.strikes.fetch_add(1, Ordering::SeqCst);
        let (least, most) = self.delay;
        let more = self.random.below((most - least).as_micros() as u64 + 1);
        let release = now + least + Duration::from_micros(more);
        // Bytes do not overtake each other.
        self.held.back().map_or(release, |last| release.max(last.0))
    }

    /// Takes from the line what comes within `wait`.
    fn pull(&mut self, len: usize, wait: Duration) -> Result<()> {
        let mut piece = vec![0; len.max(1)];
        let n = self.line.receive(&mut piece, wait)?;
        if n > 0 {
            piece.truncate(n);
            let release = self.release();
            self.held.push_back((release, piece));
        }
        Ok(())
    }
}

impl<T: Transport> Transport for Delayed<T> {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        self.line.send(bytes, deadline)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let until = Instant::now() + wait;
        loop {
            let now = Instant::now();
            if let Some((release, piece)) = self.held.front_mut()
                && *release <= now
            {
                let n = piece.len().min(buffer.len());
                for (place, byte) in buffer.iter_mut().zip(piece.drain(..n)) {
                    *place = byte;
                }
                if piece.is_empty() {
                    self.held.pop_front();
                }
                return Ok(n);
            }
            if now >= until && !wait.is_zero() {
                return Ok(0);
            }
            let next = self.held.front().map_or(until, |held| held.0.min(until));
            self.pull(buffer.len(), next.saturating_duration_since(now))?;
            if wait.is_zero() {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Pipe;

    fn armed() -> Shared {
        let shared = Shared::default();
        shared.armed.store(true, Ordering::SeqCst);
        shared
    }

    fn run(mut striker: Striker, cut: usize) -> Vec<u8> {
        let bytes: Vec<u8> = (0..4000_u32).map(|i| (i * 7) as u8).collect();
        let mut out = Vec::new();
        for piece in bytes.chunks(cut) {
            let mut piece = piece.to_vec();
            striker.strike(&mut piece);
            out.extend(piece);
        }
        out
    }

    #[test]
    fn a_seed_does_the_same_however_bytes_are_cut() {
        for damage in [
            Damage::Drop,
            Damage::Flip,
            Damage::Duplicate,
            Damage::Truncate,
        ] {
            let few = |cut| {
                let shared = armed();
                let striker = Striker::few(damage, 3, 3000, &shared, Random::new(5));
                (run(striker, cut), shared.strikes.load(Ordering::SeqCst))
            };
            assert_eq!(few(1), few(4000), "{damage:?}");
            let (bytes, strikes) = few(100);
            assert_eq!(strikes, 3);
            let clean: Vec<u8> = (0..4000_u32).map(|i| (i * 7) as u8).collect();
            assert_ne!(bytes, clean);
            let expected = match damage {
                Damage::Drop => 3997,
                Damage::Flip => 4000,
                Damage::Duplicate => 4003,
                Damage::Truncate => bytes.len(),
            };
            assert_eq!(bytes.len(), expected, "{damage:?}");
            let shared = armed();
            let many = Striker::many(damage, 200, &shared, Random::new(5));
            run(many, 64);
            let strikes = shared.strikes.load(Ordering::SeqCst);
            assert!((20..=41).contains(&strikes), "{damage:?}: {strikes}");
        }
    }

    #[test]
    fn nothing_is_done_before_it_is_armed() {
        let shared = Shared::default();
        let striker = Striker::many(Damage::Drop, 10, &shared, Random::new(1));
        assert_eq!(run(striker, 9).len(), 4000);
    }

    #[test]
    fn late_bytes_keep_their_order() {
        let (near, mut far) = Pipe::pair();
        let delay = (Duration::from_millis(1), Duration::from_millis(30));
        let mut line = Delayed::new(near, delay, &armed(), Random::new(3));
        for byte in 0..20 {
            far.send(&[byte], Duration::ZERO).unwrap();
        }
        let start = Instant::now();
        let mut seen: Vec<u8> = Vec::new();
        let mut buffer = [0; 8];
        while seen.len() < 20 {
            let n = line.receive(&mut buffer, Duration::from_secs(5)).unwrap();
            assert!(n > 0);
            seen.extend(&buffer[..n]);
        }
        assert_eq!(seen, (0..20).collect::<Vec<u8>>());
        assert!(start.elapsed() >= Duration::from_millis(1));
        assert_eq!(line.receive(&mut buffer, Duration::ZERO).unwrap(), 0);
    }
}
