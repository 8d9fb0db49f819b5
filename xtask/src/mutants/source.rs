//! The tokens of a source file, with where they stand.
//!
//! Tokens and not a syntax tree: half of the kernels is written in macros, whose bodies are tokens
//! only. The sources are formatted by rustfmt, so that a space on both sides tells a binary operator
//! from a bracket of generics, a sign or a borrow.

use std::ops::Range;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword.
    Ident,
    /// A number, text or character.
    Literal,
    /// An operator, all of its characters together.
    Operator,
    /// A bracket; the index of the other one.
    Open(usize),
    /// As [`Kind::Open`].
    Close(usize),
}

/// A token that faults may be seeded at.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) range: Range<usize>,
    /// Index into [`Source::functions`].
    pub(super) function: usize,
}

/// A file as tokens, without attributes, tests and code for GPUs.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    /// Names of functions, macros and constants; "" is the file.
    pub(super) functions: Vec<String>,
}

/// Operators of more than a character, longer ones first.
const OPERATORS: [&str; 22] = [
    "<<=", ">>=", "..=", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "+=", "-=", "*=", "/=",
    "|=", "&=", "^=", "->", "=>", "::", "..",
];

/// Words that begin what a name follows.
const ITEMS: [&str; 4] = ["fn", "macro_rules", "const", "static"];

/// Names that are no operands.
pub(super) const KEYWORDS: [&str; 14] = [
    "as", "if", "else", "match", "in", "let", "for", "while", "loop", "return", "move", "mut",
    "ref", "where",
];

impl<'a> Source<'a> {
    /// Reads the text of a file.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let stream: TokenStream = text.parse().map_err(|error| anyhow!("{error}"))?;
        let mut source = Self {
            text,
            tokens: Vec::new(),
            functions: vec![String::new()],
        };
        source.walk(stream, 0);
        Ok(source)
    }

    /// Returns the text of a token, "" past the end.
    pub(super) fn at(&self, index: usize) -> &'a str {
        let token = self.tokens.get(index);
        token.map_or("", |token| &self.text[token.range.clone()])
    }

    /// Returns the text of a token before another, "" before the beginning.
    pub(super) fn before(&self, index: usize, count: usize) -> &'a str {
        index.checked_sub(count).map_or("", |index| self.at(index))
    }

    /// Tells whether spaces stand around a token.
    pub(super) fn is_spaced(&self, index: usize) -> bool {
        let range = &self.tokens[index].range;
        let space = |c: Option<char>| c.is_some_and(char::is_whitespace);
        space(self.text[..range.start].chars().next_back())
            && space(self.text[range.end..].chars().next())
    }

    /// Returns the last token of the operand that begins at a token: signs, a name, number or
    /// bracket, and what is called on it.
    pub(super) fn operand_end(&self, mut index: usize) -> Option<usize> {
        while ["-", "*", "&", "!", "$"].contains(&self.at(index)) {
            index += 1;
        }
        let mut end = match self.tokens.get(index)?.kind {
            Kind::Literal => index,
            Kind::Ident if !KEYWORDS.contains(&self.at(index)) => index,
            Kind::Open(close) if self.at(index) == "(" => close,
            _ => return None,
        };
        loop {
            end = match (self.at(end + 1), self.tokens.get(end + 2)) {
                ("." | "::", Some(next)) if matches!(next.kind, Kind::Ident | Kind::Literal) => {
                    end + 2
                }
                ("(" | "[", _) => match self.tokens[end + 1].kind {
                    Kind::Open(close) => close,
                    _ => return Some(end),
                },
                ("?", _) => end + 1,
                _ => return Some(end),
            };
        }
    }

    /// Returns the arguments of the call whose bracket opens at a token, as ranges of the text.
    pub(super) fn arguments(&self, open: usize) -> Option<Vec<Range<usize>>> {
        let Kind::Open(close) = self.tokens.get(open)?.kind else {
            return None;
        };
        let (mut arguments, mut begin, mut index) = (Vec::new(), None, open + 1);
        while index < close {
            if self.at(index) == "," {
                let from = begin.take()?;
                arguments.push(self.range(from, index - 1));
            } else {
                begin.get_or_insert(index);
                if let Kind::Open(inner) = self.tokens[index].kind {
                    index = inner;
                }
            }
            index += 1;
        }
        if let Some(from) = begin {
            arguments.push(self.range(from, close - 1));
        }
        Some(arguments)
    }

    /// Returns the part of the text from one token to another.
    pub(super) fn range(&self, from: usize, to: usize) -> Range<usize> {
        self.tokens[from].range.start..self.tokens[to].range.end
    }

    fn walk(&mut self, stream: TokenStream, outer: usize) {
        let trees: Vec<_> = stream.into_iter().collect();
        let (mut function, mut index) = (outer, 0);
        while let Some(tree) = trees.get(index) {
            if let Some(next) = self.attribute_end(&trees, index) {
                index = next;
                continue;
            }
            match tree {
                TokenTree::Group(group) => {
                    let open = self.tokens.len();
                    let is_visible = group.delimiter() != Delimiter::None;
                    if is_visible {
                        self.push(Kind::Open(0), group.span_open().byte_range(), function);
                    }
                    self.walk(group.stream(), function);
                    if is_visible {
                        let close = self.tokens.len();
                        self.push(Kind::Close(open), group.span_close().byte_range(), function);
                        self.tokens[open].kind = Kind::Open(close);
                    }
                    if group.delimiter() == Delimiter::Brace {
                        function = outer;
                    }
                }
                TokenTree::Ident(ident) => {
                    let range = ident.span().byte_range();
                    // In generics a constant is a parameter.
                    let is_parameter = ["<", ","].contains(&self.before(self.tokens.len(), 1));
                    if !is_parameter && ITEMS.iter().any(|item| ident == item) {
                        let rest = &self.text[range.end..];
                        function = self.name(rest).unwrap_or(function);
                    }
                    self.push(Kind::Ident, range, function);
                }
                TokenTree::Literal(literal) => {
                    self.push(Kind::Literal, literal.span().byte_range(), function);
                }
                TokenTree::Punct(punct) => {
                    let start = punct.span().byte_range().start;
                    let rest = &self.text[start..];
                    let long = OPERATORS.iter().find(|text| rest.starts_with(**text));
                    let len = long.map_or(punct.as_char().len_utf8(), |text| text.len());
                    self.push(Kind::Operator, start..start + len, function);
                    index += len - 1;
                    if punct.as_char() == ';' {
                        function = outer;
                    }
                }
            }
            index += 1;
        }
    }

    fn push(&mut self, kind: Kind, range: Range<usize>, function: usize) {
        self.tokens.push(Token {
            kind,
            range,
            function,
        });
    }

    /// Notes the name at the front of a text.
    fn name(&mut self, rest: &str) -> Option<usize> {
        let rest = rest.trim_start_matches([' ', '!', '$']);
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
        // `const fn`, `*const T` and `_` are no names.
        let name = &rest[..end];
        if end == 0 || ["fn", "_", "unsafe", "u8", "i8", "i16", "i32", "f32"].contains(&name) {
            return None;
        }
        self.functions.push(name.to_owned());
        Some(self.functions.len() - 1)
    }

    /// Returns what follows an attribute, and the item after it where that is a test or GPU code.
    fn attribute_end(&self, trees: &[TokenTree], index: usize) -> Option<usize> {
        let is = |index: usize, wanted: char| matches!(trees.get(index), Some(TokenTree::Punct(p)) if p.as_char() == wanted);
        let after = index + 1 + usize::from(is(index + 1, '!'));
        let Some(TokenTree::Group(group)) = trees.get(after) else {
            return None;
        };
        if !is(index, '#') || group.delimiter() != Delimiter::Bracket {
            return None;
        }
        let text = group.stream().to_string();
        let skips = text.starts_with("cfg")
            && !text.contains("not")
            && (text.contains("test") || text.contains("nvptx64"));
        let mut next = after + 1;
        if skips {
            while let Some(tree) = trees.get(next) {
                next += 1;
                let is_end = match tree {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => punct.as_char() == ';',
                    _ => false,
                };
                if is_end {
                    break;
                }
            }
        }
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_names_and_tests_are_left_out() {
        let text = "const A: i32 = 1;\n/// Doc 1.\nfn b() -> u8 { x >> (y + 1) }\n\
                    #[cfg(test)]\nmod tests { fn c() { 5 } }\nmacro_rules! d { () => { 2 } }";
        let source = Source::parse(text).unwrap();
        let literals = source.tokens.iter().enumerate();
        let literals: Vec<_> = literals
            .filter(|(_, token)| token.kind == Kind::Literal)
            .map(|(i, token)| (source.at(i), source.functions[token.function].as_str()))
            .collect();
        assert_eq!(literals, [("1", "A"), ("1", "b"), ("2", "d")]);
        let shift = (0..source.tokens.len()).find(|&i| source.at(i) == ">>");
        let end = source.operand_end(shift.unwrap() + 1).unwrap();
        assert_eq!(source.at(end), ")");
    }

    #[test]
    fn arguments_are_split_at_their_own_commas() {
        let source = Source::parse("s.fma(a, f(b, c), [d, e])").unwrap();
        let arguments = source.arguments(3).unwrap();
        let texts: Vec<_> = arguments
            .into_iter()
            .map(|range| &source.text[range])
            .collect();
        assert_eq!(texts, ["a", "f(b, c)", "[d, e]"]);
    }
}
