//! Which rigs a command is for: those of rig files, or places of labgrid.

use std::time::Duration;

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::board::Boards;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::{self, Rig};
use mambalite_hil::labgrid::{Coordinator, Session, Wanted};

use super::boards::Bench;

/// The options that choose rigs.
#[derive(Args, Debug)]
pub(crate) struct Choice {
    /// Rig of a rig file; several run at once. See `hil boards list`.
    #[arg(long = "rig", value_name = "NAME")]
    names: Vec<String>,
    /// Only rigs with this tag; with several, with all of them.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    #[command(flatten)]
    bench: Bench,
    /// Takes the rigs from the coordinator of labgrid at HOST:PORT, and gives them back: the places
    /// that --rig names, or all with a tag `board`.
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "bench")]
    labgrid: Option<String>,
    /// Queues with --labgrid for a place that has these tags, whichever is free first; several for
    /// several rigs, as --reserve board=KIND --reserve board=KIND,row=2.
    #[arg(long, value_name = "KEY=VALUE,...", requires = "labgrid")]
    reserve: Vec<String>,
}

/// Rigs, and the places of labgrid that they are.
pub(crate) struct Rigs {
    pub(crate) rigs: Vec<Rig>,
    session: Option<Session>,
}

impl Choice {
    /// Returns the rigs. `is_needed` where nothing else was chosen to run on.
    pub(crate) fn rigs(
        &self,
        boards: &Boards,
        is_needed: bool,
        wait: Duration,
        interrupt: &Interrupt,
    ) -> Result<Rigs> {
        if let Some(address) = &self.labgrid {
            let coordinator = Coordinator::find(address)?;
            let wanted = Wanted {
                places: &self.names,
                reserve: &self.reserve,
            };
            let session = Session::acquire(coordinator, wanted, boards, wait, interrupt)?;
            return Ok(Rigs {
                rigs: session.rigs().to_vec(),
                session: Some(session),
            });
        }
        let is_chosen = !self.names.is_empty() || !self.tags.is_empty() || self.bench.is_named();
        let rigs = if is_chosen || is_needed {
            inventory::select(&self.bench.load(boards)?, &self.names, &self.tags)?
        } else {
            Vec::new()
        };
        Ok(Rigs {
            rigs,
            session: None,
        })
    }
}

impl Rigs {
    /// Gives the places back.
    pub(crate) fn release(self) -> Result<()> {
        self.session.map_or(Ok(()), Session::release)
    }
}
