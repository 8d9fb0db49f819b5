//! The body of a kernel.

use std::collections::HashMap;

use crate::error::ParseErrorKind;
use crate::instruction::{Guard, Instruction, List, Op, Slot};
use crate::memory::{LOCAL_START, PARAM_START, SHARED_START};
use crate::module::{Code, Parameter, Preset};
use crate::parse::Globals;
use crate::parse::cursor::{Cursor, Parsed};
use crate::parse::declaration::{Declaration, declaration};
use crate::parse::lexer::TokenKind;
use crate::parse::opcode;
use crate::parse::operand::{Operand, operands};
use crate::parse::scope::{Scopes, Symbol};
use crate::scalar::Type;

/// Most bytes of static shared memory that ptxas takes.
const STATIC_SHARED_BYTES_MAX: u64 = 48 << 10;
/// Most bytes of local memory of a thread.
const LOCAL_BYTES_MAX: u64 = 512 << 10;
/// Most registers, constants and addresses that a kernel may name.
const SLOTS_MAX: u64 = 1 << 20;

/// The slot of the carry that `add.cc` gives and `addc` takes.
pub(crate) const CARRY: Slot = 0;

/// A use of a label that may stand before it.
struct Jump<'a> {
    name: &'a str,
    scope: usize,
    line: u32,
    at: JumpAt,
}

enum JumpAt {
    /// The target of a branch.
    Instruction(usize),
    /// The table of an indexed branch.
    Table(usize),
    /// An entry of a table.
    Entry(List, usize),
}

/// A kernel under construction.
pub(crate) struct Body<'p, 'a> {
    cursor: &'p mut Cursor<'a>,
    globals: &'p Globals<'a>,
    parameters: &'p [Parameter],
    scopes: Scopes<'a>,
    pub(crate) slots: Vec<Preset>,
    pub(crate) presets: HashMap<Preset, Slot>,
    pub(crate) lists: Vec<Vec<u32>>,
    instructions: Vec<Instruction>,
    lines: Vec<u32>,
    jumps: Vec<Jump<'a>>,
    /// Addresses of the shared arrays of the module that the kernel names.
    shared: HashMap<&'a str, u64>,
    shared_bytes: u64,
    local_bytes: u64,
}

impl<'p, 'a> Body<'p, 'a> {
    pub(crate) fn new(
        cursor: &'p mut Cursor<'a>,
        globals: &'p Globals<'a>,
        parameters: &'p [Parameter],
    ) -> Self {
        Self {
            cursor,
            globals,
            parameters,
            scopes: Scopes::new(),
            slots: vec![Preset::Register(1)],
            presets: HashMap::new(),
            lists: Vec::new(),
            instructions: Vec::new(),
            lines: Vec::new(),
            jumps: Vec::new(),
            shared: HashMap::new(),
            shared_bytes: 0,
            local_bytes: 0,
        }
    }

    /// Reads from the opening to the closing brace.
    pub(crate) fn read(mut self, name: &str) -> Parsed<Code> {
        self.cursor.expect("{")?;
        loop {
            let token = self.cursor.peek();
            let label = self.cursor.peek_at(1);
            match (token.kind, token.text) {
                (TokenKind::Punctuation, "}") => {
                    self.cursor.next();
                    if !self.scopes.close() {
                        break;
                    }
                }
                (TokenKind::Punctuation, "{") => {
                    self.cursor.next();
                    self.scopes.open()?;
                }
                (TokenKind::Punctuation, ";") => {
                    self.cursor.next();
                }
                (TokenKind::Punctuation, "@") => self.guarded()?,
                (TokenKind::Word, text) if text.starts_with('.') => self.directive()?,
                (TokenKind::Word, _)
                    if label.kind == TokenKind::Punctuation && label.text == ":" =>
                {
                    self.label()?;
                }
                (TokenKind::Word, _) => self.instruction(Guard::ALWAYS)?,
                _ => return Err(self.cursor.unexpected("an instruction")),
            }
            if self.slots.len() as u64 > SLOTS_MAX {
                return Err(too_large("registers", self.slots.len() as u64, SLOTS_MAX));
            }
        }
        self.push(Guard::ALWAYS, Op::Exit, self.cursor.line());
        self.resolve()?;
        Ok(Code {
            name: name.to_owned(),
            parameters: Vec::new(),
            parameter_bytes: 0,
            instructions: self.instructions,
            lines: self.lines,
            lists: self.lists,
            slots: self.slots,
            shared_bytes: self.shared_bytes,
            dynamic_shared: SHARED_START + self.shared_bytes.next_multiple_of(16),
            local_bytes: self.local_bytes,
        })
    }

    /// Returns what a name stands for.
    pub(crate) fn find(&mut self, name: &'a str) -> Parsed<Option<Symbol>> {
        if let Some(symbol) = self.scopes.find(name, &mut self.slots) {
            return Ok(Some(symbol));
        }
        let mut parameters = self.parameters.iter();
        if let Some(parameter) = parameters.find(|parameter| parameter.name == name) {
            let address = PARAM_START + parameter.offset as u64;
            return Ok(Some(Symbol::Address(address)));
        }
        if let Some(&index) = self.globals.variables.get(name) {
            return Ok(Some(Symbol::Variable(index)));
        }
        if self.globals.dynamic.contains(name) {
            return Ok(Some(Symbol::DynamicShared));
        }
        if let Some(&address) = self.shared.get(name) {
            return Ok(Some(Symbol::Address(address)));
        }
        let Some(declaration) = self.globals.shared.get(name) else {
            return Ok(None);
        };
        let address = self.place_shared(declaration)?;
        self.shared.insert(declaration.name, address);
        Ok(Some(Symbol::Address(address)))
    }

    fn place_shared(&mut self, declaration: &Declaration<'_>) -> Parsed<u64> {
        let bytes = declaration.bytes("shared memory", STATIC_SHARED_BYTES_MAX)?;
        let start = self.shared_bytes.next_multiple_of(declaration.align);
        let end = start + bytes;
        if end > STATIC_SHARED_BYTES_MAX {
            return Err(too_large("shared memory", end, STATIC_SHARED_BYTES_MAX));
        }
        self.shared_bytes = end;
        Ok(SHARED_START + start)
    }

    fn directive(&mut self) -> Parsed<()> {
        let line = self.cursor.line();
        match self.cursor.dotted("a directive")? {
            "reg" => self.registers(),
            "shared" => {
                let declaration = declaration(self.cursor)?;
                self.cursor.expect(";")?;
                let address = self.place_shared(&declaration)?;
                self.scopes
                    .declare(declaration.name, Symbol::Address(address))
            }
            "local" => {
                let declaration = declaration(self.cursor)?;
                self.cursor.expect(";")?;
                let bytes = declaration.bytes("local memory", LOCAL_BYTES_MAX)?;
                let start = self.local_bytes.next_multiple_of(declaration.align);
                self.local_bytes = start + bytes;
                if self.local_bytes > LOCAL_BYTES_MAX {
                    return Err(too_large("local memory", self.local_bytes, LOCAL_BYTES_MAX));
                }
                let symbol = Symbol::Address(LOCAL_START + start);
                self.scopes.declare(declaration.name, symbol)
            }
            "pragma" => self.cursor.skip_past(";"),
            "loc" | "file" => {
                self.cursor.rest_of_line(line);
                Ok(())
            }
            other => Err(ParseErrorKind::UnsupportedDirective(format!(".{other}"))),
        }
    }

    /// Reads `.reg .b32 %r<42>, t;`.
    fn registers(&mut self) -> Parsed<()> {
        let name = self.cursor.dotted("a type")?;
        let bits = match name {
            "f64" => 64,
            "f16" => 16,
            name => match Type::parse(name) {
                Some(ty) => ty.bits,
                None => {
                    return Err(ParseErrorKind::UnsupportedDirective(format!(
                        ".reg .{name}"
                    )));
                }
            },
        };
        loop {
            let name = self.cursor.word("the name of a register")?;
            if self.cursor.accept("<") {
                let count = self.cursor.unsigned("a number of registers")?;
                self.cursor.expect(">")?;
                self.scopes.declare_range(name, count, bits)?;
            } else {
                let slot = self.slots.len() as Slot;
                self.slots.push(Preset::Register(bits));
                self.scopes.declare(name, Symbol::Register { slot, bits })?;
            }
            if !self.cursor.accept(",") {
                return self.cursor.expect(";");
            }
        }
    }

    /// Reads a label, or a label with the table of an indexed branch.
    fn label(&mut self) -> Parsed<()> {
        let name = self.cursor.word("a label")?;
        self.cursor.expect(":")?;
        if !self.cursor.accept(".branchtargets") {
            return self
                .scopes
                .declare_label(name, self.instructions.len() as u32);
        }
        let list = self.list(Vec::new());
        self.scopes.declare_table(name, list);
        loop {
            let line = self.cursor.line();
            let name = self.cursor.word("a label")?;
            let entries = &mut self.lists[list as usize];
            entries.push(0);
            let at = JumpAt::Entry(list, entries.len() - 1);
            self.jump(name, line, at);
            if !self.cursor.accept(",") {
                return self.cursor.expect(";");
            }
        }
    }

    fn guarded(&mut self) -> Parsed<()> {
        self.cursor.expect("@")?;
        let negated = self.cursor.accept("!");
        let name = self.cursor.word("a predicate")?;
        let slot = self.source(&Operand::Name(name), Type::PREDICATE)?;
        self.instruction(Guard::new(slot, negated))
    }

    fn instruction(&mut self, guard: Guard) -> Parsed<()> {
        let line = self.cursor.line();
        let opcode = self.cursor.word("an instruction")?;
        let operands = operands(self.cursor)?;
        self.cursor.blame(line);
        let op = opcode::decode(self, opcode, &operands)?;
        let at = self.instructions.len();
        match (&op, operands.as_slice()) {
            (Op::Branch { .. }, [Operand::Name(name)]) => {
                self.jump(name, line, JumpAt::Instruction(at));
            }
            (Op::BranchIndex { .. }, [_, Operand::Name(name)]) => {
                self.jump(name, line, JumpAt::Table(at));
            }
            _ => {}
        }
        self.push(guard, op, line);
        Ok(())
    }

    fn push(&mut self, guard: Guard, op: Op, line: u32) {
        self.instructions.push(Instruction { guard, op });
        self.lines.push(line);
    }

    fn jump(&mut self, name: &'a str, line: u32, at: JumpAt) {
        let scope = self.scopes.current();
        self.jumps.push(Jump {
            name,
            scope,
            line,
            at,
        });
    }

    /// Fills in the targets of the branches.
    fn resolve(&mut self) -> Parsed<()> {
        for jump in &self.jumps {
            let found = match jump.at {
                JumpAt::Table(_) => self.scopes.table(jump.name, jump.scope),
                _ => self.scopes.label(jump.name, jump.scope),
            };
            let Some(found) = found else {
                self.cursor.blame(jump.line);
                return Err(ParseErrorKind::UnknownName(jump.name.to_owned()));
            };
            match jump.at {
                JumpAt::Entry(list, entry) => self.lists[list as usize][entry] = found,
                JumpAt::Instruction(at) | JumpAt::Table(at) => {
                    match &mut self.instructions[at].op {
                        Op::Branch { target } => *target = found,
                        Op::BranchIndex { targets, .. } => *targets = found,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

fn too_large(what: &'static str, size: u64, limit: u64) -> ParseErrorKind {
    ParseErrorKind::TooLarge { what, size, limit }
}
