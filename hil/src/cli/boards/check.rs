//! `hil boards check`.

use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_INPUT, EXIT_MISSING, EXIT_PASS};
use mambalite_hil::inventory::hardware::{System, diff};
use mambalite_hil::inventory::{Inventory, today};
use mambalite_hil::{Error, Result};
use serde::Serialize;

use super::{Bench, print_missing, warn};
use crate::cli::output::{self, Output};

#[derive(Serialize)]
struct FileLine {
    path: std::path::PathBuf,
    faults: usize,
    rigs: usize,
}

/// Reads everything, tells all that is wrong, then looks what is plugged in.
pub(super) fn run(bench: &Bench, boards: &Boards, output: Output) -> Result<u8> {
    let mut faulty = Vec::new();
    for name in boards.names()? {
        match boards.load(&name) {
            Err(Error::File(file)) => faulty.push(*file),
            other => drop(other?),
        }
    }
    let mut inventories = Vec::new();
    // Rigs are checked against board files: with a bad one there is nothing to check against.
    if faulty.is_empty() {
        let (good, bad) = Inventory::load_all(bench.bench.as_deref(), boards, today())?;
        inventories = good;
        faulty.extend(bad);
    }
    warn(&inventories);
    for file in &faulty {
        eprint!("{}", output::faulty_file(file));
        tell(file.path(), file.faults().len(), 0, output);
    }
    for inventory in &inventories {
        tell(&inventory.path, 0, inventory.rigs.len(), output);
    }
    let rigs: Vec<_> = inventories.into_iter().flat_map(|it| it.rigs).collect();
    let missing = diff(&System::here().scan(), &rigs).missing;
    for missing in &missing {
        print_missing(missing, output);
    }
    Ok(match (faulty.is_empty(), missing.is_empty()) {
        (false, _) => EXIT_INPUT,
        (true, false) => EXIT_MISSING,
        (true, true) => EXIT_PASS,
    })
}

fn tell(path: &std::path::Path, faults: usize, rigs: usize, output: Output) {
    if output.json {
        let path = path.to_owned();
        output.object("file", FileLine { path, faults, rigs });
    } else if faults == 0 {
        output.line(&format!("{}: good, {rigs} rigs", path.display()));
    } else {
        output.line(&format!("{}: not good", path.display()));
    }
}
