//! `hil quarantine`: rigs whose verdicts count for nothing for a while.

use clap::{Args, Subcommand};
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::inventory::{Inventory, Quarantine, Rig, select, today};
use serde::Serialize;

use super::boards::{self, Bench};
use super::output::Output;

/// Lists, adds and lifts quarantines in the rig files.
///
/// A rig in quarantine is run and its verdict is kept, but counts for nothing. It ends by itself.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Puts a rig in quarantine.
    Add(Add),
    /// Lists the quarantines, also those that have ended.
    List(Bench),
    /// Takes a rig out of it.
    Lift(Lift),
}

#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Name of the rig.
    rig: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Who sees to it.
    #[arg(long)]
    owner: String,
    /// Last day in UTC, as 2026-12-31.
    #[arg(long, value_name = "DAY")]
    expires: String,
    /// Where it is discussed.
    #[arg(long, value_name = "URL")]
    issue: Option<String>,
    #[command(flatten)]
    bench: Bench,
}

#[derive(Args, Debug)]
pub(crate) struct Lift {
    /// Name of the rig.
    rig: String,
    #[command(flatten)]
    bench: Bench,
}

#[derive(Serialize)]
struct Line<'a> {
    rig: &'a str,
    active: bool,
    #[serde(flatten)]
    quarantine: &'a Quarantine,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        match self {
            Self::Add(add) => {
                let quarantine = Quarantine {
                    reason: add.reason,
                    owner: add.owner,
                    issue: add.issue,
                    expires: add.expires,
                };
                set(&add.bench, &add.rig, Some(&quarantine))?;
            }
            Self::Lift(lift) => set(&lift.bench, &lift.rig, None)?,
            Self::List(bench) => {
                for inventory in bench.load(&boards::find()?)? {
                    inventory.rigs.iter().for_each(|rig| print(rig, output));
                }
            }
        }
        Ok(EXIT_PASS)
    }
}

fn set(bench: &Bench, name: &str, quarantine: Option<&Quarantine>) -> Result<()> {
    let boards = boards::find()?;
    let inventories = bench.load(&boards)?;
    select(&inventories, &[name.to_owned()], &[])?;
    let has_it = |inventory: &&Inventory| inventory.rigs.iter().any(|rig| rig.name == name);
    for inventory in inventories.iter().filter(has_it) {
        inventory.set_quarantine(name, quarantine, &boards, today())?;
    }
    Ok(())
}

fn print(rig: &Rig, output: Output) {
    let Some(quarantine) = &rig.quarantine else {
        return;
    };
    let active = quarantine.is_active(today());
    if output.json {
        let rig = &rig.name;
        output.object(
            "quarantine",
            Line {
                rig,
                active,
                quarantine,
            },
        );
        return;
    }
    let state = if active { "until" } else { "ended" };
    let Quarantine {
        reason,
        owner,
        issue,
        expires,
    } = quarantine;
    let issue = issue
        .as_ref()
        .map_or(String::new(), |issue| format!(", {issue}"));
    output.line(&format!(
        "{} {state} {expires}: {reason} ({owner}{issue})",
        rig.name
    ));
}
