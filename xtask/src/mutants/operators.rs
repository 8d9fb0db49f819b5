//! The faults of Rust code, found in its tokens.

use std::ops::Range;

use super::mutant::Fault;
use super::source::{Kind, Source};

/// A change of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) fault: Fault,
    pub(super) range: Range<usize>,
    pub(super) text: String,
    /// Index into [`Source::functions`].
    pub(super) function: usize,
}

/// Other operators in the place of those with spaces around them.
const SWAPS: [(&str, &str, Fault); 17] = [
    ("+", "-", Fault::Arithmetic),
    ("-", "+", Fault::Arithmetic),
    ("*", "+", Fault::Arithmetic),
    ("/", "*", Fault::Arithmetic),
    ("|", "&", Fault::Arithmetic),
    ("&", "|", Fault::Arithmetic),
    ("+=", "-=", Fault::Arithmetic),
    ("-=", "+=", Fault::Arithmetic),
    ("<", "<=", Fault::Compare),
    ("<=", "<", Fault::Compare),
    (">", ">=", Fault::Compare),
    (">=", ">", Fault::Compare),
    ("==", "!=", Fault::Compare),
    ("!=", "==", Fault::Compare),
    ("&&", "||", Fault::Compare),
    ("||", "&&", Fault::Compare),
    ("..=", "..", Fault::Tail),
];

/// Other methods of the same arguments.
const METHODS: [(&str, &str, Fault); 17] = [
    ("min", "max", Fault::Minimum),
    ("max", "min", Fault::Minimum),
    ("chunks", "chunks_exact", Fault::Tail),
    ("chunks_mut", "chunks_exact_mut", Fault::Tail),
    ("div_ceil", "wrapping_div", Fault::Tail),
    ("saturating_add", "wrapping_add", Fault::Saturation),
    ("saturating_sub", "wrapping_sub", Fault::Saturation),
    ("saturating_mul", "wrapping_mul", Fault::Saturation),
    ("wrapping_add", "wrapping_sub", Fault::Arithmetic),
    ("wrapping_sub", "wrapping_add", Fault::Arithmetic),
    ("sar", "shr", Fault::Arithmetic),
    ("shr", "sar", Fault::Arithmetic),
    ("mul_even", "mul", Fault::Arithmetic),
    ("upper", "lower", Fault::Arithmetic),
    ("lower", "upper", Fault::Arithmetic),
    ("leading_zeros", "trailing_zeros", Fault::Arithmetic),
    ("next_multiple_of", "wrapping_mul", Fault::Tail),
];

/// Other instructions: a part of the name of an intrinsic and what takes its place.
const INTRINSICS: [(&str, &str, Fault); 33] = [
    ("vrshl", "vshl", Fault::Rounding),
    ("vrshrq_n", "vshrq_n", Fault::Rounding),
    ("vshrq_n", "vrshrq_n", Fault::Rounding),
    ("vqdmulhq", "vqrdmulhq", Fault::Rounding),
    ("vqmovn", "vmovn", Fault::Saturation),
    ("vqmovn_s32", "vmovn_s32", Fault::Saturation),
    ("cvtsepi", "cvtepi", Fault::Saturation),
    ("packs_epi", "packus_epi", Fault::Saturation),
    ("vaddq", "vsubq", Fault::Arithmetic),
    ("vsubq", "vaddq", Fault::Arithmetic),
    ("vmlsl", "vmlal", Fault::Arithmetic),
    ("vmlal", "vmlsl", Fault::Arithmetic),
    ("vminq", "vmaxq", Fault::Minimum),
    ("vmaxq", "vminq", Fault::Minimum),
    ("vcgtq", "vcgeq", Fault::Compare),
    ("vcgeq", "vcgtq", Fault::Compare),
    ("vcltzq", "vcgezq", Fault::Compare),
    ("vget_low", "vget_high", Fault::Arithmetic),
    ("vget_high", "vget_low", Fault::Arithmetic),
    ("vzip1q", "vzip2q", Fault::Arithmetic),
    ("vzip2q", "vzip1q", Fault::Arithmetic),
    ("vtrn1q", "vtrn2q", Fault::Arithmetic),
    ("vtrn2q", "vtrn1q", Fault::Arithmetic),
    ("vdotq_s32", "vdotq_u32", Fault::Arithmetic),
    ("_add_epi", "_sub_epi", Fault::Arithmetic),
    ("_sub_epi", "_add_epi", Fault::Arithmetic),
    ("_add_ps", "_sub_ps", Fault::Arithmetic),
    ("_min_epi", "_max_epi", Fault::Minimum),
    ("_max_epi", "_min_epi", Fault::Minimum),
    ("_srai_", "_srli_", Fault::Arithmetic),
    ("_srav_", "_srlv_", Fault::Arithmetic),
    ("_cmpgt_epi", "_cmpeq_epi", Fault::Compare),
    ("_fmadd_", "_fmsub_", Fault::Arithmetic),
];

/// Words in a statement that resets, keeps or advances state.
const STATE: [&str; 7] = [
    "fill(",
    "copy_from_slice(",
    "copy_within(",
    "history",
    "state",
    "self.next",
    "sum",
];

/// Words that no statement to be left out begins with.
const NO_STATEMENT: [&str; 16] = [
    "let",
    "use",
    "const",
    "static",
    "return",
    "type",
    "fn",
    "pub",
    "impl",
    "break",
    "continue",
    "mod",
    "struct",
    "macro_rules",
    "enum",
    "trait",
];

/// Returns the faults that can be seeded in a file. `instructions` is the text in which NEON's
/// instructions have names.
pub(super) fn edits(source: &Source<'_>, instructions: &str) -> Vec<Edit> {
    let mut finder = Finder {
        source,
        instructions,
        edits: Vec::new(),
        index: 0,
    };
    for index in 0..source.tokens.len() {
        finder.index = index;
        match source.tokens[index].kind {
            Kind::Operator => finder.operator(),
            Kind::Ident => finder.ident(),
            Kind::Literal => finder.literal(),
            Kind::Open(_) | Kind::Close(_) => {}
        }
        finder.statement();
    }
    finder.edits
}

struct Finder<'a, 't> {
    source: &'a Source<'t>,
    instructions: &'a str,
    edits: Vec<Edit>,
    /// The token that is looked at.
    index: usize,
}

impl Finder<'_, '_> {
    fn add(&mut self, fault: Fault, range: Range<usize>, text: impl Into<String>) {
        self.edits.push(Edit {
            fault,
            range,
            text: text.into(),
            function: self.source.tokens[self.index].function,
        });
    }

    /// Adds two faults: something one larger and one smaller.
    fn add_off_by_one(&mut self, fault: Fault, range: Range<usize>) {
        let old = &self.source.text[range.clone()];
        for step in ["+", "-"] {
            self.add(fault, range.clone(), format!("({old} {step} 1)"));
        }
    }

    fn here(&self) -> Range<usize> {
        self.source.tokens[self.index].range.clone()
    }

    fn operator(&mut self) {
        let (source, index) = (self.source, self.index);
        let operand = |from: usize| source.operand_end(from).map(|end| source.range(from, end));
        match source.at(index) {
            "<<" | ">>" if source.is_spaced(index) => {
                let Some(bits) = operand(index + 1) else {
                    return;
                };
                self.add_off_by_one(Fault::Shift, bits.clone());
                // `1 << (shift - 1)` is the half that a rounding adds.
                if source.before(index, 1) == "1" && source.text[bits].contains("- 1") {
                    let one = source.tokens[index - 1].range.clone();
                    self.add(Fault::Rounding, one, "0");
                }
            }
            ".." => {
                if let Some(end) = operand(index + 1) {
                    self.add_off_by_one(Fault::Tail, end);
                }
            }
            text if source.is_spaced(index) => {
                for (_, to, fault) in SWAPS.iter().filter(|(from, ..)| *from == text) {
                    self.add(*fault, self.here(), *to);
                }
                let name = source.at(index + 1);
                if text == "+" && (name.contains("round") || name.contains("half")) {
                    let range = source.range(index, index + 1);
                    self.add(Fault::Rounding, range, "");
                }
            }
            _ => {}
        }
    }

    fn ident(&mut self) {
        let (source, index) = (self.source, self.index);
        let (name, next) = (source.at(index), source.at(index + 1));
        let is_method = source.before(index, 1) == ".";
        if name == "true" || name == "false" {
            let other = if name == "true" { "false" } else { "true" };
            self.add(Fault::Compare, self.here(), other);
        }
        // A value, not a field or parameter that is declared.
        if name == "stride" && ![":", "(", "="].contains(&next) && source.before(index, 1) != "fn" {
            self.add(Fault::Stride, self.here(), "stride + 1");
        }
        let is_call = next == "(" || next == "::";
        if !is_call || source.before(index, 1) == "fn" {
            return;
        }
        if is_method {
            for (_, to, fault) in METHODS.iter().filter(|(from, ..)| *from == name) {
                self.add(*fault, self.here(), *to);
            }
        }
        if let Some(arguments) = source.arguments(index + 1) {
            if is_method {
                self.method(name, &arguments);
            } else {
                self.call(name, &arguments);
            }
        }
        self.intrinsic(name);
    }

    /// Faults of a method's call.
    fn method(&mut self, name: &str, arguments: &[Range<usize>]) {
        let (source, index) = (self.source, self.index);
        let argument = |i: usize| &source.text[arguments[i].clone()];
        let whole = |from: usize| source.tokens[from].range.start..self.call_end();
        // A proof of the instruction set, on which vectors' operations are called: `s.add(a, b)`.
        let proof = source.before(index, 2);
        let receiver = index.saturating_sub(2);
        match (name, arguments.len()) {
            ("min" | "max", 1) | ("clamp", 2) => {
                self.add(Fault::Saturation, whole(index - 1), "");
                if name == "clamp" {
                    let (low, high) = (argument(0), argument(1));
                    self.add(
                        Fault::Saturation,
                        arguments[0].clone(),
                        format!("({low} + 1)"),
                    );
                    self.add(
                        Fault::Saturation,
                        arguments[1].clone(),
                        format!("({high} - 1)"),
                    );
                }
            }
            ("min" | "max", 2) => {
                let first = format!("({})", argument(0));
                self.add(Fault::Saturation, whole(receiver), first);
            }
            ("add" | "sub", 2) => {
                let other = if name == "add" { "sub" } else { "add" };
                self.add(Fault::Arithmetic, self.here(), other);
            }
            ("shl" | "shr" | "sar", 2) => {
                for step in ["add", "sub"] {
                    let bits = format!("{proof}.{step}({}, {proof}.splat(1))", argument(1));
                    self.add(Fault::Shift, arguments[1].clone(), bits);
                }
            }
            ("fma", 3) => {
                let (a, b, c) = (argument(0), argument(1), argument(2));
                let twice = format!("{proof}.add({proof}.mul({a}, {b}), {c})");
                self.add(Fault::Fused, whole(receiver), twice);
            }
            ("fma" | "mul_add", 2) => {
                let twice = format!(" * ({}) + ({})", argument(0), argument(1));
                self.add(Fault::Fused, whole(index - 1), twice);
            }
            ("take", 1) | ("front", 1) => {
                let fault = if name == "take" {
                    Fault::Tail
                } else {
                    Fault::Mask
                };
                let less = format!("({}).saturating_sub(1)", argument(0));
                self.add(fault, arguments[0].clone(), less);
                if name == "front" {
                    let more = format!("({} + 1)", argument(0));
                    self.add(fault, arguments[0].clone(), more);
                }
            }
            ("skip" | "step_by", 1) => self.add_off_by_one(Fault::Tail, arguments[0].clone()),
            ("between", 2) => {
                self.add_off_by_one(Fault::Mask, arguments[0].clone());
                self.add_off_by_one(Fault::Mask, arguments[1].clone());
            }
            _ => {}
        }
    }

    /// Faults of a function's call.
    fn call(&mut self, name: &str, arguments: &[Range<usize>]) {
        let (source, index) = (self.source, self.index);
        let [first, ..] = arguments else {
            return;
        };
        let whole = source.tokens[index].range.start..self.call_end();
        let argument = &source.text[first.clone()];
        match name {
            "saturate_i16" | "saturate_i32" if arguments.len() == 1 => {
                let wrapped = format!("(({argument}) as {})", &name["saturate_".len()..]);
                self.add(Fault::Saturation, whole, wrapped);
            }
            "front" | "First" => {
                let less = format!("({argument}).saturating_sub(1)");
                self.add(Fault::Mask, first.clone(), less);
                self.add(Fault::Mask, first.clone(), format!("({argument} + 1)"));
            }
            "vfmaq_f32" if arguments.len() == 3 => {
                let (a, b) = (
                    &source.text[arguments[1].clone()],
                    &source.text[arguments[2].clone()],
                );
                let path = "crate::num::neon::intrinsics";
                let twice = format!("{path}::vaddq_f32({argument}, {path}::vmulq_f32({a}, {b}))");
                self.add(Fault::Fused, whole, twice);
            }
            _ => {}
        }
    }

    /// Where the call ends whose name is looked at.
    fn call_end(&self) -> usize {
        match self.source.tokens[self.index + 1].kind {
            Kind::Open(close) => self.source.tokens[close].range.end,
            _ => self.here().end,
        }
    }

    fn intrinsic(&mut self, name: &str) {
        for (from, to, fault) in INTRINSICS {
            if !name.contains(from) {
                continue;
            }
            let other = name.replacen(from, to, 1);
            if name.starts_with("_mm") {
                self.add(fault, self.here(), other);
            } else if self.instructions.contains(&format!("fn {other}")) {
                let path = format!("crate::num::neon::intrinsics::{other}");
                self.add(fault, self.here(), path);
            }
        }
    }

    fn literal(&mut self) {
        let (source, index) = (self.source, self.index);
        let (text, before) = (source.at(index), source.before(index, 1));
        let is_length = before == ";" && source.at(index + 1) == "]";
        if before == "." || is_length || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return;
        }
        if text.contains('.') && !text.contains('e') && !text.starts_with("0x") {
            let digits = text.trim_end_matches("f32").trim_end_matches("f64");
            let suffix = &text[digits.len()..];
            return self.add(Fault::Constant, self.here(), format!("{digits}1{suffix}"));
        }
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        let (digits, suffix) = split_suffix(&digits);
        let value = match digits.strip_prefix("0x") {
            Some(hex) => u128::from_str_radix(hex, 16),
            None => digits.parse(),
        };
        let Ok(value) = value else {
            return;
        };
        let is_shift = before == "<" && {
            let name = source.before(index, 3);
            ["shl", "shr", "sli", "sra"]
                .iter()
                .any(|part| name.contains(part))
        };
        let fault = match value {
            _ if is_shift => Fault::Shift,
            127 | 128 | 255 | 32767 | 32768 | 65535 => Fault::Saturation,
            _ => Fault::Constant,
        };
        self.add(fault, self.here(), format!("{}{suffix}", value + 1));
        if let Some(less) = value.checked_sub(1) {
            self.add(fault, self.here(), format!("{less}{suffix}"));
        }
    }

    /// A statement left out, where one begins at the token.
    fn statement(&mut self) {
        let (source, index) = (self.source, self.index);
        let begins = matches!(source.before(index, 1), "{" | "}" | ";");
        let is_place = source.tokens[index].kind == Kind::Ident || source.at(index) == "*";
        // Outside of functions there are items, and macros that make them.
        let is_inside = source.tokens[index].function > 0;
        if !begins || !is_inside || !is_place || NO_STATEMENT.contains(&source.at(index)) {
            return;
        }
        let (mut end, mut has_effect) = (index, false);
        while source.at(end) != ";" {
            match source.tokens.get(end).map(|token| token.kind) {
                Some(Kind::Open(_)) if source.at(end) == "{" => return,
                Some(Kind::Open(close)) => {
                    has_effect = true;
                    end = close;
                }
                None | Some(Kind::Close(_)) => return,
                // A field's value or an arm of a match is no statement.
                Some(_) if matches!(source.at(end), "," | ":" | "=>") => return,
                Some(_) => has_effect |= source.at(end).ends_with('='),
            }
            end += 1;
        }
        let range = source.range(index, end);
        let text = &source.text[range.clone()];
        if has_effect && !text.starts_with("assert") && !text.starts_with("debug_assert") {
            let is_state = STATE.iter().any(|word| text.contains(word));
            let fault = if is_state { Fault::State } else { Fault::Left };
            self.add(fault, range, "");
        }
    }
}

/// Splits a number from the name of its type.
fn split_suffix(text: &str) -> (&str, &str) {
    let is_hex = text.starts_with("0x");
    let begins = |c: char| c == 'u' || c == 'i' || (!is_hex && c == 'f');
    text.split_at(text.find(begins).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The changes of a function's body, each as the body with it.
    fn changed(body: &str, wanted: Fault) -> Vec<String> {
        let text = format!("fn f() {{\n    {body}\n}}");
        let source = Source::parse(&text).unwrap();
        let edits = edits(&source, "fn vshlq_s32(a)").into_iter();
        let edits = edits.filter(|edit| edit.fault == wanted);
        let text_of = |edit: Edit| {
            let mut text = text.clone();
            text.replace_range(edit.range, &edit.text);
            text["fn f() {\n    ".len()..text.len() - "\n}".len()].to_owned()
        };
        edits.map(text_of).collect()
    }

    #[test]
    fn the_five_faults_of_a_requantisation() {
        let body = "saturate_i16((x + (1 << (shift - 1))) >> shift)";
        let shifts = [
            "saturate_i16((x + (1 << ((shift - 1) + 1))) >> shift)",
            "saturate_i16((x + (1 << ((shift - 1) - 1))) >> shift)",
            "saturate_i16((x + (1 << (shift - 1))) >> (shift + 1))",
            "saturate_i16((x + (1 << (shift - 1))) >> (shift - 1))",
        ];
        assert_eq!(changed(body, Fault::Shift), shifts);
        assert_eq!(
            changed(body, Fault::Rounding),
            ["saturate_i16((x + (0 << (shift - 1))) >> shift)"]
        );
        assert_eq!(
            changed(body, Fault::Saturation),
            ["(((x + (1 << (shift - 1))) >> shift) as i16)"]
        );
        assert_eq!(
            changed("for i in 0..n {}", Fault::Tail),
            ["for i in 0..(n + 1) {}", "for i in 0..(n - 1) {}"]
        );
        assert_eq!(changed("state.fill(0);", Fault::State), [""]);
    }

    #[test]
    fn operations_on_vectors_keep_their_proof() {
        assert_eq!(
            changed("s.fma(a, b, c)", Fault::Fused),
            ["s.add(s.mul(a, b), c)"]
        );
        assert_eq!(
            changed("s.sar(x, n)", Fault::Shift),
            [
                "s.sar(x, s.add(n, s.splat(1)))",
                "s.sar(x, s.sub(n, s.splat(1)))"
            ]
        );
        assert_eq!(
            changed("vrshlq_s32(x, n)", Fault::Rounding),
            ["crate::num::neon::intrinsics::vshlq_s32(x, n)"]
        );
        assert_eq!(changed("s.min(a, b)", Fault::Saturation), ["(a)"]);
        assert_eq!(changed("x.min(4)", Fault::Saturation), ["x"]);
    }

    #[test]
    fn types_are_no_comparisons() {
        assert!(changed("let x: Vec<Vec<u8>> = f::<3>(&y, -z);", Fault::Compare).is_empty());
        assert!(changed("let x: [u8; 4] = y.0;", Fault::Constant).is_empty());
    }
}
