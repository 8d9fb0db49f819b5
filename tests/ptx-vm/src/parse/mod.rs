//! From text to decoded kernels.

mod body;
mod cursor;
mod declaration;
mod lexer;
mod opcode;
mod operand;
mod scope;

use std::collections::{HashMap, HashSet};

use crate::error::{ParseError, ParseErrorKind};
use crate::module::{Code, Module, Parameter};
use crate::parse::body::Body;
pub(crate) use crate::parse::body::CARRY;
use crate::parse::cursor::{Cursor, Parsed};
use crate::parse::declaration::{Declaration, Unlinked, declaration, variable};
use crate::parse::lexer::TokenKind;

/// Most bytes of the parameters of a kernel, by the PTX manual.
const PARAMETER_BYTES_MAX: u64 = 32_764;

/// What the kernels of a module share.
#[derive(Default)]
pub(crate) struct Globals<'a> {
    /// Indices of the variables.
    pub(crate) variables: HashMap<&'a str, usize>,
    /// Shared arrays of the module; a kernel that names one has one of its own.
    pub(crate) shared: HashMap<&'a str, Declaration<'a>>,
    /// Names of the dynamic shared memory.
    pub(crate) dynamic: HashSet<&'a str>,
}

/// Reads a whole text.
pub(crate) fn module(text: &str) -> Result<Module, ParseError> {
    let mut parser = Parser {
        cursor: Cursor::new(text)?,
        globals: Globals::default(),
        variables: Vec::new(),
        kernels: Vec::new(),
        version: (0, 0),
        target: String::new(),
    };
    let parsed = parser.items().and_then(|()| parser.link());
    if let Err(kind) = parsed {
        return Err(parser.cursor.locate(kind));
    }
    let variables = parser.variables.into_iter();
    Ok(Module {
        id: 0,
        version: parser.version,
        target: parser.target,
        variables: variables.map(|unlinked| unlinked.variable).collect(),
        kernels: parser.kernels,
    })
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    globals: Globals<'a>,
    variables: Vec<Unlinked<'a>>,
    kernels: Vec<Code>,
    version: (u32, u32),
    target: String,
}

impl<'a> Parser<'a> {
    fn items(&mut self) -> Parsed<()> {
        while self.cursor.peek().kind != TokenKind::End {
            let line = self.cursor.line();
            match self.cursor.dotted("a directive")? {
                "version" => self.version = self.read_version(line)?,
                "target" => {
                    let target = self.cursor.rest_of_line(line);
                    self.target = target.unwrap_or_default().to_owned();
                }
                "address_size" => {
                    let size = self.cursor.rest_of_line(line).unwrap_or_default();
                    if size != "64" {
                        let directive = format!(".address_size {size}");
                        return Err(ParseErrorKind::UnsupportedDirective(directive));
                    }
                }
                "file" | "loc" => {
                    self.cursor.rest_of_line(line);
                }
                "pragma" => self.cursor.skip_past(";")?,
                "section" => {
                    self.cursor.next();
                    self.cursor.skip_block()?;
                }
                "visible" | "weak" | "common" => {}
                "extern" => self.external()?,
                "func" => self.skip_function()?,
                "entry" => self.kernel()?,
                "global" => self.variable(false)?,
                "const" => self.variable(true)?,
                "shared" => self.shared()?,
                other => {
                    return Err(ParseErrorKind::UnsupportedDirective(format!(".{other}")));
                }
            }
        }
        Ok(())
    }

    fn read_version(&mut self, line: u32) -> Parsed<(u32, u32)> {
        let text = self.cursor.rest_of_line(line).unwrap_or_default();
        let parts = text.split_once('.');
        let parts =
            parts.and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        parts.ok_or_else(|| ParseErrorKind::Number(text.to_owned()))
    }

    /// Reads what follows `.extern`: dynamic shared memory, or a symbol that is missing here.
    fn external(&mut self) -> Parsed<()> {
        let kind = self.cursor.dotted("a directive")?;
        if kind == "shared" {
            let declaration = declaration(&mut self.cursor)?;
            self.cursor.expect(";")?;
            self.check_new(declaration.name)?;
            self.globals.dynamic.insert(declaration.name);
            return Ok(());
        }
        let mut depth = 0u32;
        loop {
            let token = self.cursor.peek();
            match (token.kind, token.text) {
                (TokenKind::End, _) => return Err(self.cursor.unexpected("a name")),
                (TokenKind::Punctuation, "(") => depth += 1,
                (TokenKind::Punctuation, ")") => depth = depth.saturating_sub(1),
                (TokenKind::Word, text)
                    if depth == 0
                        && text
                            .starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$') =>
                {
                    self.cursor.next();
                    return Err(ParseErrorKind::External(text.to_owned()));
                }
                _ => {}
            }
            self.cursor.next();
        }
    }

    /// Skips a function: nothing can call it.
    fn skip_function(&mut self) -> Parsed<()> {
        loop {
            let token = self.cursor.peek();
            match (token.kind, token.text) {
                (TokenKind::Punctuation, "{") => return self.cursor.skip_block(),
                (TokenKind::Punctuation, ";") => {
                    self.cursor.next();
                    return Ok(());
                }
                (TokenKind::End, _) => return Err(self.cursor.unexpected("{")),
                _ => self.cursor.next(),
            };
        }
    }

    fn variable(&mut self, constant: bool) -> Parsed<()> {
        let unlinked = variable(&mut self.cursor, constant)?;
        let index = self.variables.len();
        self.check_new(unlinked.name)?;
        self.globals.variables.insert(unlinked.name, index);
        self.variables.push(unlinked);
        Ok(())
    }

    fn shared(&mut self) -> Parsed<()> {
        let declaration = declaration(&mut self.cursor)?;
        self.cursor.expect(";")?;
        self.check_new(declaration.name)?;
        self.globals.shared.insert(declaration.name, declaration);
        Ok(())
    }

    fn check_new(&self, name: &str) -> Parsed<()> {
        let globals = &self.globals;
        let known = globals.variables.contains_key(name)
            || globals.shared.contains_key(name)
            || globals.dynamic.contains(name);
        if known {
            return Err(ParseErrorKind::Duplicate(name.to_owned()));
        }
        Ok(())
    }

    fn kernel(&mut self) -> Parsed<()> {
        let name = self.cursor.word("the name of a kernel")?;
        if self.kernels.iter().any(|kernel| kernel.name == name) {
            return Err(ParseErrorKind::Duplicate(name.to_owned()));
        }
        let (parameters, parameter_bytes) = self.parameters()?;
        loop {
            let token = self.cursor.peek();
            match (token.kind, token.text) {
                (TokenKind::Punctuation, "{") => break,
                // A declaration; the definition follows.
                (TokenKind::Punctuation, ";") => {
                    self.cursor.next();
                    return Ok(());
                }
                (TokenKind::Word, ".pragma") => self.cursor.skip_past(";")?,
                (TokenKind::End, _) => return Err(self.cursor.unexpected("{")),
                _ => {
                    self.cursor.next();
                }
            }
        }
        let body = Body::new(&mut self.cursor, &self.globals, &parameters);
        let mut code = body.read(name)?;
        code.parameters = parameters;
        code.parameter_bytes = parameter_bytes;
        self.kernels.push(code);
        Ok(())
    }

    /// Reads the parameters in parentheses and places them as the CUDA ABI does.
    fn parameters(&mut self) -> Parsed<(Vec<Parameter>, usize)> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut end = 0u64;
        if !self.cursor.accept("(") || self.cursor.accept(")") {
            return Ok((parameters, 0));
        }
        loop {
            self.cursor.expect(".param")?;
            let declaration = declaration(&mut self.cursor)?;
            let bytes = declaration.bytes("parameters", PARAMETER_BYTES_MAX)?;
            let offset = end.next_multiple_of(declaration.align);
            end = offset + bytes;
            if end > PARAMETER_BYTES_MAX {
                return Err(ParseErrorKind::TooLarge {
                    what: "parameters",
                    size: end,
                    limit: PARAMETER_BYTES_MAX,
                });
            }
            let name = declaration.name.to_owned();
            if parameters.iter().any(|parameter| parameter.name == name) {
                return Err(ParseErrorKind::Duplicate(name));
            }
            parameters.push(Parameter {
                name,
                bytes: bytes as usize,
                offset: offset as usize,
            });
            if !self.cursor.accept(",") {
                self.cursor.expect(")")?;
                return Ok((parameters, end as usize));
            }
        }
    }

    /// Replaces the names in initialisers by the indices of the variables.
    fn link(&mut self) -> Parsed<()> {
        for unlinked in &mut self.variables {
            let relocations = unlinked.variable.relocations.iter_mut();
            for (relocation, &(name, line)) in relocations.zip(&unlinked.targets) {
                let Some(&index) = self.globals.variables.get(name) else {
                    self.cursor.blame(line);
                    return Err(ParseErrorKind::UnknownName(name.to_owned()));
                };
                relocation.variable = index;
            }
        }
        Ok(())
    }
}
