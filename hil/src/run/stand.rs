//! The rigs of an order, with the facts of their boards.

use super::Order;
use crate::backend::Wanted;
use crate::board::{Board, Boards, Reach};
use crate::error::{Error, Result};
use crate::inventory::Rig;
use crate::link::Patience;

/// A rig and its board.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) rig: Rig,
    pub(super) board: Board,
    /// Whether it is leased: everything that two runs cannot have at once. A virtual board that is
    /// named alone is made for the run.
    pub(super) is_leased: bool,
}

impl Stand {
    /// Returns the rigs of an order: those of benches, then boards that are named alone.
    ///
    /// # Errors
    /// Those of [`Boards::load`]; [`Error::SameRig`] when a name is there twice.
    pub(super) fn all(order: &Order, boards: &Boards) -> Result<Vec<Self>> {
        let mut stands: Vec<Self> = Vec::new();
        let benches = order.rigs.iter().map(|rig| (rig.clone(), true));
        let alone = order.boards.iter().map(|name| (Rig::of_board(name), false));
        for (rig, of_bench) in benches.chain(alone) {
            if stands.iter().any(|other| other.rig.name == rig.name) {
                return Err(Error::SameRig { name: rig.name });
            }
            stands.push(Self::new(rig, of_bench, (boards, order.backend))?);
        }
        Ok(stands)
    }

    fn new(rig: Rig, of_bench: bool, (boards, backend): (&Boards, Wanted)) -> Result<Self> {
        let mut board = boards.load(&rig.board)?.on(backend)?;
        if let (Some(host), Reach::Ssh(remote)) = (&rig.host, &mut board.reach) {
            remote.host.clone_from(host);
        }
        let is_leased = of_bench || !board.is_virtual();
        Ok(Self {
            rig,
            board,
            is_leased,
        })
    }

    /// Returns the time limits of its link.
    pub(super) fn patience(&self) -> Patience {
        self.board
            .backend
            .patience()
            .times(self.rig.timeout_multiplier)
    }
}
