//! Moves, selections and conversions.

use crate::error::{ParseErrorKind, Space};
use crate::instruction::{Conversion, Op, Rounding};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::parse::operand::Operand;
use crate::scalar::{Kind, Type};

const ROUNDINGS: [(&str, Rounding); 4] = [
    ("rni", Rounding::NearestEven),
    ("rzi", Rounding::Zero),
    ("rmi", Rounding::Down),
    ("rpi", Rounding::Up),
];

pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    match reader.base {
        "mov" => {
            let ty = reader.ty(|ty| ty.bits != 8)?;
            reader.count(2)?;
            match (&reader.operands[0], &reader.operands[1]) {
                (Operand::List(elements), _) => unpack(reader, ty, elements),
                (_, Operand::List(elements)) => pack(reader, ty, elements),
                _ => Ok(Op::Move {
                    d: reader.destination(2, ty)?,
                    a: reader.source(1, ty)?,
                }),
            }
        }
        "cvt" => convert(reader),
        "cvta" => convert_address(reader),
        "selp" => {
            let ty = reader.ty(|ty| ty.bits >= 16)?;
            Ok(Op::Select {
                d: reader.destination(4, ty)?,
                a: reader.source(1, ty)?,
                b: reader.source(2, ty)?,
                predicate: reader.source(3, Type::PREDICATE)?,
            })
        }
        _ => {
            let ty = reader.ty(|ty| ty.bits >= 16)?;
            let sign = reader.ty(|ty| ty == Type::F32 || ty == Type::new(Kind::Signed, 32))?;
            Ok(Op::SelectSign {
                float: sign.is_float(),
                d: reader.destination(4, ty)?,
                a: reader.source(1, ty)?,
                b: reader.source(2, ty)?,
                c: reader.source(3, sign)?,
            })
        }
    }
}

/// Returns the type of the elements of a register of the type.
fn element(ty: Type, elements: &[Operand<'_>]) -> Parsed<Type> {
    let count = elements.len();
    let bits = ty.bits.checked_div(count as u8).unwrap_or(0);
    if matches!(count, 2 | 4 | 8) && bits >= 8 && ty.kind == Kind::Bits {
        return Ok(Type::new(Kind::Bits, bits));
    }
    Err(ParseErrorKind::OperandForm {
        expected: "elements that fill the type",
        found: Operand::List(elements.to_vec()).to_string(),
    })
}

fn pack<'a>(reader: &mut Reader<'_, '_, 'a>, ty: Type, elements: &[Operand<'a>]) -> Parsed<Op> {
    let element = element(ty, elements)?;
    let d = reader.destination(2, ty)?;
    let slots = elements
        .iter()
        .map(|operand| reader.body.source(operand, element));
    let slots = slots.collect::<Parsed<Vec<_>>>()?;
    Ok(Op::Pack {
        d,
        list: reader.body.list(slots),
        bits: element.bits,
    })
}

fn unpack<'a>(reader: &mut Reader<'_, '_, 'a>, ty: Type, elements: &[Operand<'a>]) -> Parsed<Op> {
    let element = element(ty, elements)?;
    let a = reader.source(1, ty)?;
    let slots = elements
        .iter()
        .map(|operand| reader.body.destination(operand, element));
    let slots = slots.collect::<Parsed<Vec<_>>>()?;
    Ok(Op::Unpack {
        list: reader.body.list(slots),
        a,
        bits: element.bits,
    })
}

fn convert(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let rounding = reader.take_one(&ROUNDINGS);
    let nearest = reader.take("rn");
    let saturate = reader.take("sat");
    let number = |ty: Type| ty.is_integer() || ty.is_float();
    let (to, from) = (reader.ty(number)?, reader.ty(number)?);
    let allowed = match (from.is_float(), to.is_float()) {
        (false, false) => rounding.is_none() && !nearest,
        (true, false) => rounding.is_some() && !nearest,
        (false, true) => rounding.is_none() && nearest,
        (true, true) => (rounding.is_some() || saturate) && !nearest,
    };
    if !allowed {
        return Err(ParseErrorKind::Expected {
            expected: "the rounding that the types need",
            found: reader.opcode.to_owned(),
        });
    }
    reader.count(2)?;
    let (d, register_bits) = reader.body.wide_destination(&reader.operands[0], to)?;
    Ok(Op::Convert {
        conversion: Conversion {
            to,
            from,
            rounding,
            saturate,
            register_bits,
        },
        d,
        a: reader.body.wide_source(&reader.operands[1], from)?,
    })
}

fn convert_address(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let to_generic = !reader.take("to");
    let spaces = [
        ("global", Space::Global),
        ("const", Space::Const),
        ("shared", Space::Shared),
        ("shared::cta", Space::Shared),
        ("local", Space::Local),
        ("param", Space::Param),
    ];
    let space = reader.require_one("a space", &spaces)?;
    let ty = reader.ty(|ty| ty == Type::new(Kind::Unsigned, 64))?;
    Ok(Op::ConvertAddress {
        space,
        to_generic,
        d: reader.destination(2, ty)?,
        a: reader.source(1, ty)?,
    })
}
