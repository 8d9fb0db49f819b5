//! A crash, decoded: why, where, and who had called, from the log of a board and its program.
//!
//! Fault handlers log registers and a slice of the stack in a form of their own (`dump`); a
//! panic logs its place. Neither the log nor the ELF file is trusted.

mod backtrace;
mod cause;
mod dump;
mod program;

use serde::{Deserialize, Serialize};

use crate::log::Line;
use dump::Dump;
use program::Program;

/// What the last crash in a log was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashReport {
    /// Why, in words.
    pub cause: String,
    /// Registers of the code that took the fault, and those that say why, in the log's order.
    pub registers: Vec<Register>,
    /// Functions, the one that took the fault first.
    pub frames: Vec<Frame>,
    /// The stack was logged as far as its first function; else callers are missing.
    pub complete: bool,
}

/// A register with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Name, as `pc`.
    pub name: String,
    /// Value, as `0x000001c2`.
    pub value: String,
}

/// A function that ran when the fault was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Address of the instruction: that of the fault, or of a call.
    pub address: u32,
    /// Name; several inlined functions have one address.
    pub function: String,
    /// Source file, empty where unknown.
    pub file: String,
    /// Line in it, 0 where unknown.
    pub line: u32,
    /// It follows from registers and stack; else it is a guess.
    pub certain: bool,
}

/// Decodes the last crash of a log; nothing where it has none. `elf` is the program that ran.
#[must_use]
pub fn decode(lines: &[Line], elf: &[u8]) -> Option<CrashReport> {
    let messages = lines.iter().map(|line| line.message.as_str());
    match Dump::read(messages) {
        Some(dump) => Some(of_dump(&dump, elf)),
        None => of_panic(lines),
    }
}

impl CrashReport {
    /// Makes the report of a program on Linux of which only the last words are known.
    #[must_use]
    pub fn of_words(words: &str) -> Self {
        Self {
            cause: words.to_owned(),
            registers: Vec::new(),
            frames: Vec::new(),
            complete: false,
        }
    }
}

/// Returns first address and name of the functions of a program whose name `is_meant`; none where
/// the program cannot be read.
pub fn find_functions(elf: &[u8], is_meant: impl Fn(&str) -> bool) -> Vec<(u32, String)> {
    let program = Program::read(elf);
    let functions = program.map(Program::into_functions).unwrap_or_default();
    let meant = functions.into_iter().filter(|(_, _, name)| is_meant(name));
    meant.map(|(start, _, name)| (start, name)).collect()
}

fn of_dump(dump: &Dump, elf: &[u8]) -> CrashReport {
    let values = dump.registers.iter().chain(&dump.status);
    let registers = values.map(|(name, value)| Register {
        name: name.clone(),
        value: format!("{value:#010x}"),
    });
    let (frames, complete) = match Program::read(elf) {
        Ok(program) => backtrace::unwind(dump, &program),
        Err(_) => (Vec::new(), false),
    };
    CrashReport {
        cause: cause::describe(dump),
        registers: registers.collect(),
        frames,
        complete,
    }
}

/// Reads `panicked at FILE:LINE:COLUMN:` and the words after it.
fn of_panic(lines: &[Line]) -> Option<CrashReport> {
    const SIGN: &str = "panicked at ";
    let at = lines.iter().rposition(|line| line.message.contains(SIGN))?;
    let (_, told) = lines.get(at)?.message.split_once(SIGN)?;
    let (place, words) = told.split_once('\n').unwrap_or((told, ""));
    // A program with standard streams tells the words on a line of their own.
    let next = lines.get(at + 1).map_or("", |line| line.message.as_str());
    let words = if words.is_empty() { next } else { words };
    let mut parts = place.trim_end_matches(':').rsplitn(3, ':');
    let (_, line, file) = (parts.next(), parts.next(), parts.next());
    let frame = file.map(|file| Frame {
        address: 0,
        function: "(panic)".to_owned(),
        file: file.to_owned(),
        line: line.and_then(|line| line.parse().ok()).unwrap_or(0),
        certain: true,
    });
    Some(CrashReport {
        cause: format!("panic: {}", words.trim()),
        registers: Vec::new(),
        frames: frame.into_iter().collect(),
        complete: false,
    })
}

impl core::fmt::Display for CrashReport {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        writeln!(f, "{}", self.cause)?;
        for (number, frame) in self.frames.iter().enumerate() {
            writeln!(f, "  {number:>2}: {frame}")?;
        }
        if !self.frames.is_empty() && !self.complete {
            writeln!(f, "      (what called it was not logged)")?;
        }
        for row in self.registers.chunks(4) {
            let pairs = row.iter().map(|it| format!("{:>6} {}", it.name, it.value));
            writeln!(f, "  {}", pairs.collect::<Vec<_>>().join("  "))?;
        }
        Ok(())
    }
}

impl Frame {
    /// Returns the name without what generic functions were made for: `push` for `push::<u8>`.
    #[must_use]
    pub fn short_name(&self) -> String {
        let mut short = String::new();
        let mut depth = 0_usize;
        let mut before = ' ';
        for letter in self.function.chars() {
            let opens = letter == '<' && (depth > 0 || short.ends_with("::"));
            if opens {
                depth += 1;
            } else if depth == 0 {
                short.push(letter);
            } else if letter == '>' && before != '-' {
                depth -= 1;
            }
            if opens && depth == 1 {
                short.truncate(short.len() - 2);
            }
            before = letter;
        }
        short
    }
}

impl core::fmt::Display for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mark = if self.certain { "" } else { " (guessed)" };
        write!(f, "{}{mark}", self.short_name())?;
        if !self.file.is_empty() {
            write!(f, " at {}:{}", self.file, self.line)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
