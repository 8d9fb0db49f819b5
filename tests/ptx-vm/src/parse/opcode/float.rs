//! Arithmetic of f32. What is not exact has been refused before.

use crate::instruction::{FloatBinary, FloatTest, FloatUnary, Op};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::scalar::Type;

/// Instructions of this file, where they are of f32.
pub(crate) const BASES: [&str; 14] = [
    "add", "sub", "mul", "mad", "fma", "div", "sqrt", "rcp", "min", "max", "neg", "abs",
    "copysign", "testp",
];

const TESTS: [(&str, FloatTest); 6] = [
    ("finite", FloatTest::Finite),
    ("infinite", FloatTest::Infinite),
    ("number", FloatTest::Number),
    ("notanumber", FloatTest::NotANumber),
    ("normal", FloatTest::Normal),
    ("subnormal", FloatTest::Subnormal),
];

pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    if matches!(
        reader.base,
        "add" | "sub" | "mul" | "mad" | "fma" | "div" | "sqrt" | "rcp"
    ) {
        reader.take("rn");
    }
    let nan = matches!(reader.base, "min" | "max") && reader.take("NaN");
    let test = match reader.base {
        "testp" => Some(reader.require_one("a class of numbers", &TESTS)?),
        _ => None,
    };
    let ty = reader.ty(|ty| ty == Type::F32)?;
    if let Some(test) = test {
        return Ok(Op::FloatUnary {
            op: FloatUnary::Test(test),
            d: reader.destination(2, Type::PREDICATE)?,
            a: reader.source(1, ty)?,
        });
    }
    match reader.base {
        "add" => binary(reader, FloatBinary::Add),
        "sub" => binary(reader, FloatBinary::Subtract),
        "mul" => binary(reader, FloatBinary::Multiply),
        "div" => binary(reader, FloatBinary::Divide),
        "min" if nan => binary(reader, FloatBinary::MinimumNan),
        "max" if nan => binary(reader, FloatBinary::MaximumNan),
        "min" => binary(reader, FloatBinary::Minimum),
        "max" => binary(reader, FloatBinary::Maximum),
        "copysign" => binary(reader, FloatBinary::CopySign),
        "sqrt" => unary(reader, FloatUnary::SquareRoot),
        "rcp" => unary(reader, FloatUnary::Reciprocal),
        "neg" => unary(reader, FloatUnary::Negate),
        "abs" => unary(reader, FloatUnary::Absolute),
        // `fma`, and `mad`, which with `.rn` is the same.
        _ => Ok(Op::Fma {
            d: reader.destination(4, ty)?,
            a: reader.source(1, ty)?,
            b: reader.source(2, ty)?,
            c: reader.source(3, ty)?,
        }),
    }
}

fn unary(reader: &mut Reader<'_, '_, '_>, op: FloatUnary) -> Parsed<Op> {
    Ok(Op::FloatUnary {
        op,
        d: reader.destination(2, Type::F32)?,
        a: reader.source(1, Type::F32)?,
    })
}

fn binary(reader: &mut Reader<'_, '_, '_>, op: FloatBinary) -> Parsed<Op> {
    Ok(Op::FloatBinary {
        op,
        d: reader.destination(3, Type::F32)?,
        a: reader.source(1, Type::F32)?,
        b: reader.source(2, Type::F32)?,
    })
}
