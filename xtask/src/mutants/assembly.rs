//! The faults of assembly, found in the texts of `asm!` and of the macros that make them.

use std::ops::Range;

use super::mutant::Fault;
use super::operators::Edit;
use super::source::{Kind, Source};

/// Other instructions; what follows the name up to a space, as `.s32`, stays.
const INSTRUCTIONS: [(&str, &str, Fault); 44] = [
    ("vrshl", "vshl", Fault::Rounding),
    ("vrshr", "vshr", Fault::Rounding),
    ("vshr", "vrshr", Fault::Rounding),
    ("vqrdmulh", "vqdmulh", Fault::Rounding),
    ("vqdmulh", "vqrdmulh", Fault::Rounding),
    ("vmulh", "vrmulh", Fault::Rounding),
    ("vqrdmlah", "vqdmlah", Fault::Rounding),
    ("vqdmlah", "vqrdmlah", Fault::Rounding),
    ("smmla", "smmlar", Fault::Rounding),
    ("smmlar", "smmla", Fault::Rounding),
    ("smmul", "smmulr", Fault::Rounding),
    ("smmulr", "smmul", Fault::Rounding),
    ("vqshl", "vshl", Fault::Saturation),
    ("vqadd", "vadd", Fault::Saturation),
    ("qadd16", "sadd16", Fault::Saturation),
    ("qsub16", "ssub16", Fault::Saturation),
    ("qadd", "add", Fault::Saturation),
    ("qsub", "sub", Fault::Saturation),
    ("vmin", "vmax", Fault::Minimum),
    ("vmax", "vmin", Fault::Minimum),
    ("vadd", "vsub", Fault::Arithmetic),
    ("vsub", "vadd", Fault::Arithmetic),
    ("add", "sub", Fault::Arithmetic),
    ("sub", "add", Fault::Arithmetic),
    ("rsb", "sub", Fault::Arithmetic),
    ("smlad", "smladx", Fault::Arithmetic),
    ("smlawb", "smlawt", Fault::Arithmetic),
    ("smlawt", "smlawb", Fault::Arithmetic),
    ("smulwb", "smulwt", Fault::Arithmetic),
    ("smulwt", "smulwb", Fault::Arithmetic),
    ("smulbb", "smulbt", Fault::Arithmetic),
    ("smultt", "smultb", Fault::Arithmetic),
    ("smlabb", "smlabt", Fault::Arithmetic),
    ("pkhbt", "pkhtb", Fault::Arithmetic),
    ("sxtb16", "uxtb16", Fault::Arithmetic),
    ("sxth", "uxth", Fault::Arithmetic),
    ("ldrsh", "ldrh", Fault::Arithmetic),
    ("ldrsb", "ldrb", Fault::Arithmetic),
    ("asr", "lsr", Fault::Arithmetic),
    ("lsr", "asr", Fault::Arithmetic),
    ("bgt", "bge", Fault::Compare),
    ("bge", "bgt", Fault::Compare),
    ("blt", "ble", Fault::Compare),
    ("bhi", "bhs", Fault::Compare),
];

/// Instructions whose number is a count of bits.
const SHIFTS: [&str; 10] = [
    "vshl", "vshr", "vrshr", "vsli", "vsri", "vqshl", "asr", "lsl", "lsr", "ror",
];

/// Returns the faults that can be seeded in the assembly of a file.
pub(super) fn edits(source: &Source<'_>) -> Vec<Edit> {
    let mut edits = Vec::new();
    if !source.text.contains("asm!") {
        return edits;
    }
    for token in &source.tokens {
        let text = &source.text[token.range.clone()];
        if token.kind != Kind::Literal || !text.starts_with('"') {
            continue;
        }
        for line in lines(source.text, &token.range) {
            let changes = instruction(&source.text[line.clone()]);
            edits.extend(changes.into_iter().map(|(fault, range, text)| Edit {
                fault,
                range: line.start + range.start..line.start + range.end,
                text,
                function: token.function,
            }));
        }
    }
    edits
}

/// Returns the lines of a text in quotes, trimmed; they end with the file's lines and with `\n`.
fn lines(file: &str, literal: &Range<usize>) -> Vec<Range<usize>> {
    let (begin, end) = (literal.start + 1, literal.end - 1);
    let (mut lines, mut from) = (Vec::new(), begin);
    while from < end {
        let rest = &file[from..end];
        let breaks = [("\n", 1), ("\\n", 2)].into_iter();
        let found = breaks.filter_map(|(text, len)| rest.find(text).map(|at| (at, len)));
        let (at, len) = found.min().unwrap_or((rest.len(), 0));
        let line = &rest[..at];
        let start = from + line.len() - line.trim_start().len();
        if !line.trim().is_empty() {
            lines.push(start..start + line.trim_start().len());
        }
        from += at + len.max(1);
    }
    lines
}

/// Returns the changes of a line: the kind, the part of it and what takes its place.
fn instruction(line: &str) -> Vec<(Fault, Range<usize>, String)> {
    let mut changes = Vec::new();
    let name_end = line.find(' ').unwrap_or(line.len());
    let (name, operands) = line.split_at(name_end);
    let (base, suffix) = name.split_at(name.find('.').unwrap_or(name.len()));
    if !base.starts_with(|c: char| c.is_ascii_lowercase()) || base.ends_with(':') {
        // The rest of an instruction that a macro puts together.
        numbers(line, Fault::Constant, &mut changes);
        return changes;
    }
    for (_, to, fault) in INSTRUCTIONS.iter().filter(|(from, ..)| *from == base) {
        changes.push((*fault, 0..base.len(), (*to).to_owned()));
    }
    if let (Some(kind), "vldrb" | "vldrh") = (suffix.strip_prefix(".s"), base) {
        changes.push((Fault::Arithmetic, 0..name_end, format!("{base}.u{kind}")));
    }
    let is_whole = !operands.trim().is_empty() && !line.ends_with([' ', ',']);
    let registers: Vec<_> = operands.split(',').map(str::trim).collect();
    if is_whole && matches!(base, "wlstp" | "vctp") {
        let fault = if base == "vctp" {
            Fault::Mask
        } else {
            Fault::Tail
        };
        let count = registers[usize::from(base == "wlstp").min(registers.len() - 1)];
        for step in ["add", "sub"] {
            changes.push((fault, 0..0, format!("{step} {count}, #1\\n")));
        }
        return changes;
    }
    let fault = match base {
        _ if operands.contains("],") => Fault::Stride,
        "ssat" | "usat" => Fault::Saturation,
        "cmp" | "subs" => Fault::Tail,
        _ if SHIFTS.contains(&base) => Fault::Shift,
        _ if SHIFTS
            .iter()
            .any(|shift| operands.contains(&format!("{shift} #"))) =>
        {
            Fault::Shift
        }
        _ => Fault::Constant,
    };
    numbers(line, fault, &mut changes);
    let stays = [
        "push", "pop", "vpush", "vpop", "letp", "le", "dls", "b", "bx", "vpst", "vpt",
    ];
    if is_whole && !stays.contains(&base) {
        let clears = registers.last().is_some_and(|last| *last == "#0");
        let fault = match base {
            "mov" | "movs" | "vmov" if clears => Fault::State,
            "ssat" | "usat" => Fault::Saturation,
            _ => Fault::Left,
        };
        changes.push((fault, 0..line.len(), "nop".to_owned()));
    }
    changes
}

/// Adds a number one larger and one smaller for each `#n`.
fn numbers(line: &str, fault: Fault, changes: &mut Vec<(Fault, Range<usize>, String)>) {
    for (at, _) in line.match_indices('#') {
        let digits = &line[at + 1..];
        let len = digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len());
        let Ok(value) = digits[..len].parse::<u32>() else {
            continue;
        };
        let range = at + 1..at + 1 + len;
        // Addresses go by whole elements.
        let step = if fault == Fault::Stride {
            (value / 2).max(1)
        } else {
            1
        };
        changes.push((fault, range.clone(), (value + step).to_string()));
        if let Some(less) = value.checked_sub(step) {
            changes.push((fault, range, less.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(line: &str, wanted: Fault) -> Vec<String> {
        let changes = instruction(line).into_iter();
        let changes = changes.filter(|(fault, ..)| *fault == wanted);
        let text_of = |(_, range, text): (Fault, Range<usize>, String)| {
            let mut line = line.to_owned();
            line.replace_range(range, &text);
            line
        };
        changes.map(text_of).collect()
    }

    #[test]
    fn instructions_are_changed() {
        assert_eq!(
            changed("vrshl.s32 q0, q0, q3", Fault::Rounding),
            ["vshl.s32 q0, q0, q3"]
        );
        assert_eq!(changed("ssat r0, #16, r0", Fault::Saturation).len(), 3);
        assert_eq!(
            changed("wlstp.32 lr, r3, 3f", Fault::Tail)[1],
            "sub r3, #1\\nwlstp.32 lr, r3, 3f"
        );
        assert_eq!(changed("vmov.i32 q6, #0", Fault::State), ["nop"]);
        assert_eq!(
            changed("vshl.i32 q0, q0, #8", Fault::Shift),
            ["vshl.i32 q0, q0, #9", "vshl.i32 q0, q0, #7"]
        );
    }

    #[test]
    fn texts_have_lines_and_other_files_none() {
        let text = "fn f() { naked_asm!(\"add r0, r1\\nsub r1,\n  #2\", x) }";
        let source = Source::parse(text).unwrap();
        let literal = source
            .tokens
            .iter()
            .find(|token| token.kind == Kind::Literal);
        let lines = lines(text, &literal.unwrap().range);
        let lines: Vec<_> = lines.into_iter().map(|line| &text[line]).collect();
        assert_eq!(lines, ["add r0, r1", "sub r1,", "#2"]);
        assert!(!edits(&source).is_empty());
        assert!(edits(&Source::parse("fn f() { g(\"add r0, r1\") }").unwrap()).is_empty());
    }
}
