//! Which patch is drawn: a pure function of the seed, the step and the place in the batch.

/// Odd constant of the SplitMix64 generator (Steele, Lea and Flood 2014), 2^64 / golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// Random numbers of one patch: SplitMix64, started from a hash of what the patch is for.
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// Makes the numbers of patch `index` of step `step`.
    pub fn new(seed: u64, step: u64, index: u64) -> Self {
        let mut state = 0_u64;
        for word in [seed, step, index] {
            state = mix(state.wrapping_add(GAMMA) ^ word);
        }
        Self { state }
    }

    /// Returns the next 64 bits.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// Returns a number below `end` (0 for an `end` of 0), each as likely as the others to within
    /// `end / 2^64`.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// Returns a number from 0 on, below 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The finaliser of SplitMix64, a bijection.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One of the eight ways in which a square can lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symmetry(u8);

impl Symmetry {
    /// Leaves everything in its place.
    pub const NONE: Self = Self(0);

    /// Draws one.
    pub fn draw(draw: &mut Draw) -> Self {
        Self(draw.below(8) as u8)
    }

    /// Returns square samples `[side, side, channels]`: transposed, then mirrored left to right,
    /// then top to bottom, each or not.
    pub fn apply<T: Copy>(self, samples: &[T], side: usize, channels: usize) -> Vec<T> {
        let [flip_x, flip_y, transpose] = [1, 2, 4].map(|bit| self.0 & bit != 0);
        let mut out = Vec::with_capacity(samples.len());
        for y in 0..side {
            let y = if flip_y { side - 1 - y } else { y };
            for x in 0..side {
                let x = if flip_x { side - 1 - x } else { x };
                let (x, y) = if transpose { (y, x) } else { (x, y) };
                let pixel = (y * side + x) * channels;
                out.extend_from_slice(&samples[pixel..pixel + channels]);
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_generator_is_splitmix() {
        // The first numbers of SplitMix64 with seed 0, as published with xoshiro.
        let mut draw = Draw { state: 0 };
        assert_eq!(draw.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(draw.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn each_patch_has_its_own_numbers() {
        let mut seen = BTreeSet::new();
        for (seed, step, index) in (0..4).flat_map(|a| (0..64).map(move |b| (a, b / 8, b % 8))) {
            assert!(seen.insert(Draw::new(seed, step, index).next()));
        }
        assert_eq!(Draw::new(1, 2, 3).next(), Draw::new(1, 2, 3).next());
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let mut counts = [0; 8];
        for step in 0..1000 {
            let mut draw = Draw::new(1, step, 0);
            for _ in 0..8 {
                counts[draw.below(8) as usize] += 1;
            }
        }
        // 1000 each, the standard deviation is 30.
        assert!(
            counts.iter().all(|it| (870..1130).contains(it)),
            "{counts:?}"
        );
        let mean = (0..4000).map(|i| Draw::new(2, 0, i).part()).sum::<f64>() / 4000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
    }

    #[test]
    fn there_are_eight_symmetries() {
        let square: Vec<u32> = (0..18).collect();
        let all: BTreeSet<_> = (0..8).map(|i| Symmetry(i).apply(&square, 3, 2)).collect();
        assert_eq!(all.len(), 8);
        assert_eq!(Symmetry::NONE.apply(&square, 3, 2), square);
        for mut turned in all {
            turned.sort_unstable();
            assert_eq!(turned, square);
        }
        // Left to right.
        assert_eq!(Symmetry(1).apply(&[1, 2, 3, 4], 2, 1), [2, 1, 4, 3]);
    }
}
