//! Operands: their syntax, and the slots that they stand for.

use std::fmt;

use crate::error::ParseErrorKind;
use crate::instruction::{List, Slot};
use crate::module::{Preset, Special};
use crate::parse::body::Body;
use crate::parse::cursor::{Cursor, Parsed, integer};
use crate::parse::declaration::{float_bits, in_range, offset};
use crate::parse::lexer::TokenKind;
use crate::parse::scope::Symbol;
use crate::scalar::Type;

/// Lanes of a warp, as PTX names the number.
const WARP_SIZE: (&str, i128) = ("WARP_SZ", 32);

/// An operand as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Operand<'a> {
    Name(&'a str),
    /// `!%p1`.
    Not(&'a str),
    /// `%p1|%p2`.
    Pair(&'a str, &'a str),
    /// `table+16`.
    Offset(&'a str, i64),
    Integer(i128),
    Single(u32),
    Double(u64),
    /// `[base+offset]`.
    Memory(Box<Operand<'a>>, i64),
    /// `{a, b}`; the elements are names or numbers.
    List(Vec<Operand<'a>>),
}

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Not(name) => write!(f, "!{name}"),
            Self::Pair(first, second) => write!(f, "{first}|{second}"),
            Self::Offset(name, offset) => write!(f, "{name}+{offset}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Single(bits) => write!(f, "0f{bits:08X}"),
            Self::Double(bits) => write!(f, "0d{bits:016X}"),
            Self::Memory(base, offset) => write!(f, "[{base}+{offset}]"),
            Self::List(elements) => write!(f, "{{{} elements}}", elements.len()),
        }
    }
}

/// Reads the operands of an instruction with its semicolon.
pub(crate) fn operands<'a>(cursor: &mut Cursor<'a>) -> Parsed<Vec<Operand<'a>>> {
    let mut operands = Vec::new();
    if cursor.accept(";") {
        return Ok(operands);
    }
    loop {
        operands.push(operand(cursor)?);
        if !cursor.accept(",") {
            cursor.expect(";")?;
            return Ok(operands);
        }
    }
}

fn operand<'a>(cursor: &mut Cursor<'a>) -> Parsed<Operand<'a>> {
    if cursor.accept("!") {
        return Ok(Operand::Not(cursor.word("a predicate")?));
    }
    if cursor.accept("[") {
        let base = simple(cursor)?;
        let (base, offset) = match base {
            Operand::Offset(name, offset) => (Operand::Name(name), offset),
            base => (base, 0),
        };
        cursor.expect("]")?;
        return Ok(Operand::Memory(Box::new(base), offset));
    }
    if cursor.accept("{") {
        let mut elements = Vec::new();
        loop {
            elements.push(simple(cursor)?);
            if !cursor.accept(",") {
                cursor.expect("}")?;
                return Ok(Operand::List(elements));
            }
        }
    }
    let first = simple(cursor)?;
    match first {
        Operand::Name(name) if cursor.accept("|") => {
            Ok(Operand::Pair(name, cursor.word("a register")?))
        }
        first => Ok(first),
    }
}

/// Reads a number, or a name that may have an offset.
fn simple<'a>(cursor: &mut Cursor<'a>) -> Parsed<Operand<'a>> {
    let negative = cursor.accept("-");
    let token = cursor.peek();
    let word = cursor.word("an operand")?;
    let out_of_range = || ParseErrorKind::Number(word.to_owned());
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        if negative {
            return Err(ParseErrorKind::OperandForm {
                expected: "a number",
                found: word.to_owned(),
            });
        }
        debug_assert_eq!(token.kind, TokenKind::Word, "a word is a word");
        if word == "generic" && cursor.accept("(") {
            let name = cursor.word("a name")?;
            cursor.expect(")")?;
            return Ok(Operand::Offset(name, offset(cursor)?));
        }
        return Ok(match offset(cursor)? {
            0 => Operand::Name(word),
            offset => Operand::Offset(word, offset),
        });
    }
    if let (Some(bits), false) = (float_bits(word, 4), negative) {
        return Ok(Operand::Single(bits as u32));
    }
    if let (Some(bits), false) = (float_bits(word, 8), negative) {
        return Ok(Operand::Double(bits));
    }
    let number = integer(word).ok_or_else(out_of_range)?;
    Ok(Operand::Integer(if negative { -number } else { number }))
}

/// The slots of operands.
impl<'a> Body<'_, 'a> {
    /// Returns the slot of a register or a value of exactly the type.
    pub(crate) fn source(&mut self, operand: &Operand<'a>, ty: Type) -> Parsed<Slot> {
        let value = match *operand {
            Operand::Name(name) => return self.named(name, 0, ty),
            Operand::Offset(name, offset) => return self.named(name, offset, ty),
            Operand::Integer(number) if ty == Type::PREDICATE => Some(u64::from(number != 0)),
            Operand::Integer(number) if !ty.is_float() => in_range(number, ty.bytes()),
            Operand::Single(bits) if ty.bits == 32 => Some(bits.into()),
            Operand::Double(bits) if ty.bits == 64 => Some(bits),
            _ => return Err(form("a register or a number of the type", operand)),
        };
        let value = value.ok_or_else(|| ParseErrorKind::Number(operand.to_string()))?;
        Ok(self.preset(Preset::Constant(value)))
    }

    /// Returns the slot of a register that is at least as wide as the type, or of a value, and the
    /// width of the register.
    pub(crate) fn wide_source(&mut self, operand: &Operand<'a>, ty: Type) -> Parsed<Slot> {
        if let Operand::Name(name) = *operand
            && let Some(Symbol::Register { slot, bits }) = self.find(name)?
        {
            check_wide(name, bits, ty)?;
            return Ok(slot);
        }
        self.source(operand, ty)
    }

    /// Returns the slot of a register of exactly the type.
    pub(crate) fn destination(&mut self, operand: &Operand<'a>, ty: Type) -> Parsed<Slot> {
        let Operand::Name(name) = *operand else {
            return Err(form("a register", operand));
        };
        let (slot, bits) = self.register(name, ty)?;
        check_width(name, bits, ty)?;
        Ok(slot)
    }

    /// Returns the slot of a register that is at least as wide as the type, and its width.
    pub(crate) fn wide_destination(
        &mut self,
        operand: &Operand<'a>,
        ty: Type,
    ) -> Parsed<(Slot, u8)> {
        let Operand::Name(name) = *operand else {
            return Err(form("a register", operand));
        };
        let (slot, bits) = self.register(name, ty)?;
        check_wide(name, bits, ty)?;
        Ok((slot, bits))
    }

    /// Returns the slots of `p`, or of `p|q`.
    pub(crate) fn destination_pair(
        &mut self,
        operand: &Operand<'a>,
        first: Type,
    ) -> Parsed<(Slot, Option<Slot>)> {
        let Operand::Pair(name, other) = *operand else {
            return Ok((self.destination(operand, first)?, None));
        };
        let d = self.destination(&Operand::Name(name), first)?;
        let q = self.destination(&Operand::Name(other), Type::PREDICATE)?;
        Ok((d, Some(q)))
    }

    /// Returns the slot of a predicate and whether it is negated.
    pub(crate) fn predicate(&mut self, operand: &Operand<'a>) -> Parsed<(Slot, bool)> {
        match *operand {
            Operand::Not(name) => {
                let slot = self.source(&Operand::Name(name), Type::PREDICATE)?;
                Ok((slot, true))
            }
            _ => Ok((self.source(operand, Type::PREDICATE)?, false)),
        }
    }

    /// Returns the slot of the base and the offset of `[base+offset]`.
    pub(crate) fn address(&mut self, operand: &Operand<'a>) -> Parsed<(Slot, i32)> {
        let Operand::Memory(base, offset) = operand else {
            return Err(form("an address in brackets", operand));
        };
        let slot = match **base {
            Operand::Name(name) => match self.find(name)? {
                Some(Symbol::Register {
                    slot,
                    bits: 32 | 64,
                }) => slot,
                Some(Symbol::Register { bits, .. }) => {
                    return Err(ParseErrorKind::Width {
                        register: name.to_owned(),
                        expected: 64,
                        found: bits,
                    });
                }
                _ => self.named(name, 0, Type::B64)?,
            },
            _ => self.source(base, Type::B64)?,
        };
        let offset = i32::try_from(*offset);
        let offset = offset.map_err(|_| ParseErrorKind::Number(operand.to_string()))?;
        Ok((slot, offset))
    }

    /// Keeps the numbers and returns where.
    pub(crate) fn list(&mut self, list: Vec<u32>) -> List {
        self.lists.push(list);
        (self.lists.len() - 1) as List
    }

    /// Returns a slot that holds the value from the start.
    pub(crate) fn preset(&mut self, preset: Preset) -> Slot {
        let slots = &mut self.slots;
        *self.presets.entry(preset).or_insert_with(|| {
            slots.push(preset);
            (slots.len() - 1) as Slot
        })
    }

    /// Returns a register that no other instruction names; `_` stands for one.
    fn sink(&mut self) -> Slot {
        self.slots.push(Preset::Register(64));
        (self.slots.len() - 1) as Slot
    }

    fn register(&mut self, name: &'a str, ty: Type) -> Parsed<(Slot, u8)> {
        if name == "_" {
            return Ok((self.sink(), ty.bits));
        }
        match self.find(name)? {
            Some(Symbol::Register { slot, bits }) => Ok((slot, bits)),
            Some(_) => Err(form("a register", &Operand::Name(name))),
            None => Err(ParseErrorKind::UnknownName(name.to_owned())),
        }
    }

    /// Returns the slot of a register, a special register, or the address of an array.
    fn named(&mut self, name: &'a str, offset: i64, ty: Type) -> Parsed<Slot> {
        let preset = match self.find(name)? {
            Some(Symbol::Register { slot, bits }) => {
                if offset != 0 {
                    return Err(form("a register", &Operand::Offset(name, offset)));
                }
                check_width(name, bits, ty)?;
                return Ok(slot);
            }
            Some(Symbol::Address(address)) => {
                Preset::Constant(address.wrapping_add(offset as u64) & ty.mask())
            }
            Some(Symbol::Variable(index)) if ty.bits == 64 => Preset::Variable(index, offset),
            Some(Symbol::DynamicShared) => Preset::DynamicShared(offset),
            None if name == WARP_SIZE.0 && offset == 0 && ty.bits >= 8 => {
                return self.source(&Operand::Integer(WARP_SIZE.1), ty);
            }
            None if offset == 0 => {
                let special = special(name);
                let special =
                    special.ok_or_else(|| ParseErrorKind::UnknownName(name.to_owned()))?;
                check_width(name, 32, ty)?;
                return Ok(self.preset(Preset::Special(special)));
            }
            _ => return Err(ParseErrorKind::UnknownName(name.to_owned())),
        };
        if ty.is_float() || ty.bits < 32 {
            return Err(form(
                "a register or a number of the type",
                &Operand::Name(name),
            ));
        }
        Ok(self.preset(preset))
    }
}

fn form(expected: &'static str, operand: &Operand<'_>) -> ParseErrorKind {
    ParseErrorKind::OperandForm {
        expected,
        found: operand.to_string(),
    }
}

fn check_width(register: &str, bits: u8, ty: Type) -> Parsed<()> {
    if bits == ty.bits {
        return Ok(());
    }
    Err(ParseErrorKind::Width {
        register: register.to_owned(),
        expected: ty.bits,
        found: bits,
    })
}

/// Loads, stores and conversions take wider registers; floats and predicates have one width.
fn check_wide(register: &str, bits: u8, ty: Type) -> Parsed<()> {
    if ty.is_float() || ty == Type::PREDICATE || bits < ty.bits {
        return check_width(register, bits, ty);
    }
    Ok(())
}

fn special(name: &str) -> Option<Special> {
    let axis = |name: &str| Some(["x", "y", "z"].iter().position(|&axis| axis == name)? as u8);
    match name.split_once('.') {
        Some(("%tid", name)) => return axis(name).map(Special::Thread),
        Some(("%ntid", name)) => return axis(name).map(Special::BlockSize),
        Some(("%ctaid", name)) => return axis(name).map(Special::Block),
        Some(("%nctaid", name)) => return axis(name).map(Special::GridSize),
        _ => {}
    }
    Some(match name {
        "%laneid" => Special::Lane,
        "%warpid" => Special::Warp,
        "%lanemask_lt" => Special::LanesBelow,
        "%lanemask_le" => Special::LanesUpTo,
        "%lanemask_eq" => Special::LaneItself,
        "%lanemask_ge" => Special::LanesFrom,
        "%lanemask_gt" => Special::LanesAbove,
        _ => return None,
    })
}
