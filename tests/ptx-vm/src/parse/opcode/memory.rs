//! Loads and stores.

use crate::error::{ParseErrorKind, Space};
use crate::instruction::{Access, Op, Slot};
use crate::parse::cursor::Parsed;
use crate::parse::opcode::Reader;
use crate::parse::operand::Operand;
use crate::scalar::Type;

/// Modifiers that change only how caches treat an access, or that forbid the compiler what this
/// crate does not do.
const HINTS: [&str; 10] = [
    "weak", "volatile", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc",
];

const SPACES: [(&str, Space); 8] = [
    ("global", Space::Global),
    ("shared", Space::Shared),
    ("shared::cta", Space::Shared),
    ("local", Space::Local),
    ("param", Space::Param),
    ("param::entry", Space::Param),
    ("const", Space::Const),
    ("generic", Space::Generic),
];

pub(crate) fn decode(reader: &mut Reader<'_, '_, '_>) -> Parsed<Op> {
    let load = reader.base == "ld";
    if reader.has("nc") && !(load && reader.has("global")) {
        return Err(reader.unsupported("nc"));
    }
    reader.modifiers.retain(|modifier| {
        !HINTS.contains(modifier) && !modifier.starts_with("L1::") && !modifier.starts_with("L2::")
    });
    let space = reader.take_one(&SPACES).unwrap_or(Space::Generic);
    if !load && space == Space::Const {
        return Err(reader.unsupported("const"));
    }
    let count = reader.take_one(&[("v2", 2u8), ("v4", 4)]).unwrap_or(1);
    let ty = reader.ty(|ty| ty != Type::PREDICATE)?;
    reader.count(2)?;
    let (address, value) = if load { (1, 0) } else { (0, 1) };
    let (base, offset) = reader.body.address(&reader.operands[address])?;
    let (slots, register_bits) = values(reader, load, ty, value, count)?;
    let access = Access {
        space,
        ty,
        count,
        register_bits,
    };
    let value = match slots.as_slice() {
        &[slot] => slot,
        _ => reader.body.list(slots),
    };
    Ok(if load {
        Op::Load {
            access,
            value,
            base,
            offset,
        }
    } else {
        Op::Store {
            access,
            value,
            base,
            offset,
        }
    })
}

/// Returns the slots of the elements of an operand, and the bits of their registers.
fn values(
    reader: &mut Reader<'_, '_, '_>,
    load: bool,
    ty: Type,
    operand: usize,
    count: u8,
) -> Parsed<(Vec<Slot>, u8)> {
    let operand = &reader.operands[operand];
    let elements = match operand {
        Operand::List(elements) => elements.as_slice(),
        single => std::slice::from_ref(single),
    };
    if elements.len() != usize::from(count) {
        return Err(ParseErrorKind::OperandForm {
            expected: "as many registers as the access has elements",
            found: operand.to_string(),
        });
    }
    let mut slots = Vec::new();
    let mut register_bits = None;
    for element in elements {
        if !load {
            slots.push(reader.body.wide_source(element, ty)?);
            continue;
        }
        let (slot, bits) = reader.body.wide_destination(element, ty)?;
        slots.push(slot);
        // `_` stands for a register of any width.
        if *element == Operand::Name("_") {
            continue;
        }
        let expected = *register_bits.get_or_insert(bits);
        if bits != expected {
            return Err(ParseErrorKind::Width {
                register: element.to_string(),
                expected,
                found: bits,
            });
        }
    }
    Ok((slots, register_bits.unwrap_or(ty.bits)))
}
