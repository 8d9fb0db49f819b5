//! `hil boards`: what boards there are, what rigs, and what is plugged in.

mod check;
mod diff;
mod list;
mod scan;

use clap::{Args, Subcommand};
use mambalite_hil::board::Boards;
use mambalite_hil::inventory::hardware::Missing;
use mambalite_hil::inventory::{Inventory, today};
use mambalite_hil::{Error, Result};

use super::output::{self, Output};

/// Shows boards, rigs and what is plugged in.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Lists the boards with their memory, and the rigs of this computer.
    List(Bench),
    /// Prints what is plugged in, as a rig file to begin with.
    Scan(scan::Cmd),
    /// Checks all board files and rig files, and that what they name is plugged in.
    Check(Bench),
    /// Compares the rigs with what is plugged in: `-` is missing, `+` is of no rig.
    Diff(Bench),
}

/// Which rig files.
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Rig file, or name of one in hil/rigs [default: all there that are for this computer].
    #[arg(long, value_name = "FILE|NAME")]
    bench: Option<String>,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let boards = find()?;
        match self {
            Self::List(bench) => list::run(&bench, &boards, output),
            Self::Scan(cmd) => cmd.run(&boards, output),
            Self::Check(bench) => check::run(&bench, &boards, output),
            Self::Diff(bench) => diff::run(&bench, &boards, output),
        }
    }
}

impl Bench {
    /// Reports whether a rig file is named.
    pub(crate) fn is_named(&self) -> bool {
        self.bench.is_some()
    }

    /// Reads the files; warnings go to stderr.
    pub(crate) fn load(&self, boards: &Boards) -> Result<Vec<Inventory>> {
        let inventories = Inventory::load(self.bench.as_deref(), boards, today())?;
        warn(&inventories);
        Ok(inventories)
    }
}

/// Shows the warnings of rig files.
fn warn(inventories: &[Inventory]) {
    for warnings in inventories.iter().filter_map(|it| it.warnings.as_ref()) {
        eprint!("{}", output::faulty_file(warnings));
    }
}

/// Prints what a rig names and is not plugged in.
fn print_missing(missing: &Missing, output: Output) {
    if output.json {
        output.object("missing", missing);
        return;
    }
    let state = match missing.count {
        0 => "is not plugged in".to_owned(),
        count => format!("is plugged in {count} times"),
    };
    output.line(&format!(
        "- {}: {} {} {state}",
        missing.rig, missing.what, missing.id
    ));
}

/// Finds the boards at or above the working directory, else those of the source tree.
pub(crate) fn find() -> Result<Boards> {
    let here = std::env::current_dir().map_err(|cause| Error::Read {
        path: ".".into(),
        cause,
    })?;
    Boards::find(&here).or_else(|error| {
        let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        Boards::find(source).map_err(|_| error)
    })
}
