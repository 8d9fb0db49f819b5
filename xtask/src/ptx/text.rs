//! Rules of the text, and what each entry asks for in it.
//!
//! Every operation on floats that rounds says `.rn`: then the assembler may not contract it. None
//! approximates and none makes zeros of subnormals.

use std::collections::BTreeMap;

/// Operations that have to say how they round.
const ROUNDING: [&str; 8] = ["add", "sub", "mul", "mad", "fma", "div", "rcp", "sqrt"];
/// Operations that the assembler contracts if they do not say `.rn`.
const CONTRACTED: [&str; 3] = ["add", "sub", "mul"];
/// Modifiers that the number contract has no place for.
const REFUSED: [&str; 3] = ["approx", "full", "ftz"];
/// Types of floats.
const FLOATS: [&str; 9] = [
    "f16", "f16x2", "bf16", "bf16x2", "tf32", "e4m3x2", "e5m2x2", "f32", "f64",
];

/// What an entry asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asks {
    /// A product and a sum in one, rounded once.
    pub(super) fused: bool,
    /// A quotient, of which a reciprocal is one.
    pub(super) quotient: bool,
    /// A square root.
    pub(super) root: bool,
}

/// Returns what every entry asks for, what functions ask for that are not inlined too, and what
/// breaks a rule.
pub(super) fn read(text: &str) -> (BTreeMap<String, Asks>, Vec<String>) {
    let (mut entries, mut complaints) = (BTreeMap::<String, Asks>::new(), Vec::new());
    let (mut entry, mut functions) = (None, Asks::default());
    for (number, line) in (1..).zip(text.lines()) {
        if line.contains(".func") {
            entry = None;
        }
        if let Some(name) = entry_name(line) {
            entries.insert(name.to_owned(), Asks::default());
            entry = Some(name);
        }
        for opcode in opcodes(line) {
            if let Some(complaint) = check(opcode) {
                complaints.push(format!("line {number}: `{opcode}` {complaint}"));
            }
            let asks = entry.and_then(|name| entries.get_mut(name));
            note(opcode, asks.unwrap_or(&mut functions));
        }
    }
    for asks in entries.values_mut() {
        asks.fused |= functions.fused;
        asks.quotient |= functions.quotient;
        asks.root |= functions.root;
    }
    (entries, complaints)
}

/// Returns the text without `.rn` where that is what keeps the assembler from contracting.
pub(super) fn without_rounding(text: &str) -> String {
    let mut without = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut line = line.to_owned();
        let found: Vec<_> = opcodes(&line).map(str::to_owned).collect();
        for opcode in found {
            let operation = opcode.split('.').next().unwrap_or_default();
            if CONTRACTED.contains(&operation) && is_float(&opcode) {
                line = line.replace(&opcode, &opcode.replace(".rn", ""));
            }
        }
        without.push_str(&line);
    }
    without
}

/// Returns the name of the entry that begins on a line.
fn entry_name(line: &str) -> Option<&str> {
    let (_, after) = line.split_once(".entry")?;
    let name = after.trim_start().split(['(', ' ', '\t']).next()?;
    (!name.is_empty()).then_some(name)
}

/// Returns the opcodes on a line: the first words of its statements, behind labels and predicates.
fn opcodes(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or_default();
    code.split([';', '{', '}']).filter_map(|statement| {
        let mut words = statement.split_whitespace();
        let is_prefix = |word: &&str| word.starts_with('@') || word.ends_with(':');
        let word = words.find(|word| !is_prefix(word))?;
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            .then_some(word)
    })
}

fn is_float(opcode: &str) -> bool {
    opcode.split('.').any(|part| FLOATS.contains(&part))
}

/// Returns what is wrong with an operation.
fn check(opcode: &str) -> Option<String> {
    let mut parts = opcode.split('.');
    let operation = parts.next().unwrap_or_default();
    if let Some(refused) = parts.clone().find(|part| REFUSED.contains(part)) {
        return Some(format!("has .{refused}"));
    }
    let rounds = ROUNDING.contains(&operation) && is_float(opcode);
    (rounds && !parts.any(|part| part == "rn")).then(|| "does not say .rn".to_owned())
}

/// Notes what is asked for; what does not say `.rn` asks for nothing that may be granted.
fn note(opcode: &str, asks: &mut Asks) {
    if is_float(opcode) && opcode.contains(".rn") {
        match opcode.split('.').next().unwrap_or_default() {
            "fma" | "mad" => asks.fused = true,
            "div" | "rcp" => asks.quotient = true,
            "sqrt" => asks.root = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
        .visible .func helper()\n{\n\tdiv.rn.f32 \t%r1, %r2, %r3;\n}\n\
        .visible .entry f32_one(\n\t.param .b64 f32_one_param_0\n)\n{\n\
        $L__BB1: @%p1 fma.rn.f32 %r1, %r2, %r3, %r4;\n\
        \tmul.rn.f32 \t%r5, %r1, %r2; // add.f32\n\
        \tmul.lo.s32 \t%r6, %r7, %r8;\n\
        \t{ add.rn.f32 %r5, %r5, %r1; }\n}\n\
        .entry w8a8_two() { add.s32 %r1, %r1, 1; sqrt.rn.f32 %r2, %r2; ret; }\n";

    #[test]
    fn entries_ask_for_what_they_have_and_what_functions_have() {
        let (entries, complaints) = read(TEXT);
        assert!(complaints.is_empty(), "{complaints:?}");
        let one = Asks {
            fused: true,
            quotient: true,
            root: false,
        };
        let two = Asks {
            fused: false,
            quotient: true,
            root: true,
        };
        assert_eq!(entries["f32_one"], one);
        assert_eq!(entries["w8a8_two"], two);
        assert_eq!(entries.len(), 2);
    }

    #[test]
    fn rounding_goes_where_it_keeps_from_contraction() {
        let without = without_rounding(TEXT);
        assert_eq!(without.lines().count(), TEXT.lines().count());
        for kept in ["fma.rn.f32", "div.rn.f32", "sqrt.rn.f32", "mul.lo.s32"] {
            assert!(without.contains(kept), "{kept}");
        }
        assert!(without.contains("\tmul.f32 \t%r5") && without.contains("{ add.f32 %r5"));
        let (_, complaints) = read(&without);
        assert_eq!(
            complaints,
            [
                "line 10: `mul.f32` does not say .rn",
                "line 12: `add.f32` does not say .rn"
            ]
        );
    }

    #[test]
    fn approximations_and_flushes_are_refused() {
        for (opcode, complaint) in [
            ("ex2.approx.f32", "has .approx"),
            ("sqrt.approx.ftz.f32", "has .approx"),
            ("div.full.f32", "has .full"),
            ("add.rn.ftz.f32", "has .ftz"),
            ("cvt.rzi.ftz.s32.f32", "has .ftz"),
            ("mul.rz.f32", "does not say .rn"),
            ("add.f16x2", "does not say .rn"),
        ] {
            assert_eq!(check(opcode).as_deref(), Some(complaint));
        }
        for opcode in [
            "add.s32",
            "cvt.rzi.s32.f32",
            "max.f32",
            "neg.f32",
            "mad.lo.s32",
        ] {
            assert_eq!(check(opcode), None);
        }
    }
}
