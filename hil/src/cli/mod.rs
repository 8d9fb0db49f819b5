//! The command line: arguments, exit codes, and one file for each command.

mod bisect;
mod boards;
mod certify;
mod doctor;
mod faults;
mod history;
mod key;
mod lease;
mod meter;
mod new;
mod output;
mod progress;
mod quarantine;
mod report;
mod rigs;
mod run;
mod vectors;
mod verify;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mambalite_hil::Result;
use mambalite_hil::error::{EXIT_BUG, Error};

use output::Output;

const EXIT_CODES: &str = "\
Exit codes:
  0    every bit is equal and every negative control was caught
  1    a fault of this program or of the firmware's build, or a negative control was missed
  2    wrong usage, or input that cannot be used
  3    the board computed something else than the reference, or a measure is worse than it may be
  4    nothing was run
  5    a board, the emulator or the toolchain is missing
  6    the board did not answer in time
  7    flashing or the line failed
  8    every bit is equal, but only at a second attempt
  9    the firmware took a fault or ended
  10   a certificate is not signed, or not accepted; the reasons are listed
  130  stopped by Ctrl-C

Results go to stdout, everything else to stderr. With --json each line of stdout is one object
with \"schema\": 1.";

/// Runs pictures through boards and proves that every bit is right.
#[derive(Debug, Parser)]
#[command(name = "hil", version, after_help = EXIT_CODES)]
struct Cli {
    /// Prints one JSON object a line, and no progress.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Cmd),
    Doctor(doctor::Cmd),
    Certify(certify::Cmd),
    Verify(verify::Cmd),
    #[command(subcommand)]
    Key(key::Cmd),
    History(history::Cmd),
    Bisect(bisect::Cmd),
    Report(report::Cmd),
    Watch(watch::Cmd),
    #[command(subcommand)]
    Boards(boards::Cmd),
    #[command(subcommand)]
    Lease(lease::Cmd),
    Faults(faults::Cmd),
    #[command(subcommand)]
    New(new::Cmd),
    Meter(meter::Cmd),
    #[command(subcommand)]
    Quarantine(quarantine::Cmd),
    Vectors(vectors::Cmd),
}

/// Runs the command of the process's arguments.
pub(crate) fn main() -> ExitCode {
    let Cli { json, command } = Cli::parse();
    let output = Output { json };
    let outcome = catch_unwind(AssertUnwindSafe(|| match command {
        Command::Run(cmd) => cmd.run(output),
        Command::Doctor(cmd) => cmd.run(output),
        Command::Certify(cmd) => cmd.run(output),
        Command::Verify(cmd) => cmd.run(output),
        Command::Key(cmd) => cmd.run(output),
        Command::History(cmd) => cmd.run(output),
        Command::Bisect(cmd) => cmd.run(output),
        Command::Report(cmd) => cmd.run(output),
        Command::Watch(cmd) => cmd.run(output),
        Command::Boards(cmd) => cmd.run(output),
        Command::Lease(cmd) => cmd.run(output),
        Command::Faults(cmd) => cmd.run(output),
        Command::New(cmd) => cmd.run(output),
        Command::Meter(cmd) => cmd.run(output),
        Command::Quarantine(cmd) => cmd.run(output),
        Command::Vectors(cmd) => cmd.run(output),
    }));
    ExitCode::from(match outcome {
        Ok(outcome) => exit_code(outcome, output),
        Err(_) => {
            eprintln!("error: this is a fault of hil; please report the lines above");
            EXIT_BUG
        }
    })
}

fn exit_code(outcome: Result<u8>, output: Output) -> u8 {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            match &error {
                Error::File(file) => eprint!("{}", output::faulty_file(file)),
                error => eprintln!("error: {error}"),
            }
            if let Error::Picture(mambalite::Error::OutputIsInput { .. }) = &error {
                eprintln!("note: choose another folder with --out");
            }
            output.failure(&error);
            error.exit_code()
        }
    }
}
