//! Arithmetic of integers and bits.

use crate::error::ParseErrorKind;
use crate::instruction::{Binary, Dot, Op, Ternary, Unary};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::parse::operand::Operand;
use crate::scalar::{Kind, Type};

fn arithmetic(ty: Type) -> bool {
    ty.is_integer() && ty.bits >= 16
}

fn signed(ty: Type) -> bool {
    ty.is_signed() && ty.bits >= 16
}

fn bits(ty: Type) -> bool {
    ty.kind == Kind::Bits && ty.bits >= 16
}

fn bits_or_predicate(ty: Type) -> bool {
    bits(ty) || ty == Type::PREDICATE
}

fn long_bits(ty: Type) -> bool {
    ty.kind == Kind::Bits && ty.bits >= 32
}

fn long_integer(ty: Type) -> bool {
    ty.is_integer() && ty.bits >= 32
}

/// Decodes the instruction if it is one of this file.
pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Option<Parsed<Op>> {
    let base = reader.base;
    Some(match base {
        "add" => add(reader, false),
        "sub" => add(reader, true),
        "addc" => carry(reader, false),
        "subc" => carry(reader, true),
        "mul" => multiply(reader),
        "mad" => multiply_add(reader),
        "div" => divide(reader, false),
        "rem" => divide(reader, true),
        "min" => binary(reader, Binary::Minimum, arithmetic),
        "max" => binary(reader, Binary::Maximum, arithmetic),
        "and" => binary(reader, Binary::And, bits_or_predicate),
        "or" => binary(reader, Binary::Or, bits_or_predicate),
        "xor" => binary(reader, Binary::Xor, bits_or_predicate),
        "not" => unary(reader, Unary::Not, bits_or_predicate),
        "neg" => unary(reader, Unary::Negate, signed),
        "abs" => unary(reader, Unary::Absolute, signed),
        "brev" => unary(reader, Unary::Reverse, long_bits),
        "shl" => shift(reader, Binary::ShiftLeft, bits),
        "shr" => shift(reader, Binary::ShiftRight, |ty| bits(ty) || arithmetic(ty)),
        "clz" => count(reader, Unary::LeadingZeros, long_bits),
        "popc" => count(reader, Unary::Ones, long_bits),
        "bfind" if reader.take("shiftamt") => count(reader, Unary::FindShift, long_integer),
        "bfind" => count(reader, Unary::Find, long_integer),
        "shf" => funnel(reader),
        "prmt" => permute(reader),
        "bfe" => extract(reader),
        "bfi" => insert(reader),
        "lop3" => logic3(reader),
        "dp4a" => dot(reader, 0, 4),
        "dp2a" if reader.take("lo") => dot(reader, 0, 2),
        "dp2a" if reader.take("hi") => dot(reader, 2, 2),
        _ => return None,
    })
}

fn unary(reader: &mut Reader<'_, '_, '_>, op: Unary, accepts: impl Fn(Type) -> bool) -> Parsed<Op> {
    let ty = reader.ty(accepts)?;
    Ok(Op::Unary {
        op,
        ty,
        d: reader.destination(2, ty)?,
        a: reader.source(1, ty)?,
    })
}

/// As [`unary`], but the result is a `u32`.
fn count(reader: &mut Reader<'_, '_, '_>, op: Unary, accepts: impl Fn(Type) -> bool) -> Parsed<Op> {
    let ty = reader.ty(accepts)?;
    Ok(Op::Unary {
        op,
        ty,
        d: reader.destination(2, Type::U32)?,
        a: reader.source(1, ty)?,
    })
}

fn binary(
    reader: &mut Reader<'_, '_, '_>,
    op: Binary,
    accepts: impl Fn(Type) -> bool,
) -> Parsed<Op> {
    let ty = reader.ty(accepts)?;
    Ok(Op::Binary {
        op,
        ty,
        d: reader.destination(3, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
    })
}

fn add(reader: &mut Reader<'_, '_, '_>, subtract: bool) -> Parsed<Op> {
    if reader.has("cc") {
        return carry(reader, subtract);
    }
    let saturates = reader.take("sat");
    let op = match (subtract, saturates) {
        (false, false) => Binary::Add,
        (false, true) => Binary::AddSaturating,
        (true, false) => Binary::Subtract,
        (true, true) => Binary::SubtractSaturating,
    };
    binary(reader, op, |ty| {
        arithmetic(ty) && (!saturates || ty == Type::new(Kind::Signed, 32))
    })
}

/// `add.cc`, `addc`, `addc.cc` and the same of `sub`.
fn carry(reader: &mut Reader<'_, '_, '_>, subtract: bool) -> Parsed<Op> {
    let takes = reader.base.ends_with('c');
    let gives = reader.take("cc");
    let ty = reader.ty(long_integer)?;
    Ok(Op::Carry {
        subtract,
        takes,
        gives,
        bits: ty.bits,
        d: reader.destination(3, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
    })
}

/// Which half of a product.
#[derive(Clone, Copy)]
enum Half {
    Low,
    High,
    Both,
}

const HALVES: [(&str, Half); 3] = [("lo", Half::Low), ("hi", Half::High), ("wide", Half::Both)];

/// Takes the half and the type, and returns them and the type of the product.
fn product(reader: &mut Reader<'_, '_, '_>) -> Parsed<(Half, Type, Type)> {
    let half = reader.require_one(".lo, .hi or .wide", &HALVES)?;
    let wide = matches!(half, Half::Both);
    let ty = reader.ty(|ty| arithmetic(ty) && !(wide && ty.bits == 64))?;
    let result = if wide {
        Type::new(ty.kind, 2 * ty.bits)
    } else {
        ty
    };
    Ok((half, ty, result))
}

fn multiply(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let (half, ty, result) = product(reader)?;
    Ok(Op::Binary {
        op: match half {
            Half::Low => Binary::MultiplyLow,
            Half::High => Binary::MultiplyHigh,
            Half::Both => Binary::MultiplyWide,
        },
        ty,
        d: reader.destination(3, result)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
    })
}

fn multiply_add(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let (half, ty, result) = product(reader)?;
    Ok(Op::Ternary {
        op: match half {
            Half::Low => Ternary::MultiplyAddLow,
            Half::High => Ternary::MultiplyAddHigh,
            Half::Both => Ternary::MultiplyAddWide,
        },
        ty,
        d: reader.destination(4, result)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
        c: reader.source(3, result)?,
    })
}

fn divide(reader: &mut Reader<'_, '_, '_>, remainder: bool) -> Parsed<Op> {
    let ty = reader.ty(arithmetic)?;
    Ok(Op::Divide {
        remainder,
        ty,
        d: reader.destination(3, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
    })
}

fn shift(
    reader: &mut Reader<'_, '_, '_>,
    op: Binary,
    accepts: impl Fn(Type) -> bool,
) -> Parsed<Op> {
    let ty = reader.ty(accepts)?;
    Ok(Op::Binary {
        op,
        ty,
        d: reader.destination(3, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, Type::U32)?,
    })
}

fn ternary(reader: &mut Reader<'_, '_, '_>, op: Ternary, ty: Type) -> Parsed<Op> {
    Ok(Op::Ternary {
        op,
        ty,
        d: reader.destination(4, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, Type::U32)?,
        c: reader.source(3, Type::U32)?,
    })
}

fn funnel(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let clamp = reader.require_one(".wrap or .clamp", &[("wrap", false), ("clamp", true)])?;
    let left = reader.require_one(".l or .r", &[("l", true), ("r", false)])?;
    let ty = reader.ty(|ty| ty == Type::B32)?;
    let op = if left {
        Ternary::FunnelLeft { clamp }
    } else {
        Ternary::FunnelRight { clamp }
    };
    ternary(reader, op, ty)
}

fn permute(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let ty = reader.ty(|ty| ty == Type::B32)?;
    ternary(reader, Ternary::Permute, ty)
}

fn extract(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let ty = reader.ty(long_integer)?;
    ternary(reader, Ternary::Extract, ty)
}

fn insert(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let ty = reader.ty(long_bits)?;
    Ok(Op::Insert {
        bits: ty.bits,
        d: reader.destination(5, ty)?,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
        at: reader.source(3, Type::U32)?,
        count: reader.source(4, Type::U32)?,
    })
}

fn logic3(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let ty = reader.ty(|ty| ty == Type::B32)?;
    let d = reader.destination(5, ty)?;
    let table = match &reader.operands[4] {
        Operand::Integer(table) => u8::try_from(*table).ok(),
        _ => None,
    };
    Ok(Op::Logic3 {
        table: table.ok_or_else(|| ParseErrorKind::OperandForm {
            expected: "a table of 8 bits",
            found: reader.operands[4].to_string(),
        })?,
        d,
        a: reader.source(1, ty)?,
        b: reader.source(2, ty)?,
        c: reader.source(3, ty)?,
    })
}

fn dot(reader: &mut Reader<'_, '_, '_>, first: u8, count: u8) -> Parsed<Op> {
    let word = |ty: Type| ty.is_integer() && ty.bits == 32;
    let (a, b) = (reader.ty(word)?, reader.ty(word)?);
    Ok(Op::Dot {
        dot: Dot {
            first,
            count,
            signed_a: a.is_signed(),
            signed_b: b.is_signed(),
        },
        d: reader.destination(4, Type::U32)?,
        a: reader.source(1, Type::U32)?,
        b: reader.source(2, Type::U32)?,
        c: reader.source(3, Type::U32)?,
    })
}
