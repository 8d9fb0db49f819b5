//! `setp` and `set`.

use crate::instruction::{Combine, CompareWith, Comparison, Op};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::scalar::{Kind, Type};

/// Relations that all types know, bits too.
const EQUALITY: [(&str, Comparison); 2] = [("eq", Comparison::Equal), ("ne", Comparison::NotEqual)];

const ORDER: [(&str, Comparison); 4] = [
    ("lt", Comparison::Less),
    ("le", Comparison::LessEqual),
    ("gt", Comparison::Greater),
    ("ge", Comparison::GreaterEqual),
];

/// Names of the order of unsigned integers.
const UNSIGNED: [(&str, Comparison); 4] = [
    ("lo", Comparison::Less),
    ("ls", Comparison::LessEqual),
    ("hi", Comparison::Greater),
    ("hs", Comparison::GreaterEqual),
];

const FLOAT: [(&str, Comparison); 8] = [
    ("equ", Comparison::EqualOrNan),
    ("neu", Comparison::NotEqualOrNan),
    ("ltu", Comparison::LessOrNan),
    ("leu", Comparison::LessEqualOrNan),
    ("gtu", Comparison::GreaterOrNan),
    ("geu", Comparison::GreaterEqualOrNan),
    ("num", Comparison::Number),
    ("nan", Comparison::NotANumber),
];

const COMBINE: [(&str, Combine); 3] = [
    ("and", Combine::And),
    ("or", Combine::Or),
    ("xor", Combine::Xor),
];

pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let combine = reader.take_one(&COMBINE);
    let result = match reader.base {
        "set" => reader.ty(|ty| ty.bits == 32 && ty.kind != Kind::Bits)?,
        _ => Type::PREDICATE,
    };
    let ty = reader.ty(|ty| ty.bits >= 16)?;
    let comparison = comparison(reader, ty)?;
    reader.count(if combine.is_some() { 4 } else { 3 })?;
    let (d, opposite) = match reader.base {
        "set" => (reader.body.destination(&reader.operands[0], result)?, None),
        _ => reader.body.destination_pair(&reader.operands[0], result)?,
    };
    let (a, b) = (reader.source(1, ty)?, reader.source(2, ty)?);
    if combine.is_none() && opposite.is_none() && result == Type::PREDICATE {
        return Ok(Op::Compare {
            comparison,
            ty,
            d,
            a,
            b,
        });
    }
    let combine = match combine {
        None => None,
        Some(combine) => {
            let (slot, negated) = reader.body.predicate(&reader.operands[3])?;
            Some((combine, slot, negated))
        }
    };
    Ok(Op::CompareWith(Box::new(CompareWith {
        comparison,
        ty,
        d,
        one: match result.kind {
            Kind::Float => 1f32.to_bits().into(),
            _ => result.mask(),
        },
        opposite,
        a,
        b,
        combine,
    })))
}

fn comparison(reader: &mut Reader<'_, '_, '_>, ty: Type) -> Parsed<Comparison> {
    let mut choices = EQUALITY.to_vec();
    if ty.kind != Kind::Bits {
        choices.extend(ORDER);
    }
    match ty.kind {
        Kind::Unsigned => choices.extend(UNSIGNED),
        Kind::Float => choices.extend(FLOAT),
        _ => {}
    }
    reader.require_one("a comparison that the type knows", &choices)
}
