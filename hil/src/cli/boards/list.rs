//! `hil boards list`.

use mambalite_hil::board::{Board, Boards};
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::inventory::{InventoryError, Rig, today};
use mambalite_hil::lease::Lease;
use mambalite_hil::run::golden;
use mambalite_hil::state::State;
use mambalite_hil::{Error, Result};
use serde::Serialize;

use super::Bench;
use crate::cli::output::Output;

#[derive(Serialize)]
struct BoardEntry<'a> {
    #[serde(flatten)]
    board: &'a Board,
    runnable: bool,
}

#[derive(Serialize)]
struct RigEntry<'a> {
    #[serde(flatten)]
    rig: &'a Rig,
    bench: &'a str,
    quarantined: bool,
}

/// Prints a table of boards and one of rigs.
pub(super) fn run(bench: &Bench, boards: &Boards, output: Output) -> Result<u8> {
    let names = boards.names()?;
    if !output.json {
        output.line(&format!(
            "{:<22} {:<26} {:<12} {:>10} {:>10}",
            "NAME", "CHIP", "CORE", "ARENA KiB", "MODEL KiB"
        ));
    }
    for name in names {
        print_board(&boards.load(&name)?, output);
    }
    let inventories = match bench.load(boards) {
        // Boards can be listed before there is any bench.
        Err(Error::Inventory(InventoryError::NoBench { .. })) => return Ok(EXIT_PASS),
        inventories => inventories?,
    };
    if !output.json {
        output.line("");
        output.line(&format!(
            "{:<22} {:<22} {:<14} {:<20} TAGS",
            "RIG", "BOARD", "BENCH", "STATE"
        ));
    }
    for inventory in &inventories {
        let stem = inventory
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let bench = inventory.bench.name.as_deref().unwrap_or(&stem);
        for rig in &inventory.rigs {
            print_rig(rig, bench, output)?;
        }
    }
    Ok(EXIT_PASS)
}

fn print_board(board: &Board, output: Output) {
    if output.json {
        let runnable = board.is_runnable();
        output.object("board", BoardEntry { board, runnable });
        return;
    }
    output.line(&format!(
        "{:<22} {:<26} {:<12} {:>10} {:>10}",
        board.name,
        board.chip,
        board.core,
        board.arena_bytes / 1024,
        board.memory().map_or("file".to_owned(), |memory| {
            (memory.model.capacity_bytes / 1024).to_string()
        })
    ));
}

fn print_rig(rig: &Rig, bench: &str, output: Output) -> Result<()> {
    let active = rig.quarantine.as_ref().filter(|it| it.is_active(today()));
    if output.json {
        let quarantined = active.is_some();
        output.object(
            "rig",
            RigEntry {
                rig,
                bench,
                quarantined,
            },
        );
        return Ok(());
    }
    let state = match active {
        Some(it) => format!("quarantine to {}", it.expires),
        None => state(&rig.name)?,
    };
    let tags = rig.tags.join(" ");
    let line = format!(
        "{:<22} {:<22} {bench:<14} {state:<20} {tags}",
        rig.name, rig.board
    );
    output.line(line.trim_end());
    Ok(())
}

/// Returns whether a rig can be had, in a few words.
fn state(rig: &str) -> Result<String> {
    let state = State::from_environment()?;
    if golden::out_of_order(&state, rig).is_some() {
        return Ok("out of order".to_owned());
    }
    let holder = Lease::holder(&state, rig)?;
    Ok(holder.map_or("free".to_owned(), |it| format!("lent to {}", it.user)))
}
