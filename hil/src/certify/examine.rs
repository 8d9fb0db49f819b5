//! What a board shows: operators, vectors, soak, and faults on purpose.

use mambalite::model_file::ModelFile;
use mambalite::picture::Picture;
use mambalite_hil_certificate::predicate::{
    Control, Link, Operator, Soak, Totals, VectorResult, Verdict,
};
use sha2::{Digest, Sha256};

use super::operators;
use super::vectors::Case;
use crate::controls::{self, Subject};
use crate::device::{Checked, Device};
use crate::error::{Error, Result};
use crate::flasher::{Flasher, Piece, Store};
use crate::interrupt::Interrupt;
use crate::link::{Counters, DeviceModel};
use crate::observer::Watch;
use crate::report::ControlReport;
use crate::transport::Transport;
use crate::verdict::Stage;

/// Name of the control that damages the firmware.
pub const FIRMWARE_WORD: &str = "firmware word";

/// Bytes of a word.
const WORD: usize = 4;

/// What a board showed, as a certificate has it.
#[derive(Debug, Clone, Default)]
pub struct Examined {
    /// Its operators.
    pub operators: Vec<Operator>,
    /// The vectors of the first round.
    pub results: Vec<VectorResult>,
    /// Sums of both.
    pub totals: Totals,
    /// The rounds after it.
    pub soak: Soak,
    /// What the line lost and got again, before the controls.
    pub link: Link,
    /// Faults on purpose.
    pub controls: Vec<Control>,
    /// In words, what is wrong.
    pub faults: Vec<String>,
}

/// A board that runs and is introduced, and what it is to show.
pub struct Examination<'a, 'm, T> {
    /// The board, with `file` in its memory.
    pub device: &'a mut Device<'m, T>,
    /// The way to what it keeps.
    pub flasher: &'a mut dyn Flasher,
    /// What it keeps, and the bytes that are to be there; the model is the last.
    pub pieces: &'a [(Piece, &'a [u8])],
    /// The model file.
    pub file: &'a ModelFile,
    /// Its vectors, decoded.
    pub cases: &'a [Case],
    /// Rounds through the suite after the first.
    pub soak: u32,
    /// The wish to stop.
    pub interrupt: &'a Interrupt,
}

impl<T: Transport> Examination<'_, '_, T> {
    /// Runs everything, and fills in what was found; what was found before an error is there too.
    ///
    /// # Errors
    /// Those of the link and the flasher.
    pub fn run(&mut self, found: &mut Examined, watch: &Watch<'_>) -> Result<()> {
        watch.begin(Stage::Operators, 0);
        let mut progress = |done, _| watch.reach(done as u64);
        (found.operators, found.faults) = operators::run(&mut self.device.link, &mut progress)?;
        watch.end();
        let rounds = u64::from(self.soak) + 1;
        let bytes: u64 = self.cases.iter().map(Case::len_bytes).sum();
        watch.begin(Stage::Stream, rounds * bytes);
        let mut done = 0;
        for round in 0..=self.soak {
            for case in self.cases {
                let checked = self.check(case, (&mut done, watch))?;
                found.take(round, case, &checked);
                found.link = link(self.device.link.counters(), checked.result.frames_bad);
            }
            found.soak.rounds = round;
        }
        watch.end();
        found.totals = totals(found);
        self.controls(found, watch)
    }

    fn check(&mut self, case: &Case, (done, watch): (&mut u64, &Watch<'_>)) -> Result<Checked> {
        self.interrupt.check()?;
        let before = *done;
        let checked = self.device.check(&case.picture, &mut |acknowledged, _| {
            watch.reach(before + acknowledged as u64);
        })?;
        *done += case.len_bytes();
        Ok(checked)
    }

    /// Lets faults in, each of which must be seen.
    fn controls(&mut self, found: &mut Examined, watch: &Watch<'_>) -> Result<()> {
        watch.begin(Stage::Controls, controls::COUNT as u64 + 1);
        let Some(picture) = subject(self.cases) else {
            return Ok(());
        };
        let picture = controls::crop(picture)?;
        let good = self.device.check(&picture, &mut |_, _| ())?;
        if !good.comparison.is_equal() {
            // Faults on top of a fault prove nothing.
            found
                .faults
                .push("no deliberate faults: the board is wrong without them".to_owned());
            return Ok(());
        }
        let model = self.pieces.iter().find(|it| it.0.store == Store::Model);
        let mut subject = Subject {
            device: self.device,
            flasher: self.flasher,
            model_address: model.map_or(0, |it| it.0.address),
            file: self.file,
            picture: &picture,
            good: &good,
        };
        let mut reports = controls::run(&mut subject, &mut |done| watch.reach(done))?;
        reports.push(self.firmware_word()?);
        found.controls = reports.into_iter().map(control).collect();
        watch.end();
        Ok(())
    }

    /// One word of the firmware in the board's memory: its hash must be another one. It is mended, and
    /// the board starts anew.
    fn firmware_word(&mut self) -> Result<ControlReport> {
        let programs = self.pieces.iter().filter(|it| it.0.store == Store::Program);
        let largest = programs.max_by_key(|it| it.0.len);
        let (piece, bytes) = largest.ok_or_else(|| Error::Bug {
            cause: "a board without firmware".to_owned(),
        })?;
        let offset = bytes.len() / 2 / WORD * WORD;
        let good = bytes.get(offset..).unwrap_or_default();
        let good = good.get(..WORD).unwrap_or(good);
        let mut bad = good.to_vec();
        if let Some(byte) = bad.first_mut() {
            *byte ^= 1;
        }
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        self.flasher.reset()?;
        self.flasher.patch(piece, offset as u32, &bad)?;
        let damaged = self.flasher.digest(piece)?;
        self.flasher.patch(piece, offset as u32, good)?;
        if self.flasher.digest(piece)? != sha256 {
            let cause = "the mended firmware is not what it was".to_owned();
            return Err(Error::Misbehaved { cause });
        }
        self.flasher.reset()?;
        self.flasher.resume()?;
        if let DeviceModel::Refused { detail, .. } = self.device.link.hello()?.model {
            let cause = format!("the board refuses its model after that: {detail}");
            return Err(Error::Misbehaved { cause });
        }
        let (damaged, sha256) = (hex::encode(damaged), hex::encode(sha256));
        Ok(ControlReport {
            name: FIRMWARE_WORD.to_owned(),
            what: format!("bit 0 of byte {offset} of the firmware in the board's memory"),
            caught: damaged != sha256,
            how: format!("its SHA-256 as read back is {damaged}, not {sha256}"),
        })
    }
}

impl Examined {
    /// Takes what became of a vector: in the first round, number 0, as its result.
    fn take(&mut self, round: u32, case: &Case, checked: &Checked) {
        let result = case.result(checked);
        let passed = result.verdict == Verdict::Pass;
        let what = case.describe(checked);
        if round == 0 {
            self.results.push(result);
            if !passed {
                self.faults.push(what);
            }
            return;
        }
        self.soak.jobs += 1;
        if !passed {
            self.soak.failed += 1;
            self.faults.push(format!("soak round {round}: {what}"));
        }
    }
}

/// Returns the picture of the controls: the largest.
pub(super) fn subject(cases: &[Case]) -> Option<&Picture> {
    let largest = cases.iter().max_by_key(|case| case.len_bytes());
    largest.map(|case| &case.picture)
}

fn control(report: ControlReport) -> Control {
    Control {
        name: report.name,
        what: report.what,
        caught: report.caught,
        how: report.how,
    }
}

/// Sums up what operators and vectors showed.
fn totals(found: &Examined) -> Totals {
    let operators = found.operators.iter().map(|it| (it.verdict, 1));
    let vectors = found.results.iter().map(|it| (it.verdict, it.attempts));
    let mut totals = Totals::default();
    for (verdict, attempts) in operators.chain(vectors) {
        match verdict {
            Verdict::Pass => totals.passed += 1,
            Verdict::Skip => totals.skipped += 1,
            Verdict::Fail => totals.failed += 1,
        }
        totals.flaky += usize::from(attempts > 1);
    }
    totals
}

/// Returns what the line lost, on either side.
fn link(counters: &Counters, frames_bad: u32) -> Link {
    Link {
        frames_bad: counters.bad() + u64::from(frames_bad),
        bytes_resent: counters.bytes_resent,
        jobs_repeated: counters.jobs_repeated,
    }
}
