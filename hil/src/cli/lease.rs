//! `hil lease`: who uses which board.

use std::time::Duration;

use clap::Subcommand;
use mambalite_hil::Result;
use mambalite_hil::error::{EXIT_NOTHING, EXIT_PASS};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::lease::{Holder, Lease};
use mambalite_hil::run::golden::{self, OutOfOrder};
use mambalite_hil::state::State;
use serde::Serialize;

use super::output::Output;

/// How often a holder looks for Ctrl-C.
const POLL: Duration = Duration::from_millis(100);

/// Shows, holds and clears the leases of rigs.
#[derive(Debug, Subcommand)]
pub(crate) enum Cmd {
    /// Shows who has a rig, and whether it is out of order.
    Show {
        /// Name of the rig.
        rig: String,
    },
    /// Holds a rig until Ctrl-C, so that no run uses it meanwhile.
    Hold {
        /// Name of the rig.
        rig: String,
        /// Why, for those who wait.
        #[arg(long)]
        reason: String,
        /// How long a rig that another one has is waited for.
        #[arg(long, value_name = "TIME", default_value = "1m")]
        wait: humantime::Duration,
    },
    /// Lets runs use a rig again that did not come back after one.
    Clear {
        /// Name of the rig.
        rig: String,
    },
}

#[derive(Serialize)]
struct Entry<'a> {
    rig: &'a str,
    holder: Option<Holder>,
    out_of_order: Option<OutOfOrder>,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let state = State::from_environment()?;
        match self {
            Self::Show { rig } => show(&state, &rig, output),
            Self::Hold { rig, reason, wait } => {
                let interrupt = Interrupt::on_signals()?;
                let _lease = Lease::take(&state, &rig, &reason, wait.into(), &interrupt)?;
                eprintln!("holding `{rig}` until Ctrl-C");
                while !interrupt.is_set() {
                    std::thread::sleep(POLL);
                }
                Ok(EXIT_PASS)
            }
            Self::Clear { rig } => {
                let cleared = golden::clear(&state, &rig)?;
                if !cleared {
                    eprintln!("note: `{rig}` was not out of order");
                }
                Ok(if cleared { EXIT_PASS } else { EXIT_NOTHING })
            }
        }
    }
}

fn show(state: &State, rig: &str, output: Output) -> Result<u8> {
    let holder = Lease::holder(state, rig)?;
    let out_of_order = golden::out_of_order(state, rig);
    if output.json {
        output.object(
            "lease",
            Entry {
                rig,
                holder,
                out_of_order,
            },
        );
        return Ok(EXIT_PASS);
    }
    match holder {
        Some(holder) => output.line(&format!("{rig}: {holder}")),
        None => output.line(&format!("{rig}: free")),
    }
    if let Some(OutOfOrder { since, cause }) = out_of_order {
        output.line(&format!("  out of order since {since}: {cause}"));
    }
    Ok(EXIT_PASS)
}
