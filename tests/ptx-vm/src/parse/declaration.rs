//! Variables and parameters: their types, sizes and initial values.

use crate::error::ParseErrorKind;
use crate::module::{Relocation, Variable};
use crate::parse::cursor::{Cursor, Parsed, integer};

/// Most bytes of a variable in global memory that this crate keeps.
const GLOBAL_BYTES_MAX: u64 = 64 << 20;
/// Most bytes of constants, by the PTX manual.
const CONST_BYTES_MAX: u64 = 64 << 10;
/// Largest alignment that PTX knows.
const ALIGN_MAX: u64 = 1 << 10;

/// A declaration: `.align 4 .b8 name[64]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Declaration<'a> {
    pub(crate) name: &'a str,
    pub(crate) align: u64,
    /// Bytes of an element.
    pub(crate) element: u64,
    /// Elements, none where the brackets are empty.
    pub(crate) count: Option<u64>,
}

impl Declaration<'_> {
    /// Returns the bytes of the object, at most `limit`.
    pub(crate) fn bytes(&self, what: &'static str, limit: u64) -> Parsed<u64> {
        let size = self.count.unwrap_or(0).saturating_mul(self.element);
        if size > limit {
            return Err(ParseErrorKind::TooLarge { what, size, limit });
        }
        Ok(size)
    }
}

/// Returns the bytes of the data type, which need not be one that instructions take.
fn data_bytes(name: &str) -> Option<u64> {
    Some(match name {
        "b8" | "u8" | "s8" => 1,
        "b16" | "u16" | "s16" | "f16" => 2,
        "b32" | "u32" | "s32" | "f32" => 4,
        "b64" | "u64" | "s64" | "f64" => 8,
        _ => return None,
    })
}

/// Reads alignment, type, name and dimensions; the space has been taken.
pub(crate) fn declaration<'a>(cursor: &mut Cursor<'a>) -> Parsed<Declaration<'a>> {
    let mut align = None;
    let mut pointer = false;
    let mut element = None;
    while cursor.peek().text.starts_with('.') {
        let name = cursor.dotted("a type")?;
        match name {
            "align" => {
                let bytes = cursor.unsigned("an alignment")?;
                if !bytes.is_power_of_two() || bytes > ALIGN_MAX {
                    return Err(ParseErrorKind::Number(bytes.to_string()));
                }
                // Behind `.ptr` it is of what the parameter points at.
                if !pointer {
                    align = Some(bytes);
                }
            }
            "ptr" => pointer = true,
            "global" | "shared" | "const" | "local" if pointer => {}
            name => match data_bytes(name) {
                Some(bytes) if element.is_none() => element = Some(bytes),
                _ => return Err(ParseErrorKind::UnsupportedDirective(format!(".{name}"))),
            },
        }
    }
    let Some(element) = element else {
        return Err(cursor.unexpected("a type"));
    };
    let name = cursor.word("a name")?;
    Ok(Declaration {
        name,
        align: align.unwrap_or(element).max(element),
        element,
        count: dimensions(cursor)?,
    })
}

/// Reads `[8][4]` and returns the product: 1 without brackets, none with empty ones.
fn dimensions(cursor: &mut Cursor<'_>) -> Parsed<Option<u64>> {
    let mut count = Some(1u64);
    while cursor.accept("[") {
        if cursor.accept("]") {
            count = None;
            continue;
        }
        let length = cursor.unsigned("a length")?;
        count = count.map(|count| count.saturating_mul(length));
        cursor.expect("]")?;
    }
    Ok(count)
}

/// A variable whose pointers to others are still names.
pub(crate) struct Unlinked<'a> {
    pub(crate) name: &'a str,
    pub(crate) variable: Variable,
    /// Names of the variables that the relocations point at, in order, and the line.
    pub(crate) targets: Vec<(&'a str, u32)>,
}

/// Reads a `.global` or `.const` variable with its semicolon; the space has been taken.
pub(crate) fn variable<'a>(cursor: &mut Cursor<'a>, constant: bool) -> Parsed<Unlinked<'a>> {
    let declaration = declaration(cursor)?;
    let (what, limit) = if constant {
        ("constants", CONST_BYTES_MAX)
    } else {
        ("global variable", GLOBAL_BYTES_MAX)
    };
    let bytes = declaration.bytes(what, limit)?;
    let mut unlinked = Unlinked {
        name: declaration.name,
        variable: Variable {
            name: declaration.name.to_owned(),
            constant,
            bytes,
            initial: Vec::new(),
            relocations: Vec::new(),
        },
        targets: Vec::new(),
    };
    if cursor.accept("=") {
        initialiser(cursor, &declaration, limit, &mut unlinked)?;
    }
    cursor.expect(";")?;
    let variable = &mut unlinked.variable;
    let filled = variable.initial.len() as u64;
    if declaration.count.is_none() {
        variable.bytes = filled;
    }
    if variable.bytes == 0 || filled > variable.bytes {
        return Err(ParseErrorKind::TooLarge {
            what: "initialiser",
            size: filled,
            limit: variable.bytes,
        });
    }
    Ok(unlinked)
}

fn initialiser<'a>(
    cursor: &mut Cursor<'a>,
    declaration: &Declaration<'_>,
    limit: u64,
    unlinked: &mut Unlinked<'a>,
) -> Parsed<()> {
    if !cursor.accept("{") {
        return element(cursor, declaration.element, unlinked);
    }
    loop {
        if unlinked.variable.initial.len() as u64 >= limit {
            return Err(ParseErrorKind::TooLarge {
                what: "initialiser",
                size: limit + 1,
                limit,
            });
        }
        element(cursor, declaration.element, unlinked)?;
        if !cursor.accept(",") {
            return cursor.expect("}");
        }
    }
}

/// Reads one value: a number, an address, or with `0xFF00(name)` one byte of an address.
fn element<'a>(cursor: &mut Cursor<'a>, bytes: u64, unlinked: &mut Unlinked<'a>) -> Parsed<()> {
    let negative = cursor.accept("-");
    let word = cursor.word("a value")?;
    let number = integer(word);
    let mask = number.filter(|_| !negative && cursor.peek().text == "(");
    let value = if let Some(mask) = mask {
        cursor.expect("(")?;
        let name = cursor.word("a name")?;
        let shift = byte_shift(mask).ok_or_else(|| ParseErrorKind::Number(word.to_owned()))?;
        address(cursor, name, bytes, shift, unlinked)?;
        cursor.expect(")")?;
        0
    } else if let Some(number) = number {
        let number = if negative { -number } else { number };
        in_range(number, bytes).ok_or_else(|| ParseErrorKind::Number(word.to_owned()))?
    } else if let Some(float) = float_bits(word, bytes) {
        float
    } else if word.starts_with(|c: char| c.is_ascii_digit()) || negative {
        return Err(ParseErrorKind::Number(word.to_owned()));
    } else {
        address(cursor, word, bytes, 0, unlinked)?;
        0
    };
    let initial = &mut unlinked.variable.initial;
    initial.extend(&value.to_le_bytes()[..bytes as usize]);
    Ok(())
}

/// Reads what follows a name in an initialiser and notes that the next element is its address.
fn address<'a>(
    cursor: &mut Cursor<'a>,
    name: &'a str,
    bytes: u64,
    shift: u32,
    unlinked: &mut Unlinked<'a>,
) -> Parsed<()> {
    let line = cursor.line();
    let name = if name == "generic" {
        cursor.expect("(")?;
        let name = cursor.word("a name")?;
        cursor.expect(")")?;
        name
    } else {
        name
    };
    let addend = offset(cursor)?;
    unlinked.targets.push((name, line));
    let variable = &mut unlinked.variable;
    variable.relocations.push(Relocation {
        offset: variable.initial.len(),
        bytes: bytes as usize,
        shift,
        variable: 0,
        addend,
    });
    Ok(())
}

/// Reads `+4`, `-4`, `+-4` or nothing.
pub(crate) fn offset(cursor: &mut Cursor<'_>) -> Parsed<i64> {
    let negative = if cursor.accept("+") {
        cursor.accept("-")
    } else if cursor.accept("-") {
        true
    } else {
        return Ok(0);
    };
    let word = cursor.word("an offset")?;
    let number = integer(word).map(|number| if negative { -number } else { number });
    let number = number.and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| ParseErrorKind::Number(word.to_owned()))
}

/// Returns the shift of a mask that selects one byte.
fn byte_shift(mask: i128) -> Option<u32> {
    (0..8)
        .map(|byte| 8 * byte)
        .find(|&shift| mask == 0xFF << shift)
}

/// Returns the bits of a number that fits the bytes, as a signed or as an unsigned integer.
pub(crate) fn in_range(number: i128, bytes: u64) -> Option<u64> {
    let bits = 8 * bytes as u32;
    let fits = number >= -(1i128 << (bits - 1)) && number < 1i128 << bits;
    fits.then_some(number as u64 & (u64::MAX >> (64 - bits)))
}

/// Returns the bits of `0f` with 8 digits, or of `0d` with 16, if it has the bytes.
pub(crate) fn float_bits(word: &str, bytes: u64) -> Option<u64> {
    let (letters, digits) = match bytes {
        4 => (["0f", "0F"], 8),
        8 => (["0d", "0D"], 16),
        _ => return None,
    };
    let hex = letters
        .iter()
        .find_map(|letter| word.strip_prefix(letter))?;
    let plain = hex.len() == digits && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
    if plain {
        u64::from_str_radix(hex, 16).ok()
    } else {
        None
    }
}
