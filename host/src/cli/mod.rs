//! The command line: arguments, exit codes, and one file for each command.

mod calibration;
mod compress;
mod eval;
mod export;
mod fit;
mod import;
mod inspect;
mod network;
mod output;
mod progress;
mod quantize;
mod search;
mod train;
mod upscale;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mambalite::Result;
use mambalite::error::{EXIT_BUG, EXIT_INPUT};

use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a fault of this program
  2  wrong usage, or input that cannot be used
  5  no GPU that can be used, with --backend cuda
  130  ended by a second Ctrl-C

Results go to stdout, everything else to stderr. With --json each line of stdout is one object
with \"schema\": 1; a score that is infinite is null there.";

/// Magnifies pictures with small Mamba networks and prepares those networks.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_CODES)]
struct Cli {
    /// Prints one JSON object a line, and no progress.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Import(import::Cmd),
    Export(export::Cmd),
    Inspect(inspect::Cmd),
    Upscale(upscale::Cmd),
    Eval(eval::Cmd),
    Quantize(quantize::Cmd),
    Compress(compress::Cmd),
    Train(train::Train),
    Distill(train::Distill),
    Search(search::Cmd),
    Fit(fit::Cmd),
}

/// Runs the command of the process's arguments.
pub(crate) fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let output = Output { json };
    ExitCode::from(exit_code(|| match command {
        Command::Import(cmd) => cmd.run(output),
        Command::Export(cmd) => cmd.run(output),
        Command::Inspect(cmd) => cmd.run(output),
        Command::Upscale(cmd) => cmd.run(output),
        Command::Eval(cmd) => cmd.run(output),
        Command::Quantize(cmd) => cmd.run(output),
        Command::Compress(cmd) => cmd.run(output),
        Command::Train(cmd) => cmd.run(output),
        Command::Distill(cmd) => cmd.run(output),
        Command::Search(cmd) => cmd.run(output),
        Command::Fit(cmd) => cmd.run(output),
    }))
}

/// Ends the process for wrong usage that the parser does not see itself.
fn usage_error(message: &str) -> ! {
    eprintln!("error: {message}\n\nFor more information, try '--help'.");
    std::process::exit(EXIT_INPUT.into());
}

/// Runs a command and says how it ended; a panic is a fault of this program.
fn exit_code(command: impl FnOnce() -> Result<()>) -> u8 {
    match catch_unwind(AssertUnwindSafe(command)) {
        Ok(Ok(())) => 0,
        Ok(Err(error)) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
        Err(_) => {
            eprintln!("error: this is a fault of mambalite; please report the lines above");
            EXIT_BUG
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ends_are_told_apart() {
        assert_eq!(exit_code(|| Ok(())), 0);
        let input = mambalite::Error::Protocol { found: "x".into() };
        assert_eq!(exit_code(|| Err(input)), EXIT_INPUT);
        assert_eq!(exit_code(|| panic!("wanted by the test")), EXIT_BUG);
    }
}
