//! Inputs of a seed and the digest of outputs.

use mambalite_kernels::Value;

/// A sequence of numbers that a seed fixes (xorshift64*).
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns the next 32 bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
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
        let signed = (self.bits() >> 8) as i32 - (1 << 23);
        signed as f32 / 8_388_608.0 * range
    }

    pub(crate) fn array<T, const N: usize>(
        &mut self,
        mut next: impl FnMut(&mut Self) -> T,
    ) -> [T; N] {
        core::array::from_fn(|_| next(self))
    }
}

/// FNV-1a with 64 bits over 32-bit words.
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add<V: Value>(&mut self, values: &[V]) {
        for value in values {
            self.0 = (self.0 ^ u64::from(value.bits())).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn finish(self) -> u64 {
        self.0
    }
}
