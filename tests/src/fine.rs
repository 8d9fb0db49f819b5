//! Golden cases whose outputs show one unit of an inner rounding, computed by the kernels'
//! reference: `docs/arithmetic/golden-cases.md`, "Fine cases".

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput};
use mambalite_kernels::{Decay, Kernels, Rows, norm, scan};

const CHANNELS: usize = 23;
const STATES: usize = 5;
const PIXELS: usize = 12;

/// Returns the digest of a case of a seed.
pub type Run = fn(seed: u64) -> u64;

/// Name of each case, and how it is run.
pub const FINE: [(&str, Run); 3] = [
    ("norm_fine/fixed", norm_fine),
    ("scan_fine/w8a16", scan_fine::<i16>),
    ("scan_fine/w8a8", scan_fine::<i8>),
];

/// The sequence of the golden cases.
struct Draws(u64);

impl Draws {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn bits(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    fn integer(&mut self, low: i32, high: i32) -> i32 {
        let span = (i64::from(high) - i64::from(low) + 1) as u64;
        match self.bits() % 16 {
            0 => low,
            1 => high,
            _ => low + ((u64::from(self.bits()) * span) >> 32) as i32,
        }
    }

    fn many<T>(&mut self, count: usize, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..count).map(|_| draw(self)).collect()
    }

    fn term(&mut self) -> i32 {
        self.integer(-(1 << 30), 1 << 30)
    }

    fn input<I: FixedInput>(&mut self) -> I {
        I::saturate(self.integer(-32767, 32767) >> (16 - I::BITS))
    }

    fn activation(&mut self) -> i16 {
        self.integer(-32767, 32767) as i16
    }

    fn step(&mut self) -> i32 {
        let value = self.integer(0, 1 << 30);
        value >> self.integer(0, 12)
    }
}

/// Folds words into a digest of layers.
fn fold(digest: u64, words: impl IntoIterator<Item = i32>) -> u64 {
    words.into_iter().fold(digest, |digest, word| {
        (digest ^ u64::from(word.cast_unsigned())).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Returns the digest of `norm_fine/fixed` of a seed.
fn norm_fine(seed: u64) -> u64 {
    let mut draws = Draws::new(seed);
    let gain = draws.many(CHANNELS, |d| d.integer(1 << 30, i32::MAX));
    let offset = draws.many(CHANNELS, |d| d.integer(-4096, 4096));
    let params = norm::FixedParams {
        gain: &gain,
        offset: &offset,
        shift: draws.integer(1, 3) as u8,
        epsilon: u64::from(draws.bits().max(1)),
    };
    let kernels = Kernels::<Fixed<i8>>::reference();
    let mut out = [0; CHANNELS];
    (0..PIXELS).fold(BASIS, |digest, _| {
        let mut x = vec![32767, -32767];
        x.extend(draws.many(CHANNELS - 2, |d| d.integer(-3, 3) as i16));
        (kernels.norm.acts)(&params, &x, CHANNELS, &mut out);
        fold(digest, out.map(i32::from))
    })
}

/// Returns the digest of `scan_fine` of a seed, in the precision of the inputs.
fn scan_fine<I: FixedInput>(seed: u64) -> u64 {
    let mut draws = Draws::new(seed);
    let rate = draws.many(STATES * CHANNELS, |d| d.bits() >> d.integer(0, 20));
    draws.many(CHANNELS, |d| d.integer(1, 40));
    let multiplier = draws.many(CHANNELS, Draws::term);
    draws.many(CHANNELS, Draws::term);
    draws.many(CHANNELS, |d| d.integer(8, 30));
    let state_shift = draws.many(CHANNELS, |d| d.integer(28, 40) as u8);
    let skip = draws.many(CHANNELS, |d| d.integer(-(1 << 16), 1 << 16));
    let shift = draws.many(CHANNELS, |d| d.integer(1, 3) as u8);
    let params = scan::FixedParams {
        rate: &rate,
        state_shift: &state_shift,
        multiplier: &multiplier,
        skip: &skip,
        shift: &shift,
        decay: Decay::Full,
    };
    run_scan::<I>(&params, &mut draws)
}

fn run_scan<I: FixedInput>(params: &scan::FixedParams<'_>, draws: &mut Draws) -> u64 {
    let kernels = Kernels::<Fixed<I>>::reference();
    let mut state = [0; STATES * CHANNELS];
    let mut scratch = vec![0; (kernels.scan.scratch_words)((CHANNELS, STATES))];
    let mut out = [0; CHANNELS];
    let mut digest = BASIS;
    for _ in 0..PIXELS {
        let u: Vec<<Fixed<I> as Arithmetic>::In> = draws.many(CHANNELS, Draws::input::<I>);
        let dt = draws.many(CHANNELS, Draws::step);
        let projected = draws.many(2 * STATES, Draws::activation);
        let tokens = scan::Tokens {
            u: &u,
            dt: &dt,
            b: Rows::new(&projected, 2 * STATES, 0, STATES),
            c: Rows::new(&projected, 2 * STATES, STATES, STATES),
        };
        (kernels.scan.run)(params, &tokens, &mut state, &mut scratch, &mut out);
        digest = fold(digest, out.map(i32::from));
    }
    fold(digest, state)
}
