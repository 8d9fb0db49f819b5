//! The board of a certificate: flashed, read back, introduced, examined.

use std::path::PathBuf;

use mambalite::model_file::ModelFile;
use mambalite_hil_certificate::Predicate;
use mambalite_hil_certificate::hash::sha256;
use mambalite_hil_certificate::predicate::{Flashed, Health};
use mambalite_kernels::Model;

use super::examine::{self, Examination, Examined};
use super::{Case, Order};
use crate::bench::{AnyLine, Bench};
use crate::board::Board;
use crate::controls;
use crate::crash::{self, CrashReport};
use crate::device::Device;
use crate::error::{EXIT_CRASH, Error, Result};
use crate::firmware::Image;
use crate::flasher::{Flasher, Piece, Store, check_fit, pieces};
use crate::interrupt::Interrupt;
use crate::link::DeviceInfo;
use crate::observer::Watch;
use crate::recovery;
use crate::reference::References;
use crate::run::{Stand, golden};
use crate::verdict::Stage;

/// A rig with firmware and a model, for one certificate.
pub(super) struct Session<'a> {
    pub(super) order: &'a Order,
    pub(super) stand: &'a Stand,
    pub(super) image: &'a Image,
    pub(super) file: &'a ModelFile,
    pub(super) model: &'a Model<'a>,
    pub(super) cases: &'a [Case],
    /// Where the board's log goes.
    pub(super) log: PathBuf,
    pub(super) interrupt: &'a Interrupt,
}

/// Why a board did not come to the end.
#[derive(Debug)]
pub(super) struct Failure {
    /// What failed.
    pub(super) error: Error,
    /// The fault that the firmware took.
    pub(super) crash: Option<CrashReport>,
}

impl Failure {
    /// Returns the exit code of what the board did.
    pub(super) fn exit_code(&self) -> u8 {
        match self.crash {
            Some(_) => EXIT_CRASH,
            None => self.error.exit_code(),
        }
    }
}

impl<'a> Session<'a> {
    /// Runs everything and fills in what was found; what was found before a failure is there too.
    pub(super) fn run(
        &self,
        predicate: &mut Predicate,
        found: &mut Examined,
        watch: &Watch<'_>,
    ) -> Option<Failure> {
        let references = References::new(self.model);
        if let Err(error) = self.health(predicate, &references, watch) {
            let crash = None;
            return Some(Failure { error, crash });
        }
        let (mut bench, mut device) = match self.start(self.image, &references, watch) {
            Ok(started) => started,
            Err(error) => return Some(Failure { error, crash: None }),
        };
        let pieces = pieces(&self.stand.board, self.image, self.file.bytes());
        let outcome = self
            .introduce(&mut bench, &mut device, (&pieces, predicate), watch)
            .and_then(|()| {
                let mut examination = Examination {
                    device: &mut device,
                    flasher: bench.flasher(),
                    pieces: &pieces,
                    file: self.file,
                    cases: self.cases,
                    soak: self.order.soak,
                    interrupt: self.interrupt,
                };
                examination.run(found, watch)
            });
        let lines = bench.finish();
        let error = outcome.err()?;
        let crash = crash::decode(&lines, &self.image.elf);
        Some(Failure { error, crash })
    }

    /// Finds out whether the board is well: with the firmware that passed last on such a board, or where
    /// there is none that can be asked, with the new one.
    fn health(
        &self,
        predicate: &mut Predicate,
        references: &References<'a>,
        watch: &Watch<'_>,
    ) -> Result<()> {
        let golden = golden::other_than(&self.order.state, &self.stand.board, self.image);
        if let Some(image) = &golden {
            match self.compute(image, references, watch) {
                // Of a time before this program; the next `hil run` that passes leaves a newer one.
                Err(Error::Protocol { .. }) => {}
                outcome => return note(predicate, image, outcome),
            }
        }
        let outcome = self.compute(self.image, references, watch);
        note(predicate, self.image, outcome)
    }

    /// Lets a firmware compute a small picture.
    fn compute(&self, image: &Image, references: &References<'a>, watch: &Watch<'_>) -> Result<()> {
        let Some(picture) = examine::subject(self.cases) else {
            return Ok(());
        };
        let picture = controls::crop(picture)?;
        let (bench, mut device) = self.start(image, references, watch)?;
        let healthy = recovery::health(&mut device, &picture);
        let _ = bench.finish();
        healthy
    }

    fn start<'r>(
        &self,
        image: &Image,
        references: &'r References<'a>,
        watch: &Watch<'_>,
    ) -> Result<(Bench, Device<'r, AnyLine>)>
    where
        'a: 'r,
    {
        let (model, board) = (self.file.bytes(), &self.stand.board);
        check_fit(board, image, &self.order.model, model)?;
        let limits = (self.stand.patience(), self.interrupt);
        let rig = (board, &self.stand.rig);
        let (bench, link) = Bench::start(rig, image, model, &self.log, limits, watch)?;
        let device = Device::new(link, &self.stand.rig.name, self.model);
        Ok((bench, device.with_references(references)))
    }

    /// Reads back what was flashed, starts the board anew, and has it say who it is.
    fn introduce(
        &self,
        bench: &mut Bench,
        device: &mut Device<'_, AnyLine>,
        (pieces, predicate): (&[(Piece, &[u8])], &mut Predicate),
        watch: &Watch<'_>,
    ) -> Result<()> {
        watch.begin(Stage::Handshake, 0);
        let board = &self.stand.board;
        predicate.firmware.flashed = read_back(bench.flasher(), board, pieces)?;
        bench.restart()?;
        let info = device.link.hello()?;
        introduced(predicate, &info);
        let (build_id, sha256) = (&self.image.build_id, self.model.sha256());
        self.stand.check_identity(&info, build_id, &sha256)
    }
}

fn note(predicate: &mut Predicate, image: &Image, outcome: Result<()>) -> Result<()> {
    predicate.health = Health {
        firmware_sha256: hex::encode(image.sha256()),
        passed: outcome.is_ok(),
    };
    outcome
}

/// Hashes what a board keeps, as it is there.
fn read_back(
    flasher: &mut dyn Flasher,
    board: &Board,
    pieces: &[(Piece, &[u8])],
) -> Result<Vec<Flashed>> {
    let read = |(piece, bytes): &(Piece, &[u8])| {
        let what = match piece.store {
            Store::Program => "program",
            Store::Model => "model",
        };
        Ok(Flashed {
            what: what.to_owned(),
            address: board.memory().map(|_| piece.address),
            bytes: piece.len,
            sha256: sha256(bytes),
            read_back_sha256: hex::encode(flasher.digest(piece)?),
        })
    };
    pieces.iter().map(read).collect()
}

/// Fills in what the board says of itself.
fn introduced(predicate: &mut Predicate, info: &DeviceInfo) {
    let board = &mut predicate.board;
    board.cpuid = format!("{:#010x}", info.cpuid);
    board.uid = hex::encode(info.uid);
    board.clock_hz = info.clock_hz;
    board.fp_flags = format!("{:#010x}", info.fp_flags);
    board.backend = info.backend.describe();
    predicate.firmware.build_id = hex::encode(info.build_id);
}
