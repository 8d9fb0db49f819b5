//! Names of a kernel: registers, arrays, labels, in scopes that braces open.

use std::collections::HashMap;

use crate::error::ParseErrorKind;
use crate::instruction::{List, Slot};
use crate::module::Preset;
use crate::parse::cursor::Parsed;

/// Most braces within one another.
const DEPTH_MAX: u64 = 64;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    Register {
        slot: Slot,
        bits: u8,
    },
    /// An address in the shared, local or parameter space.
    Address(u64),
    /// A variable of the module.
    Variable(usize),
    DynamicShared,
}

/// Names of one pair of braces.
#[derive(Default)]
struct Scope<'a> {
    parent: usize,
    symbols: HashMap<&'a str, Symbol>,
    /// Declarations such as `%r<42>`: how many registers, and their width.
    ranges: HashMap<&'a str, (u64, u8)>,
    /// Instructions.
    labels: HashMap<&'a str, u32>,
    /// Targets of indexed branches.
    tables: HashMap<&'a str, List>,
}

/// All scopes of a kernel, the first of which is its body.
pub(crate) struct Scopes<'a> {
    scopes: Vec<Scope<'a>>,
    current: usize,
    depth: u64,
}

impl<'a> Scopes<'a> {
    pub(crate) fn new() -> Self {
        Self {
            scopes: vec![Scope::default()],
            current: 0,
            depth: 0,
        }
    }

    pub(crate) fn current(&self) -> usize {
        self.current
    }

    pub(crate) fn open(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(ParseErrorKind::TooLarge {
                what: "depth of braces",
                size: self.depth,
                limit: DEPTH_MAX,
            });
        }
        let parent = self.current;
        self.current = self.scopes.len();
        self.scopes.push(Scope {
            parent,
            ..Scope::default()
        });
        Ok(())
    }

    /// Leaves a scope; returns false if it is the body.
    pub(crate) fn close(&mut self) -> bool {
        if self.current == 0 {
            return false;
        }
        self.depth -= 1;
        self.current = self.scopes[self.current].parent;
        true
    }

    pub(crate) fn declare(&mut self, name: &'a str, symbol: Symbol) -> Parsed<()> {
        let scope = &mut self.scopes[self.current];
        match scope.symbols.insert(name, symbol) {
            None => Ok(()),
            Some(_) => Err(ParseErrorKind::Duplicate(name.to_owned())),
        }
    }

    pub(crate) fn declare_range(&mut self, prefix: &'a str, count: u64, bits: u8) -> Parsed<()> {
        let scope = &mut self.scopes[self.current];
        match scope.ranges.insert(prefix, (count, bits)) {
            None => Ok(()),
            Some(_) => Err(ParseErrorKind::Duplicate(format!("{prefix}<>"))),
        }
    }

    pub(crate) fn declare_label(&mut self, name: &'a str, instruction: u32) -> Parsed<()> {
        let scope = &mut self.scopes[self.current];
        match scope.labels.insert(name, instruction) {
            None => Ok(()),
            Some(_) => Err(ParseErrorKind::Duplicate(name.to_owned())),
        }
    }

    pub(crate) fn declare_table(&mut self, name: &'a str, list: List) {
        self.scopes[self.current].tables.insert(name, list);
    }

    /// Returns what the name stands for; registers get their slot when they are first named.
    pub(crate) fn find(&mut self, name: &'a str, slots: &mut Vec<Preset>) -> Option<Symbol> {
        let split = name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (prefix, digits) = name.split_at(split);
        let number = digits.parse::<u64>().ok();
        // As the compiler counts: no zeros in front.
        let number = number.filter(|_| digits == "0" || !digits.starts_with('0'));
        let mut at = self.current;
        loop {
            let scope = &mut self.scopes[at];
            if let Some(&symbol) = scope.symbols.get(name) {
                return Some(symbol);
            }
            if let (Some(number), Some(&(count, bits))) = (number, scope.ranges.get(prefix))
                && number < count
            {
                let slot = slots.len() as Slot;
                slots.push(Preset::Register(bits));
                let symbol = Symbol::Register { slot, bits };
                scope.symbols.insert(name, symbol);
                return Some(symbol);
            }
            if at == 0 {
                return None;
            }
            at = scope.parent;
        }
    }

    /// Returns the instruction of a label that is seen from the scope.
    pub(crate) fn label(&self, name: &str, scope: usize) -> Option<u32> {
        self.seen_from(scope, |scope| scope.labels.get(name).copied())
    }

    /// Returns the table of a label that is seen from the scope.
    pub(crate) fn table(&self, name: &str, scope: usize) -> Option<List> {
        self.seen_from(scope, |scope| scope.tables.get(name).copied())
    }

    fn seen_from<T>(&self, mut at: usize, get: impl Fn(&Scope<'a>) -> Option<T>) -> Option<T> {
        loop {
            let scope = &self.scopes[at];
            match get(scope) {
                None if at != 0 => at = scope.parent,
                found => return found,
            }
        }
    }
}
