//! Faults in a virtual board of the repository, one after the other.

use std::time::Duration;

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::registry;
use mambalite_kernels::Precision;

use super::Scenario;
use super::injection::Injection;
use super::target::Targets;
use super::trial::{Found, Stand, Subject, trial};
use crate::bench::{Bench, check_identity};
use crate::board::{Board, Boards};
use crate::error::{Error, Result};
use crate::firmware::{self, Image};
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::link::Patience;
use crate::observer::{Silent, Watch};
use crate::pattern::pattern;

/// Precision of the model: the smallest, so that flashing is quick.
const PRECISION: Precision = Precision::W8A8;

/// Size of the picture, LR pixels: several windows of the line.
const SIZE: (usize, usize) = (48, 40);

/// Time limits of a board that computes such a picture in a second or two.
const PATIENCE: Patience = Patience {
    reply: Duration::from_secs(3),
    resend: Duration::from_secs(2),
    silence: Duration::from_secs(8),
    attempts: 4,
};

/// A virtual board, its firmware, a model and a picture.
pub struct Session {
    board: Board,
    image: Image,
    file: ModelFile,
    picture: Picture,
    targets: Targets,
    interrupt: Interrupt,
}

impl Session {
    /// Builds what the board `name` needs, or with `build` false takes what was built last.
    ///
    /// # Errors
    /// [`Error::RealBoard`], and those of [`Boards::load`], [`firmware::build`] and
    /// [`Targets::find`].
    pub fn new(boards: &Boards, name: &str, build: bool, interrupt: &Interrupt) -> Result<Self> {
        let board = boards.load(name)?;
        if board.emulated().is_none() {
            return Err(Error::RealBoard { board: board.name });
        }
        let image = firmware::build(boards, &board, build, interrupt, &mut |_| ())?;
        let file = registry::load(registry::DEFAULT, Some(PRECISION))?;
        let picture = pattern(SIZE, file.model().config().channels)?;
        let targets = Targets::find(&board, &image, &file, &picture)?;
        Ok(Self {
            board,
            image,
            file,
            picture,
            targets,
            interrupt: interrupt.clone(),
        })
    }

    /// Returns the scenarios that the board can take: of a computer behind SSH those of the line,
    /// an agent that a signal ends and a connection that is cut.
    #[must_use]
    pub fn scenarios(&self) -> Vec<Scenario> {
        let suits = |scenario: &Scenario| {
            self.board.memory().is_some()
                || scenario.is_of_line()
                || matches!(scenario, Scenario::Fault | Scenario::Vanish)
        };
        Scenario::ALL.into_iter().filter(suits).collect()
    }

    /// Starts the board, runs one job with a fault in it and ends the board.
    ///
    /// # Errors
    /// [`Error::Injection`] when the board cannot take the fault, [`Error::Write`] for want of a
    /// temporary folder, [`Error::Interrupted`].
    pub fn run(&self, scenario: Scenario, seed: u64) -> Result<Found> {
        let mut injection = Injection::plan(scenario, seed, &self.targets)?;
        let temporary = std::env::temp_dir();
        let folder = tempfile::tempdir().map_err(Error::write(&temporary))?;
        let log = folder.path().join("log");
        let model = self.file.model();
        let (image, sha256) = (&self.image, model.sha256());
        let subject = Subject {
            board: &self.board.name,
            elf: &image.elf,
            model: &model,
            picture: &self.picture,
            check_identity: &|info| check_identity(info, &self.board, &image.build_id, &sha256),
        };
        trial(&subject, &mut injection, || {
            let (board, bytes) = (&self.board, self.file.bytes());
            let (limits, watch) = (
                (PATIENCE, &self.interrupt),
                Watch::new(&Silent, &board.name),
            );
            let (bench, link) = Bench::start(
                (board, &Rig::of_board(&board.name)),
                image,
                bytes,
                &log,
                limits,
                &watch,
            )?;
            let stand: Box<dyn Stand> = Box::new(bench);
            Ok((stand, link))
        })
    }
}
