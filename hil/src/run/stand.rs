//! The rigs of an order, with the facts of their boards.

use std::time::Duration;

use mambalite_kernels::Precision;

use super::{Order, golden};
use crate::backend::Wanted;
use crate::bench;
use crate::board::{Board, Boards, Reach};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::lease::Lease;
use crate::link::{DeviceInfo, Patience};
use crate::state::State;

/// A rig and its board.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) rig: Rig,
    pub(crate) board: Board,
    /// Whether it is leased: everything that two runs cannot have at once. A virtual board that is
    /// named alone is made for the run.
    pub(crate) is_leased: bool,
}

impl Stand {
    /// Returns the rigs of an order: those of benches, then boards that are named alone.
    ///
    /// # Errors
    /// Those of [`Boards::load`]; [`Error::SameRig`] when a name is there twice.
    pub(crate) fn all(order: &Order, boards: &Boards) -> Result<Vec<Self>> {
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

    /// Takes a rig, of a bench or of its own.
    ///
    /// # Errors
    /// Those of [`Boards::load`] and [`Board::on`].
    pub(crate) fn new(
        rig: Rig,
        of_bench: bool,
        (boards, backend): (&Boards, Wanted),
    ) -> Result<Self> {
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

    /// Takes the lease of a rig that needs one, and refuses one that is out of order.
    ///
    /// # Errors
    /// Those of [`Lease::take`]; [`Error::OutOfOrder`].
    pub(crate) fn lease(
        &self,
        state: &State,
        (reason, wait): (&str, Duration),
        interrupt: &Interrupt,
    ) -> Result<Option<Lease>> {
        if !self.is_leased {
            return Ok(None);
        }
        let lease = Lease::take(state, &self.rig.name, reason, wait, interrupt)?;
        golden::refuse_out_of_order(state, &self.rig.name)?;
        Ok(Some(lease))
    }

    /// Checks that a board is this rig's, with what was flashed.
    ///
    /// # Errors
    /// [`Error::Identity`] with the first fact that differs.
    pub(crate) fn check_identity(
        &self,
        info: &DeviceInfo,
        build_id: &[u8; 20],
        model_sha256: &[u8; 32],
    ) -> Result<()> {
        bench::check_identity(info, &self.board, build_id, model_sha256)?;
        self.check_uid(info)
    }

    /// Checks that the board's firmware is built for a model's precision.
    ///
    /// # Errors
    /// [`Error::Model`] with the mend.
    pub(crate) fn check_precision(&self, model: &str, precision: Precision) -> Result<()> {
        let memory = self.board.memory();
        if memory.is_none_or(|memory| memory.runs(precision)) {
            return Ok(());
        }
        Err(Error::Model {
            model: model.to_owned(),
            cause: format!(
                "the firmware of `{}` is built without {precision}; take another --precision, or add \
                 it to `precisions` in its board.toml",
                self.board.name
            ),
        })
    }

    /// Checks that a board has the number that the rig file states, if it states one.
    ///
    /// # Errors
    /// [`Error::Identity`].
    pub(crate) fn check_uid(&self, info: &DeviceInfo) -> Result<()> {
        match &self.rig.uid {
            Some(uid) if *uid != hex::encode(info.uid) => Err(Error::Identity {
                what: "unique id",
                board: hex::encode(info.uid),
                host: uid.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Returns the time limits of its link.
    pub(crate) fn patience(&self) -> Patience {
        self.board
            .backend
            .patience()
            .times(self.rig.timeout_multiplier)
    }
}
