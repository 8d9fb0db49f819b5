//! Splits a text into tokens.

use crate::error::ParseErrorKind;

/// A piece of the text and the line on which it begins, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: u32,
    pub(crate) kind: TokenKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// An opcode with its modifiers, a directive, a name or a number.
    Word,
    /// One character.
    Punctuation,
    /// A string, without its quotes.
    Text,
    End,
}

/// Splits the text; comments are dropped. Returns the line of the fault with an error.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, (u32, ParseErrorKind)> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '\n' => {
                line += 1;
                1
            }
            c if c.is_whitespace() => c.len_utf8(),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                let end = rest.find("*/");
                let end = end.ok_or((line, ParseErrorKind::Unterminated("comment")))? + 2;
                line += newlines(&rest[..end]);
                end
            }
            '"' => {
                let end = rest[1..].find('"');
                let end = end.ok_or((line, ParseErrorKind::Unterminated("string")))?;
                tokens.push(Token {
                    text: &rest[1..1 + end],
                    line,
                    kind: TokenKind::Text,
                });
                line += newlines(&rest[1..1 + end]);
                end + 2
            }
            c if is_word(c) => {
                let length = word_length(rest);
                tokens.push(Token {
                    text: &rest[..length],
                    line,
                    kind: TokenKind::Word,
                });
                length
            }
            c if "{}()[]<>,;:|=@!+-".contains(c) => {
                tokens.push(Token {
                    text: &rest[..1],
                    line,
                    kind: TokenKind::Punctuation,
                });
                1
            }
            c => return Err((line, ParseErrorKind::Character(c))),
        };
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn newlines(text: &str) -> u32 {
    text.bytes()
        .map(|byte| u32::from(byte == b'\n'))
        .fold(0, u32::saturating_add)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '%' | '.')
}

/// Returns the length of the word at the start of the text. `::` is part of a word, `:` is not.
fn word_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if is_word(char::from(byte)) {
            at += 1;
        } else if bytes[at..].starts_with(b"::") {
            at += 2;
        } else {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, u32)> {
        let tokens = tokens(text).unwrap();
        tokens
            .iter()
            .map(|token| (token.text, token.line))
            .collect()
    }

    #[test]
    fn words_keep_dots_and_double_colons() {
        assert_eq!(
            texts("ld.global.L2::128B.b32 %r1, [%rd2+-4]; // x\n$L1:"),
            [
                ("ld.global.L2::128B.b32", 1),
                ("%r1", 1),
                (",", 1),
                ("[", 1),
                ("%rd2", 1),
                ("+", 1),
                ("-", 1),
                ("4", 1),
                ("]", 1),
                (";", 1),
                ("$L1", 2),
                (":", 2),
            ]
        );
    }

    #[test]
    fn lines_count_in_comments_and_strings() {
        assert_eq!(
            texts("/* a\nb */ x \"y\nz\" w"),
            [("x", 2), ("y\nz", 2), ("w", 3)]
        );
    }

    #[test]
    fn faults_name_their_line() {
        assert_eq!(tokens("\n`"), Err((2, ParseErrorKind::Character('`'))));
        assert_eq!(
            tokens("/*"),
            Err((1, ParseErrorKind::Unterminated("comment")))
        );
        assert_eq!(
            tokens("\"a"),
            Err((1, ParseErrorKind::Unterminated("string")))
        );
    }
}
