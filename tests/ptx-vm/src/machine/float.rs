//! Functions of f32, and conversions.
//!
//! Where the result is not a number, the hardware gives one certain NaN, not that of the operands.

use std::cmp::Ordering;

use crate::instruction::{Comparison, Conversion, FloatBinary, FloatTest, FloatUnary, Rounding};
use crate::machine::integer::extend;

/// The NaN of the hardware.
const NAN: u64 = 0x7FFF_FFFF;
/// What a NaN becomes as an integer of 64 bits; as a shorter one it becomes 0.
const NAN_AS_LONG: u64 = 1 << 63;
const SIGN: u32 = 1 << 31;

fn bits(x: f32) -> u64 {
    if x.is_nan() { NAN } else { x.to_bits().into() }
}

#[inline(always)]
pub(crate) fn binary(op: FloatBinary, a: f32, b: f32) -> u64 {
    match op {
        FloatBinary::Add => bits(a + b),
        FloatBinary::Subtract => bits(a - b),
        FloatBinary::Multiply => bits(a * b),
        FloatBinary::Divide => bits(a / b),
        FloatBinary::Minimum => bits(minimum(a, b)),
        FloatBinary::Maximum => bits(-minimum(-a, -b)),
        FloatBinary::MinimumNan | FloatBinary::MaximumNan if a.is_nan() || b.is_nan() => NAN,
        FloatBinary::MinimumNan => bits(minimum(a, b)),
        FloatBinary::MaximumNan => bits(-minimum(-a, -b)),
        FloatBinary::CopySign => (a.to_bits() & SIGN | b.to_bits() & !SIGN).into(),
    }
}

/// Returns the smaller one, or the one that is a number. -0 is smaller than +0.
fn minimum(a: f32, b: f32) -> f32 {
    match a.partial_cmp(&b) {
        Some(Ordering::Less) => a,
        Some(Ordering::Greater) => b,
        Some(Ordering::Equal) => f32::from_bits(a.to_bits() | b.to_bits()),
        None if a.is_nan() => b,
        None => a,
    }
}

pub(crate) fn fma(a: f32, b: f32, c: f32) -> u64 {
    bits(a.mul_add(b, c))
}

pub(crate) fn unary(op: FloatUnary, a: f32) -> u64 {
    match op {
        FloatUnary::Negate => (a.to_bits() ^ SIGN).into(),
        FloatUnary::Absolute => (a.to_bits() & !SIGN).into(),
        FloatUnary::SquareRoot => bits(a.sqrt()),
        FloatUnary::Reciprocal => bits(1.0 / a),
        FloatUnary::Test(test) => match test {
            FloatTest::Finite => a.is_finite(),
            FloatTest::Infinite => a.is_infinite(),
            FloatTest::Number => !a.is_nan(),
            FloatTest::NotANumber => a.is_nan(),
            // PTX counts zero among the normal numbers.
            FloatTest::Normal => a.is_normal() || a == 0.0,
            FloatTest::Subnormal => a.is_subnormal(),
        }
        .into(),
    }
}

pub(crate) fn compare(comparison: Comparison, a: u64, b: u64) -> bool {
    let order = f32::from_bits(a as u32).partial_cmp(&f32::from_bits(b as u32));
    let Some(order) = order else {
        return matches!(
            comparison,
            Comparison::NotANumber
                | Comparison::EqualOrNan
                | Comparison::NotEqualOrNan
                | Comparison::LessOrNan
                | Comparison::LessEqualOrNan
                | Comparison::GreaterOrNan
                | Comparison::GreaterEqualOrNan
        );
    };
    match comparison {
        Comparison::Equal | Comparison::EqualOrNan => order.is_eq(),
        Comparison::NotEqual | Comparison::NotEqualOrNan => order.is_ne(),
        Comparison::Less | Comparison::LessOrNan => order.is_lt(),
        Comparison::LessEqual | Comparison::LessEqualOrNan => order.is_le(),
        Comparison::Greater | Comparison::GreaterOrNan => order.is_gt(),
        Comparison::GreaterEqual | Comparison::GreaterEqualOrNan => order.is_ge(),
        Comparison::Number => true,
        Comparison::NotANumber => false,
    }
}

/// Executes a `cvt`.
pub(crate) fn convert(conversion: Conversion, a: u64) -> u64 {
    let Conversion { to, from, .. } = conversion;
    match (from.is_float(), to.is_float()) {
        (false, false) => {
            let a = a & from.mask();
            let value = if conversion.saturate {
                let (least, most) = to.range();
                from.integer(a).clamp(least, most) as u64
            } else {
                extend(from, a, 64)
            };
            extend(to, value, conversion.register_bits)
        }
        (true, false) => {
            let a = rounded(conversion.rounding, f32::from_bits(a as u32));
            let (least, most) = to.range();
            let value = match a.is_nan() {
                true if to.bits == 64 => NAN_AS_LONG,
                true => 0,
                false => (a as i128).clamp(least, most) as u64,
            };
            extend(to, value, conversion.register_bits)
        }
        (false, true) => {
            let value = if from.is_signed() {
                from.sign_extend(a) as f32
            } else {
                (a & from.mask()) as f32
            };
            bits(if conversion.saturate {
                value.clamp(0.0, 1.0)
            } else {
                value
            })
        }
        (true, true) => {
            let value = rounded(conversion.rounding, f32::from_bits(a as u32));
            match conversion.saturate {
                false => bits(value),
                // -0 becomes +0 too.
                true if value > 0.0 => bits(value.min(1.0)),
                true => 0,
            }
        }
    }
}

fn rounded(rounding: Option<Rounding>, a: f32) -> f32 {
    match rounding {
        None => a,
        Some(Rounding::NearestEven) => a.round_ties_even(),
        Some(Rounding::Zero) => a.trunc(),
        Some(Rounding::Down) => a.floor(),
        Some(Rounding::Up) => a.ceil(),
    }
}
