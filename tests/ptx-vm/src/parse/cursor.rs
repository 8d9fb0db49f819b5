//! A place in the tokens, and what all parts of the parser ask of it.

use crate::error::{ParseError, ParseErrorKind};
use crate::parse::lexer::{self, Token, TokenKind};

/// Most characters of a line that an error quotes.
const QUOTED_CHARACTERS: usize = 120;

/// Result of the parts of the parser; [`Cursor::locate`] adds the line.
pub(crate) type Parsed<T> = Result<T, ParseErrorKind>;

/// A place in the tokens of a text.
pub(crate) struct Cursor<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    /// Line that an error is about.
    blamed: u32,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Result<Self, ParseError> {
        let mut cursor = Self {
            text,
            tokens: Vec::new(),
            at: 0,
            blamed: 1,
        };
        match lexer::tokens(text) {
            Ok(tokens) => cursor.tokens = tokens,
            Err((line, kind)) => {
                cursor.blamed = line;
                return Err(cursor.locate(kind));
            }
        }
        Ok(cursor)
    }

    /// Makes an error about the line of the last token taken, or about the line blamed.
    pub(crate) fn locate(&self, kind: ParseErrorKind) -> ParseError {
        let line = self
            .text
            .lines()
            .nth(self.blamed.saturating_sub(1) as usize);
        let text = line.unwrap_or_default().trim();
        ParseError {
            line: self.blamed,
            text: text.chars().take(QUOTED_CHARACTERS).collect(),
            kind,
        }
    }

    /// Lets the next error be about the line.
    pub(crate) fn blame(&mut self, line: u32) {
        self.blamed = line;
    }

    pub(crate) fn line(&self) -> u32 {
        self.peek().line
    }

    pub(crate) fn peek(&self) -> Token<'a> {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Token<'a> {
        let end = Token {
            text: "end of text",
            line: self.tokens.last().map_or(1, |token| token.line),
            kind: TokenKind::End,
        };
        self.tokens.get(self.at + ahead).copied().unwrap_or(end)
    }

    pub(crate) fn next(&mut self) -> Token<'a> {
        let token = self.peek();
        self.blamed = token.line;
        if token.kind != TokenKind::End {
            self.at += 1;
        }
        token
    }

    /// Takes the token if it is next.
    pub(crate) fn accept(&mut self, text: &str) -> bool {
        let token = self.peek();
        let found = token.text == text && !matches!(token.kind, TokenKind::Text | TokenKind::End);
        if found {
            self.next();
        }
        found
    }

    pub(crate) fn expect(&mut self, text: &'static str) -> Parsed<()> {
        if self.accept(text) {
            return Ok(());
        }
        Err(self.unexpected(text))
    }

    /// Takes a word that is not a directive.
    pub(crate) fn word(&mut self, expected: &'static str) -> Parsed<&'a str> {
        let token = self.peek();
        if token.kind == TokenKind::Word && !token.text.starts_with('.') {
            return Ok(self.next().text);
        }
        Err(self.unexpected(expected))
    }

    /// Takes a word that begins with a dot and returns it without.
    pub(crate) fn dotted(&mut self, expected: &'static str) -> Parsed<&'a str> {
        let token = self.peek();
        match token.text.strip_prefix('.') {
            Some(name) if token.kind == TokenKind::Word => {
                self.next();
                Ok(name)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// Takes a number that is not negative.
    pub(crate) fn unsigned(&mut self, expected: &'static str) -> Parsed<u64> {
        let word = self.word(expected)?;
        let number = integer(word).and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| ParseErrorKind::Number(word.to_owned()))
    }

    /// Takes the next token and says that it is not what was due.
    pub(crate) fn unexpected(&mut self, expected: &'static str) -> ParseErrorKind {
        let found = self.next().text.chars().take(QUOTED_CHARACTERS).collect();
        ParseErrorKind::Expected { expected, found }
    }

    /// Takes all tokens that begin on the line and returns the first.
    pub(crate) fn rest_of_line(&mut self, line: u32) -> Option<&'a str> {
        let mut first = None;
        while self.line() == line && self.peek().kind != TokenKind::End {
            let token = self.next();
            first = first.or(Some(token.text));
        }
        first
    }

    /// Takes tokens up to and with the punctuation.
    pub(crate) fn skip_past(&mut self, text: &'static str) -> Parsed<()> {
        while self.peek().kind != TokenKind::End {
            let token = self.next();
            if token.kind == TokenKind::Punctuation && token.text == text {
                return Ok(());
            }
        }
        Err(self.unexpected(text))
    }

    /// Takes a block in braces, the opening brace of which is next.
    pub(crate) fn skip_block(&mut self) -> Parsed<()> {
        self.expect("{")?;
        let mut depth = 1u64;
        while depth > 0 {
            let token = self.next();
            match (token.kind, token.text) {
                (TokenKind::Punctuation, "{") => depth += 1,
                (TokenKind::Punctuation, "}") => depth -= 1,
                (TokenKind::End, _) => return Err(self.unexpected("}")),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the value of an integer as PTX writes it: decimal, `0x`, `0b` or octal, with or without
/// a final `U`.
pub(crate) fn integer(word: &str) -> Option<i128> {
    let digits = word.strip_suffix('U').unwrap_or(word);
    let (digits, radix) = if let Some(hex) = strip_either(digits, "0x", "0X") {
        (hex, 16)
    } else if let Some(binary) = strip_either(digits, "0b", "0B") {
        (binary, 2)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (&digits[1..], 8)
    } else {
        (digits, 10)
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().map(i128::from)
}

fn strip_either<'t>(text: &'t str, one: &str, other: &str) -> Option<&'t str> {
    text.strip_prefix(one).or_else(|| text.strip_prefix(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_have_four_radices() {
        for (word, value) in [
            ("0", Some(0)),
            ("12", Some(12)),
            ("0x3340U", Some(0x3340)),
            ("0b101", Some(5)),
            ("017", Some(15)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("18446744073709551616", None),
            ("0x-1", None),
            ("08", None),
            ("", None),
            ("U", None),
        ] {
            assert_eq!(integer(word), value, "{word}");
        }
    }
}
