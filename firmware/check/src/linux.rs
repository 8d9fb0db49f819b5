//! Linux, native or emulated.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use mambalite_kernels_check::MEMORY_WORDS;

use crate::{Options, check};

struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        io::stdout()
            .write_all(text.as_bytes())
            .map_err(|_| fmt::Error)
    }
}

/// Entry of the program.
pub(crate) fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    ExitCode::from(match Options::parse(words.iter().map(String::as_str)) {
        Ok(options) => {
            let mut memory = vec![0; MEMORY_WORDS];
            check(&mut Console, &options, &mut memory).unwrap_or(crate::BUG)
        }
        Err(word) => {
            eprintln!("what is {word}?");
            crate::USAGE
        }
    })
}

/// None: interrupts are the system's.
pub(crate) const INTERRUPTS: Option<fn() -> Result<(), &'static str>> = None;

/// None: the system guards the stack.
pub(crate) fn stack_bytes() -> Option<(u32, u32)> {
    None
}

/// Does nothing: this control is one of bare machines.
pub(crate) fn flush_to_zero() {}
