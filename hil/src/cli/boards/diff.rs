//! `hil boards diff`.

use mambalite_hil::Result;
use mambalite_hil::board::Boards;
use mambalite_hil::error::{EXIT_MISSING, EXIT_PASS};
use mambalite_hil::inventory::hardware::{System, diff};

use super::{Bench, print_missing};
use crate::cli::output::Output;

/// Prints what only one side has; what is plugged in and of no rig is no failure.
pub(super) fn run(bench: &Bench, boards: &Boards, output: Output) -> Result<u8> {
    let inventories = bench.load(boards)?;
    let rigs: Vec<_> = inventories.into_iter().flat_map(|it| it.rigs).collect();
    let differences = diff(&System::here().scan(), &rigs);
    for missing in &differences.missing {
        print_missing(missing, output);
    }
    for device in &differences.unlisted {
        if output.json {
            output.object("unlisted", device);
        } else {
            output.line(&format!("+ {}", device.describe()));
        }
    }
    Ok(if differences.missing.is_empty() {
        EXIT_PASS
    } else {
        EXIT_MISSING
    })
}
