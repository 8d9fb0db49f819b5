//! Inputs of a seed and what becomes of the outputs.

use mambalite_kernels::Value;

/// Floats at the edges of what kernels may meet: zeros, subnormals, powers of two.
const EDGES: [f32; 8] = [
    0.0,
    -0.0,
    1e-40,
    -1e-40,
    f32::MIN_POSITIVE,
    1.0,
    -1.0,
    1e-20,
];

/// A sequence of numbers that a seed fixes (xorshift64*).
pub(crate) struct Sequence {
    state: u64,
    /// Whether every 16th float is one of [`EDGES`], and rare integers come up.
    edges: bool,
}

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            edges: false,
        }
    }

    /// As [`Sequence::new`], with floats at the edges among the others.
    pub(crate) fn with_edges(seed: u64) -> Self {
        Self {
            edges: true,
            ..Self::new(seed)
        }
    }

    /// Tells whether the values are to reach the edges of what kernels may meet; the golden
    /// digests are of values that do not.
    pub(crate) fn has_edges(&self) -> bool {
        self.edges
    }

    /// Returns the next 32 bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Returns an integer of `[min, max]`; every eighth is one of the two ends.
    pub(crate) fn integer(&mut self, min: i32, max: i32) -> i32 {
        match self.bits() % 16 {
            0 => min,
            1 => max,
            _ => {
                let span = (i64::from(max) - i64::from(min) + 1) as u64;
                (i64::from(min) + ((u64::from(self.bits()) * span) >> 32) as i64) as i32
            }
        }
    }

    /// Returns a float of `[-range, range]`, exact in 24 bits before the product.
    pub(crate) fn float(&mut self, range: f32) -> f32 {
        if self.edges {
            let choice = self.bits();
            if choice.is_multiple_of(16) {
                return EDGES[(choice >> 4) as usize % EDGES.len()];
            }
        }
        let signed = (self.bits() >> 8) as i32 - (1 << 23);
        signed as f32 / 8_388_608.0 * range
    }
}

/// Takes the outputs of an operator, in order.
pub(crate) trait Sink {
    /// Takes the bits of the next value.
    fn add_bits(&mut self, bits: u32);
}

impl dyn Sink + '_ {
    /// Takes the next values.
    pub(crate) fn add<V: Value>(&mut self, values: &[V]) {
        for value in values {
            self.add_bits(value.bits());
        }
    }
}

/// FNV-1a with 64 bits over 32-bit words.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add<V: Value>(&mut self, values: &[V]) {
        (self as &mut dyn Sink).add(values);
    }

    pub(crate) fn finish(self) -> u64 {
        self.0
    }
}

impl Sink for Digest {
    fn add_bits(&mut self, bits: u32) {
        self.0 = (self.0 ^ u64::from(bits)).wrapping_mul(0x0000_0100_0000_01b3);
    }
}
