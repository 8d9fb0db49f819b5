//! Opcodes: from `mad.lo.s32` and its operands to an [`Op`].
//!
//! Every modifier must be taken by the instruction that it belongs to; one that is left over is an
//! error. So nothing is accepted without being understood.

mod compare;
mod control;
mod float;
mod integer;
mod memory;
mod movement;

use crate::error::ParseErrorKind;
use crate::instruction::{Op, Slot};
use crate::parse::body::Body;
use crate::parse::cursor::Parsed;
use crate::parse::operand::Operand;
use crate::scalar::Type;

/// Arithmetic that rounds and so must say how.
const ROUNDED: [&str; 8] = ["add", "sub", "mul", "mad", "fma", "div", "sqrt", "rcp"];
/// Functions that the hardware only approximates.
const APPROXIMATE: [&str; 6] = ["ex2", "lg2", "sin", "cos", "tanh", "rsqrt"];
/// Types outside the subset that instructions may name.
const FOREIGN_TYPES: [&str; 12] = [
    "f64", "f16", "f16x2", "bf16", "bf16x2", "tf32", "u16x2", "s16x2", "b128", "e4m3x2", "e5m2x2",
    "f32x2",
];

/// Decodes an instruction.
pub(crate) fn decode<'a>(
    body: &mut Body<'_, 'a>,
    opcode: &'a str,
    operands: &[Operand<'a>],
) -> Parsed<Op> {
    let mut parts = opcode.split('.');
    let base = parts.next().unwrap_or_default();
    let mut reader = Reader {
        body,
        opcode,
        base,
        modifiers: parts.collect(),
        operands,
    };
    reader.refuse_inexact()?;
    if let Some(name) = FOREIGN_TYPES.iter().find(|name| reader.has(name)) {
        return Err(reader.unsupported(name));
    }
    let op = if reader.has("f32") && float::BASES.contains(&base) {
        float::decode(&mut reader)
    } else if let Some(op) = integer::decode(&mut reader) {
        op
    } else {
        match base {
            "mov" | "cvt" | "cvta" | "selp" | "slct" => movement::decode(&mut reader),
            "setp" | "set" => compare::decode(&mut reader),
            "ld" | "st" => memory::decode(&mut reader),
            _ => control::decode(&mut reader),
        }
    }?;
    match reader.modifiers.first() {
        None => Ok(op),
        Some(modifier) => Err(reader.unsupported(modifier)),
    }
}

/// An instruction and what of it has not been understood yet.
pub(crate) struct Reader<'r, 'p, 'a> {
    body: &'r mut Body<'p, 'a>,
    opcode: &'a str,
    base: &'a str,
    modifiers: Vec<&'a str>,
    operands: &'r [Operand<'a>],
}

impl<'a> Reader<'_, '_, 'a> {
    /// Refuses what ptxas may fuse, or what the hardware rounds in a way of its own.
    fn refuse_inexact(&self) -> Parsed<()> {
        let rounds = self.has("f32") && ROUNDED.contains(&self.base);
        let directed = ["rz", "rm", "rp"].iter().any(|mode| self.has(mode));
        let reason = if self.has("ftz") {
            "subnormal numbers become zero"
        } else if self.has("approx") || self.has("full") || APPROXIMATE.contains(&self.base) {
            "the result is an approximation"
        } else if directed && self.has("f32") {
            "the result is not rounded to nearest"
        } else if rounds && !self.has("rn") {
            "without .rn, ptxas may fuse it with another instruction"
        } else {
            return Ok(());
        };
        Err(ParseErrorKind::Inexact {
            opcode: self.opcode.to_owned(),
            reason,
        })
    }

    fn has(&self, modifier: &str) -> bool {
        self.modifiers.contains(&modifier)
    }

    /// Takes a modifier if it is there.
    fn take(&mut self, modifier: &str) -> bool {
        let at = self.modifiers.iter().position(|&found| found == modifier);
        at.map(|at| self.modifiers.remove(at)).is_some()
    }

    /// Takes the first of the modifiers that is there, and returns what it stands for.
    fn take_one<T: Copy>(&mut self, choices: &[(&str, T)]) -> Option<T> {
        let found = choices.iter().find(|(modifier, _)| self.has(modifier));
        let &(modifier, value) = found?;
        self.take(modifier);
        Some(value)
    }

    /// Takes the first of the modifiers that is there; one must be.
    fn require_one<T: Copy>(&mut self, expected: &'static str, choices: &[(&str, T)]) -> Parsed<T> {
        let found = self.take_one(choices);
        found.ok_or_else(|| ParseErrorKind::Expected {
            expected,
            found: self.opcode.to_owned(),
        })
    }

    /// Takes the first type, which must be one that the function accepts.
    fn ty(&mut self, accepts: impl Fn(Type) -> bool) -> Parsed<Type> {
        let mut modifiers = self.modifiers.iter();
        let Some(at) = modifiers.position(|modifier| Type::parse(modifier).is_some()) else {
            return Err(ParseErrorKind::Expected {
                expected: "a type",
                found: self.opcode.to_owned(),
            });
        };
        let name = self.modifiers.remove(at);
        let ty = Type::parse(name).filter(|&ty| accepts(ty));
        ty.ok_or_else(|| self.unsupported(name))
    }

    fn unsupported(&self, modifier: &str) -> ParseErrorKind {
        ParseErrorKind::UnsupportedModifier {
            opcode: self.opcode.to_owned(),
            modifier: modifier.to_owned(),
        }
    }

    fn count(&self, expected: usize) -> Parsed<()> {
        if self.operands.len() == expected {
            return Ok(());
        }
        Err(ParseErrorKind::OperandCount {
            opcode: self.opcode.to_owned(),
            expected,
            found: self.operands.len(),
        })
    }

    /// Returns the register of operand 0, once there are `count` operands.
    fn destination(&mut self, count: usize, ty: Type) -> Parsed<Slot> {
        self.count(count)?;
        self.body.destination(&self.operands[0], ty)
    }

    fn source(&mut self, index: usize, ty: Type) -> Parsed<Slot> {
        self.body.source(&self.operands[index], ty)
    }
}
