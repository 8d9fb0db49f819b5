//! `hil doctor`: a ladder from a board that does nothing yet to one that is certified.
//!
//! The first step that fails says what was seen, what is likely behind it, and what to do; the steps
//! above it are not tried. Reference kernels come before fast ones, and operators before the network.

mod advice;
mod checkup;
mod clock;
mod gate;
mod ladder;
mod step;

use std::path::PathBuf;
use std::time::Duration;

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite::registry;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Precision;

use crate::backend::Wanted;
use crate::bench::{AnyLine, Bench, check_facts};
use crate::board::Boards;
use crate::certify;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::firmware::{self, Image};
use crate::flasher::check_fit;
use crate::geometry::{arena_needed, width_max};
use crate::interrupt::Interrupt;
use crate::inventory::{self, Rig};
use crate::link::Link;
use crate::log::Line;
use crate::observer::{Observer, Watch};
use crate::pattern::pattern;
use crate::power;
use crate::probe::ProbeError;
use crate::qemu::describe_emulator;
use crate::run::Stand;
use crate::scratch;
use crate::state::State;
use crate::verdict::Stage;

pub use advice::Advice;
pub use checkup::Checkup;
pub use gate::Gate;
pub use ladder::{Colour, Fall, Finding, Ladder, Sign, Trouble};
pub use step::Step;

/// Width of the picture, LR pixels; less where the arena holds less.
const WIDTH: usize = 48;

/// Rows of the picture: more than a board can hold unworked.
const HEIGHT: usize = 60;

/// Rounds through the suite after the first, of a certificate.
const CERTIFICATE_SOAK: u32 = 3;

/// Which board, and how far up.
#[derive(Debug)]
pub struct Order {
    /// The rig.
    pub rig: Rig,
    /// Whether a bench has it, so that it is leased; else it is a virtual board, made for this.
    pub of_bench: bool,
    /// Name of a shipped model, or a file.
    pub model: String,
    /// Number format.
    pub precision: Precision,
    /// Whether the firmware is built first.
    pub build: bool,
    /// How often a small picture is run.
    pub soak: u32,
    /// File of the private key that signs a certificate, and the certificate's folder; without them none
    /// is made.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// How long a rig that another run has is waited for.
    pub wait: Duration,
    /// The longest time for a certificate.
    pub limit: Duration,
    /// Where leases and golden firmware are.
    pub state: State,
    /// The command line, for the lease.
    pub command: String,
}

/// Climbs the ladder; `told` gets each finding as it comes. Returns all.
///
/// # Errors
/// Only what keeps the ladder from being set up: unknown boards and models, a full disk, and
/// [`Error::Interrupted`]. What fails on the ladder is a finding.
pub fn run(
    order: &Order,
    boards: &Boards,
    interrupt: &Interrupt,
    observer: &dyn Observer,
    told: &mut dyn FnMut(&Finding),
) -> Result<Vec<Finding>> {
    scratch::sweep();
    if let Some((key, _)) = &order.certificate {
        // The key first: without it the work would be for nothing.
        SigningKey::read(key)?;
    }
    let stand = Stand::new(order.rig.clone(), order.of_bench, (boards, Wanted::Cpu))?;
    let file = registry::load(&order.model, Some(order.precision))?;
    let doctor = Doctor {
        order,
        boards,
        stand: &stand,
        file: &file,
        interrupt,
        watch: &Watch::new(observer, &stand.rig.name),
    };
    let mut ladder = Ladder::new(told);
    let climbed = doctor.climb(&mut ladder);
    doctor.watch.end();
    match climbed {
        Ok(()) => {}
        Err(fall) if matches!(fall.trouble, Trouble::Error(Error::Interrupted)) => {
            return Err(Error::Interrupted);
        }
        Err(fall) => ladder.fall(fall),
    }
    Ok(ladder.into_findings())
}

/// A rig, its firmware and a model.
struct Doctor<'a> {
    order: &'a Order,
    boards: &'a Boards,
    stand: &'a Stand,
    file: &'a ModelFile,
    interrupt: &'a Interrupt,
    watch: &'a Watch<'a>,
}

impl Doctor<'_> {
    fn climb(&self, ladder: &mut Ladder<'_>) -> Result<(), Box<Fall>> {
        let (image, picture) = self
            .build(ladder)
            .map_err(|error| Fall::new(Step::Build, error))?;
        let order = self.order;
        self.watch.begin(Stage::Lease, 0);
        let limits = (order.command.as_str(), order.wait);
        let lease = self.stand.lease(&order.state, limits, self.interrupt);
        let lease = lease.map_err(|error| Fall::new(Step::Probe, error))?;
        self.on_the_board(&image, &picture, ladder)?;
        // The certificate takes the board itself.
        drop(lease);
        let sign = self.certificate();
        let sign = sign.map_err(|trouble| Fall::new(Step::Certificate, trouble))?;
        ladder.take(Step::Certificate, sign);
        Ok(())
    }

    /// Builds the firmware, and looks whether it, the model and a picture fit.
    fn build(&self, ladder: &mut Ladder<'_>) -> Result<(Image, Picture)> {
        let (order, board) = (self.order, &self.stand.board);
        self.watch.begin(Stage::Build, 0);
        let mut crates = 0;
        let image = firmware::build(self.boards, board, order.build, self.interrupt, &mut |_| {
            crates += 1;
            self.watch.reach(crates);
        })?;
        self.watch.end();
        check_fit(board, &image, &order.model, self.file.bytes())?;
        let model = self.file.model();
        self.stand.check_precision(&order.model, order.precision)?;
        let width = width_max(&model, board.arena_bytes as usize).min(WIDTH);
        if width == 0 {
            return Err(Error::Model {
                model: order.model.clone(),
                cause: format!(
                    "a row of one pixel takes {} bytes of the arena, which has {}",
                    arena_needed(&model, 1),
                    board.arena_bytes
                ),
            });
        }
        let picture = pattern((width, HEIGHT), model.config().channels)?;
        let seen = match board.memory() {
            Some(memory) => format!(
                "{} of {} bytes of flash, model {} of {}",
                image.len_bytes(),
                memory.firmware_region().length,
                self.file.bytes().len(),
                memory.model.capacity_bytes
            ),
            None => format!("{} bytes", image.elf.len()),
        };
        ladder.take(Step::Build, Sign::Green(seen));
        Ok((image, picture))
    }

    /// Everything that the board has to be there for.
    fn on_the_board(
        &self,
        image: &Image,
        picture: &Picture,
        ladder: &mut Ladder<'_>,
    ) -> Result<(), Box<Fall>> {
        let folder = scratch::Scratch::new(usize::MAX)
            .map_err(Error::write(&std::env::temp_dir()))
            .map_err(|error| Fall::new(Step::Probe, error))?;
        let started = self.start(image, &folder.path().join("log"));
        let (mut bench, link) = started.map_err(|error| {
            let step = step_of(self.watch.stage(), &error);
            for (below, sign) in self.signs(image).into_iter().filter(|it| it.0 < step) {
                ladder.take(below, sign);
            }
            Fall::new(step, error)
        })?;
        for (step, sign) in self.signs(image) {
            ladder.take(step, sign);
        }
        let outcome = self.examine((&mut bench, link), image, picture, ladder);
        let lines: Vec<Line> = bench.finish();
        outcome.map_err(|fall| fall.with_log(&lines, &image.elf))
    }

    fn start(&self, image: &Image, log: &std::path::Path) -> Result<(Bench, Link<AnyLine>)> {
        let rig = (&self.stand.board, &self.stand.rig);
        let limits = (self.stand.patience(), self.interrupt);
        Bench::start(rig, image, self.file.bytes(), log, limits, self.watch)
    }

    /// What is shown once the board has been reached, and flashed.
    fn signs(&self, image: &Image) -> [(Step, Sign); 3] {
        let (board, rig) = (&self.stand.board, &self.stand.rig);
        let probe = match (describe_emulator(board), &rig.probe) {
            (Some(emulator), _) => emulator,
            (None, Some(probe)) => format!("{}:{} {}", probe.vid, probe.pid, probe.serial),
            (None, None) => "reached".to_owned(),
        };
        let bytes = (image.len_bytes(), self.file.bytes().len());
        let flashed = format!("{} and {} bytes written and read back", bytes.0, bytes.1);
        [
            (Step::Probe, Sign::Green(probe)),
            (Step::Chip, Sign::Green(board.chip.clone())),
            (Step::Flash, Sign::Green(flashed)),
        ]
    }

    fn examine(
        &self,
        (bench, link): (&mut Bench, Link<AnyLine>),
        image: &Image,
        picture: &Picture,
        ladder: &mut Ladder<'_>,
    ) -> Result<(), Box<Fall>> {
        let (stand, model) = (self.stand, self.file.model());
        let mut device = Device::new(link, &stand.rig.name, &model);
        let (build_id, sha256) = (&image.build_id, model.sha256());
        let gate = self
            .gate(bench)
            .map_err(|error| Fall::new(Step::Gate, error))?;
        let is_meant = |info: &_| {
            check_facts(info, &stand.board, build_id, &sha256)?;
            stand.check_uid(info)
        };
        let mut checkup = Checkup {
            device: &mut device,
            is_meant: &is_meant,
            counter: stand.board.counter(),
            picture,
            gate,
            soak: self.order.soak,
            interrupt: self.interrupt,
        };
        checkup.run(ladder, self.watch)
    }

    /// Returns what sees the gate pin: of a virtual board a register, else the meter of the rig.
    fn gate<'b>(&self, bench: &'b mut Bench) -> Result<Option<Box<dyn Gate + 'b>>> {
        let board = &self.stand.board;
        let emulator = board.memory().and_then(|memory| memory.emulator.as_ref());
        if let Some(address) = emulator.and_then(|emulator| emulator.gate) {
            return Ok(Some(Box::new(gate::Register {
                flasher: bench.flasher(),
                address,
                before: false,
                during: false,
            })));
        }
        let inventory::Meter::Ppk2 { gate: input, .. } = self.stand.rig.meter else {
            return Ok(None);
        };
        let name = board.is_virtual().then_some(board.name.as_str());
        let meter = power::open(&self.stand.rig.meter, name)?;
        Ok(meter.map(|meter| Box::new(gate::Input { meter, input }) as Box<dyn Gate>))
    }

    fn certificate(&self) -> Result<Sign, Trouble> {
        let order = self.order;
        let Some((key, out)) = &order.certificate else {
            return Ok(Sign::Left(
                "no key was given".to_owned(),
                "hil key new, commit the board, then again with --key FILE",
            ));
        };
        let source = certify::Source::inspect(self.boards.repository())?;
        if !source.changes.is_empty() {
            let changes = source.changes.len();
            return Err(Trouble::Wrong(format!(
                "{changes} files are not as in the commit, the first is `{}`",
                source.changes.first().map_or("", String::as_str)
            )));
        }
        let key = SigningKey::read(key)?;
        let (rigs, alone) = match order.of_bench {
            true => (vec![order.rig.clone()], Vec::new()),
            false => (Vec::new(), vec![order.rig.board.clone()]),
        };
        let certificate = certify::Order {
            rigs,
            boards: alone,
            model: order.model.clone(),
            precisions: vec![order.precision],
            vectors: None,
            soak: CERTIFICATE_SOAK,
            waivers: Vec::new(),
            previous: None,
            trust: Trust::in_key(key.public().clone()),
            key,
            out: out.clone(),
            repository: self.boards.repository().to_owned(),
            wait: order.wait,
            limit: order.limit,
            state: order.state.clone(),
            command: order.command.clone(),
        };
        let mut sign = Err(Trouble::Wrong("no certificate came of it".to_owned()));
        let (interrupt, watch) = (self.interrupt, self.watch);
        certify::run(
            &certificate,
            self.boards,
            interrupt,
            watch.observer(),
            &mut |it| {
                sign = match it.is_signed() {
                    true => Ok(Sign::Green(it.path.display().to_string())),
                    false => Err(Trouble::Wrong(it.reasons.join("; "))),
                };
            },
        )?;
        sign
    }
}

/// Returns the step at which a board could not be started.
fn step_of(stage: Stage, error: &Error) -> Step {
    match (stage, error) {
        (
            _,
            Error::Port(_) | Error::Line { .. } | Error::Timeout { .. } | Error::Protocol { .. },
        ) => Step::Hello,
        (Stage::Flash, _) => Step::Flash,
        (
            _,
            Error::Emulator { .. }
            | Error::Probe(
                ProbeError::NoChip { .. }
                | ProbeError::UnknownChip { .. }
                | ProbeError::WrongCore { .. }
                | ProbeError::Locked { .. }
                | ProbeError::Attach { .. },
            ),
        ) => Step::Chip,
        _ => Step::Probe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_at_the_start_is_told_by_the_step_that_shows_it() {
        let emulator = Error::Emulator {
            board: String::new(),
            cause: String::new(),
        };
        let no_chip = ProbeError::NoChip {
            board: String::new(),
        };
        let absent = ProbeError::Missing {
            probe: String::new(),
            found: Vec::new(),
        };
        let flash = Error::Flash {
            address: 0,
            len: 1,
            cause: String::new(),
        };
        for (stage, error, step) in [
            (Stage::Start, emulator, Step::Chip),
            (Stage::Start, no_chip.into(), Step::Chip),
            (Stage::Start, absent.into(), Step::Probe),
            (Stage::Flash, flash, Step::Flash),
            (Stage::Flash, Error::line("gone"), Step::Hello),
        ] {
            assert_eq!(step_of(stage, &error), step, "{error}");
        }
    }
}
