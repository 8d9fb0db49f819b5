//! Numbers and parameters of each precision in their allowed ranges.

use mambalite_kernels::arith::{Arithmetic, Fixed, FixedInput, FixedScale, Float};
use mambalite_kernels::num::fixed::saturate_i16;
use mambalite_kernels::{Decay, conv1d, gate, norm, scan, sum};

use crate::memory::Memory;
use crate::sequence::Sequence;

/// Numbers and parameters of a precision in their allowed ranges.
pub(crate) trait Inputs: Arithmetic {
    fn act(s: &mut Sequence) -> Self::Act;
    fn input(s: &mut Sequence) -> Self::In;
    /// Another activation, as near as can be.
    fn neighbour(x: Self::Act) -> Self::Act;
    /// Activation `i` of 65536 in ascending order, across all that there are.
    fn sweep(i: u16) -> Self::Act;
    /// A step size.
    fn step(s: &mut Sequence) -> Self::Wide;
    /// A result of the step-size projection.
    fn wide(s: &mut Sequence) -> Self::Acc;
    fn weight(s: &mut Sequence) -> Self::Weight;
    fn offset(s: &mut Sequence) -> Self::Bias;
    fn scale<'a>(multiplier: &'a [i32], shift: &'a [u8]) -> Self::Scale<'a>;
    fn norm<'m>(s: &mut Sequence, m: &mut Memory<'m>, width: usize) -> Option<Self::Norm<'m>>;
    fn conv1d<'m>(s: &mut Sequence, m: &mut Memory<'m>, inner: usize) -> Option<Self::Conv1d<'m>>;
    /// `shape` - inner channels and states.
    fn scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        shape: (usize, usize),
        decay: Decay,
    ) -> Option<Self::Scan<'m>>;
    /// As [`Inputs::scan`], [`Inputs::input`] and [`Inputs::step`], of the sizes that the shipped
    /// model has on photographs: shifts 1 to 8, the median of steps and the ninth decile of inputs.
    fn typical_scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        shape: (usize, usize),
        decay: Decay,
    ) -> Option<Self::Scan<'m>>;
    fn typical_input(s: &mut Sequence) -> Self::In;
    fn typical_step(s: &mut Sequence) -> Self::Wide;
    /// As [`Inputs::conv1d`], with 11 fraction bits before SiLU, as the shipped model has.
    fn typical_conv1d<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        inner: usize,
    ) -> Option<Self::Conv1d<'m>>;
    /// As [`Inputs::gate`], with 11 fraction bits before SiLU.
    fn typical_gate(s: &mut Sequence) -> Self::Gate;
    fn gate(s: &mut Sequence) -> Self::Gate;
    /// A gate whose outputs show one unit of SiLU, for inputs of so many fraction bits.
    fn fine_gate(fraction: u8) -> Self::Gate;
    fn sum(s: &mut Sequence) -> Self::Sum;
}

impl Inputs for Float<f32> {
    fn act(s: &mut Sequence) -> f32 {
        s.argument(2.0)
    }

    fn input(s: &mut Sequence) -> f32 {
        s.float(2.0)
    }

    fn neighbour(x: f32) -> f32 {
        f32::from_bits(x.to_bits() ^ 1)
    }

    /// -128 to 128: beyond where the exponential ends.
    fn sweep(i: u16) -> f32 {
        f32::from(i) / 256.0 - 128.0
    }

    fn step(s: &mut Sequence) -> f32 {
        s.float(0.5) + 0.5
    }

    fn wide(s: &mut Sequence) -> f32 {
        s.argument(20.0)
    }

    fn weight(s: &mut Sequence) -> f32 {
        s.float(0.5)
    }

    fn offset(s: &mut Sequence) -> f32 {
        s.float(0.2)
    }

    fn scale<'a>(_: &'a [i32], _: &'a [u8]) {}

    fn norm<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        width: usize,
    ) -> Option<norm::FloatParams<'m>> {
        Some(norm::FloatParams {
            gamma: m.array(width, || s.float(2.0))?,
            beta: m.array(width, || s.float(1.0))?,
        })
    }

    fn conv1d<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        inner: usize,
    ) -> Option<conv1d::FloatParams<'m>> {
        Some(conv1d::FloatParams {
            taps: m.array(4 * inner, || Self::weight(s))?,
            bias: m.array(inner, || Self::offset(s))?,
        })
    }

    fn scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        (inner, states): (usize, usize),
        decay: Decay,
    ) -> Option<scan::FloatParams<'m>> {
        Some(scan::FloatParams {
            rate: m.array(states * inner, || s.float(2.0) - 2.0)?,
            skip: m.array(inner, || s.float(1.0))?,
            decay,
        })
    }

    fn typical_scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        shape: (usize, usize),
        decay: Decay,
    ) -> Option<scan::FloatParams<'m>> {
        Self::scan(s, m, shape, decay)
    }

    fn typical_input(s: &mut Sequence) -> f32 {
        Self::input(s)
    }

    fn typical_step(s: &mut Sequence) -> f32 {
        Self::step(s)
    }

    fn typical_conv1d<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        inner: usize,
    ) -> Option<conv1d::FloatParams<'m>> {
        Self::conv1d(s, m, inner)
    }

    fn typical_gate(_: &mut Sequence) {}

    fn gate(_: &mut Sequence) {}

    fn fine_gate(_: u8) {}

    fn sum(_: &mut Sequence) {}
}

pub(crate) fn multiplier(s: &mut Sequence) -> i32 {
    s.extreme(&[1 << 30, i32::MAX])
        .unwrap_or_else(|| s.integer(1 << 30, i32::MAX))
}

/// A shift of a matrix. Of the extremes two leave results next to the ends of their range.
pub(crate) fn matrix_shift(s: &mut Sequence) -> u8 {
    s.extreme(&[1, 15, 16, 31])
        .unwrap_or_else(|| s.integer(6, 14) as u8)
}

/// A gain, offsets and a shift by which the outputs show one unit of the product of a normed value
/// and its gain.
fn fine_norm<'m>(
    s: &mut Sequence,
    m: &mut Memory<'m>,
    width: usize,
) -> Option<norm::FixedParams<'m>> {
    Some(norm::FixedParams {
        gain: m.array(width, || s.integer(-(1 << 17), 1 << 17))?,
        offset: m.array(width, || s.integer(-4096, 4096))?,
        shift: s.integer(1, 7) as u8,
        epsilon: u64::from(s.bits().max(1)),
    })
}

/// Terms and a shift by which the outputs show one unit of a term.
pub(crate) fn fine_sum(s: &mut Sequence) -> sum::FixedParams {
    sum::FixedParams {
        a: s.integer(-(1 << 16), 1 << 16),
        b: s.integer(-(1 << 16), 1 << 16),
        shift: s.integer(1, 7) as u8,
    }
}

fn term(s: &mut Sequence) -> i32 {
    s.integer(-(1 << 30), 1 << 30)
}

/// A shift that leaves results of some size more often than the ends of the range do.
fn shift(s: &mut Sequence) -> u8 {
    s.integer(1, 12) as u8
}

impl<I: FixedInput> Inputs for Fixed<I> {
    fn act(s: &mut Sequence) -> i16 {
        let x = s.end(32767).unwrap_or_else(|| s.integer(-32767, 32767));
        x as i16
    }

    fn neighbour(x: i16) -> i16 {
        x - x.signum()
    }

    fn sweep(i: u16) -> i16 {
        saturate_i16(i32::from(i) - 32768)
    }

    fn input(s: &mut Sequence) -> I {
        I::saturate(i32::from(Self::act(s)) >> (16 - I::BITS))
    }

    fn step(s: &mut Sequence) -> i32 {
        s.integer(0, 64 << 24) >> s.integer(0, 12)
    }

    fn wide(s: &mut Sequence) -> i32 {
        s.integer(-80_000, 270_000)
    }

    /// A model file may have -128, which no quantiser of ours writes.
    fn weight(s: &mut Sequence) -> i8 {
        let min = if s.has_edges() { -128 } else { -127 };
        s.end(127).unwrap_or_else(|| s.integer(min, 127)) as i8
    }

    fn offset(s: &mut Sequence) -> i32 {
        s.end_of_bias()
            .unwrap_or_else(|| s.integer(-(1 << 24), 1 << 24))
    }

    fn scale<'a>(multiplier: &'a [i32], shift: &'a [u8]) -> FixedScale<'a> {
        FixedScale { multiplier, shift }
    }

    fn norm<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        width: usize,
    ) -> Option<norm::FixedParams<'m>> {
        let edges = s.has_edges();
        if edges && s.bits().is_multiple_of(2) {
            return fine_norm(s, m, width);
        }
        Some(norm::FixedParams {
            gain: m.array(width, || match edges {
                true => s.integer(i32::MIN, i32::MAX),
                false => term(s),
            })?,
            offset: m.array(width, || term(s))?,
            shift: s.integer(10, 30) as u8,
            epsilon: match edges && s.bits().is_multiple_of(4) {
                // The mantissa of its reciprocal square root is 2^31, which no other has.
                true => 1 << 60,
                false => u64::from(s.bits()).max(1) << s.integer(0, 30),
            },
        })
    }

    fn conv1d<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        inner: usize,
    ) -> Option<conv1d::FixedParams<'m>> {
        Some(conv1d::FixedParams {
            taps: m.array(4 * inner, || Self::weight(s))?,
            bias: m.array(inner, || Self::offset(s))?,
            multiplier: m.array(inner, || multiplier(s))?,
            shift: m.array(inner, || shift(s))?,
            fraction: s.integer(0, 15) as u8,
            out_multiplier: multiplier(s),
            out_shift: shift(s),
        })
    }

    fn scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        (inner, states): (usize, usize),
        decay: Decay,
    ) -> Option<scan::FixedParams<'m>> {
        Some(scan::FixedParams {
            rate: m.array(states * inner, || s.bits() >> s.integer(0, 20))?,
            state_shift: m.array(inner, || s.integer(1, 40) as u8)?,
            multiplier: m.array(inner, || term(s))?,
            skip: m.array(inner, || term(s))?,
            shift: m.array(inner, || s.integer(8, 30) as u8)?,
            decay,
        })
    }

    fn typical_scan<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        (inner, states): (usize, usize),
        decay: Decay,
    ) -> Option<scan::FixedParams<'m>> {
        Some(scan::FixedParams {
            rate: m.array(states * inner, || s.bits() >> s.integer(10, 15))?,
            state_shift: m.array(inner, || s.integer(1, 8) as u8)?,
            ..Self::scan(s, m, (inner, states), decay)?
        })
    }

    fn typical_input(s: &mut Sequence) -> I {
        I::saturate(s.integer(-9 << 8, 9 << 8) >> (16 - I::BITS))
    }

    fn typical_step(s: &mut Sequence) -> i32 {
        s.integer(0, 1 << 18)
    }

    fn typical_conv1d<'m>(
        s: &mut Sequence,
        m: &mut Memory<'m>,
        inner: usize,
    ) -> Option<conv1d::FixedParams<'m>> {
        Some(conv1d::FixedParams {
            fraction: 11,
            ..Self::conv1d(s, m, inner)?
        })
    }

    fn typical_gate(s: &mut Sequence) -> gate::FixedParams {
        gate::FixedParams {
            fraction: 11,
            ..Self::gate(s)
        }
    }

    fn gate(s: &mut Sequence) -> gate::FixedParams {
        gate::FixedParams {
            multiplier: multiplier(s),
            shift: shift(s),
            fraction: s.integer(0, 15) as u8,
        }
    }

    fn fine_gate(fraction: u8) -> gate::FixedParams {
        gate::FixedParams {
            multiplier: i32::MAX,
            shift: 5,
            fraction,
        }
    }

    fn sum(s: &mut Sequence) -> sum::FixedParams {
        if s.has_edges() && s.bits().is_multiple_of(2) {
            return fine_sum(s);
        }
        sum::FixedParams {
            a: term(s),
            b: term(s),
            shift: s.integer(8, 30) as u8,
        }
    }
}
