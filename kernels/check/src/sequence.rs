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

/// Some of the few floats at which a product that is rounded before its sum shows: in `e^x`, in the whole
/// part of `x / ln 2`, and in `ln(1 + e^x)`, two of each. Of all floats 98, 12 and 574 do.
const ROUNDED_TWICE: [f32; 6] = [
    -6.238_901,
    -12.477_798,
    -7.971_192_4,
    -6.584_898,
    -0.460_761_04,
    0.438_966_04,
];

/// Which values a sequence draws.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Draw {
    /// Those that golden digests are of.
    Even,
    /// Every 16th float is one of [`EDGES`], every 16th argument of a function one of
    /// [`ROUNDED_TWICE`], and rare integers come up.
    Edges,
    /// Every float is 0 or 1: sums are exact in any order.
    Binary,
    /// Integers of matrices are at the ends of their formats, for sums of so many products.
    Ends { products: usize },
}

/// A sequence of numbers that a seed fixes (xorshift64*).
#[derive(Clone, Copy)]
pub(crate) struct Sequence {
    state: u64,
    draw: Draw,
    /// Sign of the next end.
    turn: i32,
}

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            draw: Draw::Even,
            turn: 1,
        }
    }

    /// As [`Sequence::new`], with floats at the edges among the others.
    pub(crate) fn with_edges(seed: u64) -> Self {
        Self {
            draw: Draw::Edges,
            ..Self::new(seed)
        }
    }

    /// As [`Sequence::new`], with floats that are 0 or 1.
    pub(crate) fn binary(seed: u64) -> Self {
        Self {
            draw: Draw::Binary,
            ..Self::new(seed)
        }
    }

    /// As [`Sequence::new`], with integers of matrices of so many inputs at the ends of their
    /// formats. Where the number of outputs is odd, all products of a sum have one sign.
    pub(crate) fn ends(seed: u64, products: usize) -> Self {
        Self {
            draw: Draw::Ends { products },
            ..Self::new(seed)
        }
    }

    /// Returns `max` and `-max` in turn where values are at their ends.
    // Once for all that draw: flash is short.
    #[inline(never)]
    pub(crate) fn end(&mut self, max: i32) -> Option<i32> {
        matches!(self.draw, Draw::Ends { .. }).then(|| {
            let end = self.turn * max;
            self.turn = -self.turn;
            end
        })
    }

    /// As [`Sequence::end`], of the largest bias that the sums leave room for, the other end first.
    pub(crate) fn end_of_bias(&mut self) -> Option<i32> {
        let Draw::Ends { products } = self.draw else {
            return None;
        };
        let limit = i32::MAX - 127 * 32767 * products as i32;
        self.end(-limit)
    }

    /// Returns one of the extremes where values are at their ends.
    pub(crate) fn extreme<T: Copy>(&mut self, extremes: &[T]) -> Option<T> {
        let last = extremes.len() as i32 - 1;
        let is_end = matches!(self.draw, Draw::Ends { .. });
        is_end.then(|| extremes[self.integer(0, last) as usize])
    }

    /// Tells whether the values are to reach the edges of what kernels may meet; the golden
    /// digests are of values that do not.
    pub(crate) fn has_edges(&self) -> bool {
        self.draw == Draw::Edges
    }

    /// Returns a float as [`Sequence::float`], for kernels that take functions of it.
    pub(crate) fn argument(&mut self, range: f32) -> f32 {
        self.rare(&ROUNDED_TWICE)
            .unwrap_or_else(|| self.float(range))
    }

    /// Returns one of the floats every 16th time where values may be at the edges.
    fn rare(&mut self, floats: &[f32]) -> Option<f32> {
        if !self.has_edges() {
            return None;
        }
        let choice = self.bits();
        let is_due = choice.is_multiple_of(16);
        is_due.then(|| floats[(choice >> 4) as usize % floats.len()])
    }

    /// Returns the next 32 bits.
    pub(crate) fn bits(&mut self) -> u32 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// Returns an integer of `[min, max]`; every eighth is one of the two ends.
    // Once for all that draw: flash is short.
    #[inline(never)]
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
    // Once for all that draw: flash is short.
    #[inline(never)]
    pub(crate) fn float(&mut self, range: f32) -> f32 {
        if self.draw == Draw::Binary {
            return self.integer(0, 1) as f32;
        }
        if let Some(edge) = self.rare(&EDGES) {
            return edge;
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
