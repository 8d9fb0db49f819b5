//! `hil new board`.

use clap::{Args, Subcommand};
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::scaffold::{Chip, Made, Memory, Order, make};
use serde::Serialize;

use super::output::Output;

/// Makes what a newcomer begins with.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Makes the folder of a new board, which builds at once.
    Board(Board),
}

/// A new board.
#[derive(Args, Debug)]
pub(crate) struct Board {
    /// Name: small letters, digits and `-`.
    name: String,
    /// Chip; an unknown name lists those that are known.
    #[arg(long)]
    chip: String,
    /// Begins with the program and the peripherals of this board, instead of a line through the
    /// debug probe.
    #[arg(long, value_name = "BOARD")]
    from: Option<String>,
    /// Flash of a chip that is not known.
    #[arg(long, value_name = "ORIGIN:LENGTH", requires_all = ["ram", "target"])]
    flash: Option<Memory>,
    /// RAM of a chip that is not known.
    #[arg(long, value_name = "ORIGIN:LENGTH", requires = "flash")]
    ram: Option<Memory>,
    /// Rust target of a chip that is not known.
    #[arg(long, value_name = "TRIPLE", requires = "flash")]
    target: Option<String>,
}

#[derive(Serialize)]
struct MadeLine<'a> {
    folder: &'a std::path::Path,
    checks: bool,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let Self::Board(order) = self;
        order.run(output)
    }
}

impl Board {
    fn run(&self, output: Output) -> Result<u8> {
        let boards = super::boards::find()?;
        let chip = match (self.flash, self.ram, &self.target) {
            (Some(flash), Some(ram), Some(target)) => Chip::of_memory(flash, ram, target)?,
            _ => Chip::find(&self.chip)?,
        };
        let made = make(
            &boards,
            &Order {
                name: &self.name,
                chip_name: &self.chip,
                chip,
                from: self.from.as_deref(),
            },
        )?;
        if output.json {
            output.object(
                "board-made",
                &MadeLine {
                    folder: &made.folder,
                    checks: made.has_checks,
                },
            );
        } else {
            output.line(&self.next_steps(&made));
        }
        Ok(EXIT_PASS)
    }

    fn next_steps(&self, made: &Made) -> String {
        let Self { name, .. } = self;
        let checks = match (made.has_checks, made.has_all) {
            (true, _) => "",
            (false, false) => {
                "\nThe flash is too small for the operator checks and for more than one number format: \
                 only w8a8 is built."
            }
            (false, true) => "\nThe flash is too small for the operator checks; they are left out.",
        };
        format!(
            "made {}{checks}\n\
             next, as in docs/porting.md:\n  \
             cargo xtask firmware --board {name}\n  \
             its serial port and chip id: {}\n  \
             hil boards scan --board {name} > hil/rigs/{name}.toml",
            made.folder.display(),
            made.folder.join("src/main.rs").display(),
        )
    }
}
