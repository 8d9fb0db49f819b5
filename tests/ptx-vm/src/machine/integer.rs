//! Functions of integers and bits. Results have zeros above the width of their type.

use crate::error::Fault;
use crate::instruction::{Binary, Comparison, Dot, Ternary, Unary};
use crate::machine::float;
use crate::scalar::Type;

/// What `bfind` gives where there is no such bit.
const NOT_FOUND: u64 = u32::MAX as u64;

/// Extends a value of the type, by its sign if it has one, to the bits.
#[inline(always)]
pub(crate) fn extend(ty: Type, x: u64, bits: u8) -> u64 {
    if ty.is_signed() {
        ty.sign_extend(x) as u64 & (u64::MAX >> (64 - bits))
    } else {
        x & ty.mask()
    }
}

#[inline(always)]
pub(crate) fn binary(op: Binary, ty: Type, a: u64, b: u64) -> u64 {
    let (mask, bits) = (ty.mask(), u64::from(ty.bits));
    let saturated = |value: i64| value.clamp(i32::MIN.into(), i32::MAX.into()) as u64;
    let (first, second) = (ty.sign_extend(a), ty.sign_extend(b));
    let result = match op {
        Binary::Add => a.wrapping_add(b),
        Binary::Subtract => a.wrapping_sub(b),
        Binary::MultiplyLow => a.wrapping_mul(b),
        Binary::MultiplyHigh if ty.is_signed() => {
            ((i128::from(first) * i128::from(second)) >> ty.bits) as u64
        }
        Binary::MultiplyHigh => ((u128::from(a) * u128::from(b)) >> ty.bits) as u64,
        Binary::MultiplyWide => return multiply_wide(ty, a, b),
        Binary::And => a & b,
        Binary::Or => a | b,
        Binary::Xor => a ^ b,
        Binary::ShiftLeft if b >= bits => 0,
        Binary::ShiftLeft => a << b,
        Binary::ShiftRight if ty.is_signed() => (first >> b.min(bits - 1)) as u64,
        Binary::ShiftRight if b >= bits => 0,
        Binary::ShiftRight => a >> b,
        Binary::Minimum if ty.is_signed() => first.min(second) as u64,
        Binary::Maximum if ty.is_signed() => first.max(second) as u64,
        Binary::Minimum => a.min(b),
        Binary::Maximum => a.max(b),
        Binary::AddSaturating => saturated(first + second),
        Binary::SubtractSaturating => saturated(first - second),
    };
    result & mask
}

/// Returns all bits of a product of 16 or 32 bits.
#[inline(always)]
fn multiply_wide(ty: Type, a: u64, b: u64) -> u64 {
    if ty.is_signed() {
        let product = ty.sign_extend(a).wrapping_mul(ty.sign_extend(b));
        product as u64 & (u64::MAX >> (64 - 2 * u32::from(ty.bits)))
    } else {
        a.wrapping_mul(b)
    }
}

pub(crate) fn unary(op: Unary, ty: Type, a: u64) -> u64 {
    let (mask, above) = (ty.mask(), 64 - u32::from(ty.bits));
    match op {
        Unary::Negate => a.wrapping_neg() & mask,
        Unary::Absolute => ty.sign_extend(a).wrapping_abs() as u64 & mask,
        Unary::Not => !a & mask,
        Unary::LeadingZeros => (a.leading_zeros() - above).into(),
        Unary::Ones => a.count_ones().into(),
        Unary::Reverse => a.reverse_bits() >> above,
        Unary::Find | Unary::FindShift => {
            let negative = ty.is_signed() && ty.sign_extend(a) < 0;
            let differing = if negative { !a & mask } else { a };
            let top = u64::from(ty.bits) - 1;
            match differing.checked_ilog2() {
                None => NOT_FOUND,
                Some(bit) if op == Unary::FindShift => top - u64::from(bit),
                Some(bit) => bit.into(),
            }
        }
    }
}

#[inline(always)]
pub(crate) fn ternary(op: Ternary, ty: Type, a: u64, b: u64, c: u64) -> u64 {
    let mask = ty.mask();
    match op {
        Ternary::MultiplyAddLow => a.wrapping_mul(b).wrapping_add(c) & mask,
        Ternary::MultiplyAddHigh => binary(Binary::MultiplyHigh, ty, a, b).wrapping_add(c) & mask,
        Ternary::MultiplyAddWide => {
            let sum = multiply_wide(ty, a, b).wrapping_add(c);
            sum & (u64::MAX >> (64 - 2 * u32::from(ty.bits)))
        }
        Ternary::FunnelLeft { clamp } => ((b << 32 | a) << funnel_shift(clamp, c)) >> 32,
        Ternary::FunnelRight { clamp } => ((b << 32 | a) >> funnel_shift(clamp, c)) & mask,
        Ternary::Permute => permute(b << 32 | a, c),
        Ternary::Extract => extract(ty, a, b & 0xFF, c & 0xFF),
    }
}

fn funnel_shift(clamp: bool, c: u64) -> u64 {
    if clamp { c.min(32) } else { c & 31 }
}

/// Chooses four of eight bytes, or their signs.
fn permute(bytes: u64, selectors: u64) -> u64 {
    let mut result = 0;
    for index in 0..4 {
        let selector = selectors >> (4 * index);
        let byte = (bytes >> (8 * (selector & 7))) as u8;
        let byte = match selector & 8 {
            0 => byte,
            _ => ((byte as i8) >> 7) as u8,
        };
        result |= u64::from(byte) << (8 * index);
    }
    result
}

/// Returns a mask of the lowest bits, all of them from 64 on.
fn low_bits(count: u64) -> u64 {
    match count {
        0..64 => !(u64::MAX << count),
        _ => u64::MAX,
    }
}

/// Returns `count` bits from bit `at`; above those that exist, the last one if the type has a sign.
fn extract(ty: Type, a: u64, at: u64, count: u64) -> u64 {
    let bits = u64::from(ty.bits);
    let there = count.min(bits.saturating_sub(at));
    let field = if at < bits { a >> at } else { 0 } & low_bits(there);
    if !ty.is_signed() || count == 0 {
        return field;
    }
    let sign = a >> (at + count - 1).min(bits - 1) & 1;
    match sign {
        0 => field,
        _ => (field | !low_bits(there)) & ty.mask(),
    }
}

/// Returns `b` with its bits from `at` on replaced by the lowest of `a`.
pub(crate) fn insert(bits: u8, a: u64, b: u64, at: u64, count: u64) -> u64 {
    let (at, count) = (at & 0xFF, count & 0xFF);
    let there = count.min(u64::from(bits).saturating_sub(at));
    if there == 0 {
        return b;
    }
    let mask = low_bits(there) << at;
    b & !mask | a << at & mask
}

/// Returns the function of three bits that the table gives, for each of 32 bits.
pub(crate) fn logic3(table: u8, a: u64, b: u64, c: u64) -> u64 {
    let mut result = 0;
    for row in (0..8).filter(|row| table >> row & 1 != 0) {
        let term = |x: u64, bit: u8| if row >> bit & 1 != 0 { x } else { !x };
        result |= term(a, 2) & term(b, 1) & term(c, 0);
    }
    result & Type::B32.mask()
}

/// Returns `c` and the sum of products of bytes, or of halves and bytes.
#[inline(always)]
pub(crate) fn dot(dot: Dot, a: u64, b: u64, c: u64) -> u64 {
    let width = 32 / u32::from(dot.count);
    let part = |x: u64, at: u32, bits: u32, signed: bool| {
        let above = 64 - bits;
        let top = x >> at << above;
        if signed {
            top as i64 >> above
        } else {
            (top >> above) as i64
        }
    };
    let mut sum = c as i64;
    for index in 0..u32::from(dot.count) {
        let first = part(a, index * width, width, dot.signed_a);
        let second = part(b, 8 * (index + u32::from(dot.first)), 8, dot.signed_b);
        sum += first * second;
    }
    sum as u64 & Type::B32.mask()
}

/// Returns sum or difference, and the carry or borrow out of it.
pub(crate) fn carry(subtract: bool, bits: u8, a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (a, b, carry) = (i128::from(a), i128::from(b), i128::from(carry));
    let exact = if subtract {
        a - b - carry
    } else {
        a + b + carry
    };
    let mask = u64::MAX >> (64 - bits);
    (exact as u64 & mask, exact >> bits != 0)
}

pub(crate) fn divide(remainder: bool, ty: Type, a: u64, b: u64) -> Result<u64, Box<Fault>> {
    let (a, b) = (ty.integer(a), ty.integer(b));
    let result = if remainder {
        a.checked_rem(b)
    } else {
        a.checked_div(b)
    };
    match result {
        Some(result) => Ok(result as u64 & ty.mask()),
        None => Err(Box::new(Fault::DivisionByZero(a))),
    }
}

/// Compares two values of any type.
#[inline(always)]
pub(crate) fn compare(comparison: Comparison, ty: Type, a: u64, b: u64) -> bool {
    if ty.is_float() {
        return float::compare(comparison, a, b);
    }
    // Order of signed numbers is that of unsigned ones with the sign turned over.
    let turn = if ty.is_signed() {
        1 << (ty.bits - 1)
    } else {
        0
    };
    let (a, b) = (a ^ turn, b ^ turn);
    match comparison {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Less => a < b,
        Comparison::LessEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterEqual => a >= b,
        // Only floats have the others.
        _ => false,
    }
}
