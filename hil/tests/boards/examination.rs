//! What a board shows for a certificate, by the firmware's logic in this process: what is as it must be,
//! and each kind of fault as what it is.

use std::time::Duration;

use mambalite_hil::Result;
use mambalite_hil::certify::{Case, Examination, Examined, FIRMWARE_WORD};
use mambalite_hil::device::Device;
use mambalite_hil::flasher::{Flasher, Piece, Store};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{Link, Patience};
use mambalite_hil::observer::{Silent, Watch};
use mambalite_hil::suite::of_model;
use mambalite_hil::transport::{Damaged, Transport};
use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::check::CONTROLS;
use mambalite_hil_certificate::predicate::Verdict;
use mambalite_hil_wire::{Decoder, Response};

use crate::flashable::{Flashable, MODEL_ADDRESS, PROGRAM};
use crate::in_process::{HASTE, NAME};
use crate::model::invented;

/// Rounds after the first.
const SOAK: u32 = 1;

/// Examines a board with a suite, over a line and through a flasher made of its own.
fn examine<T: Transport, F: Flasher>(
    suite: &Suite,
    line: impl FnOnce(mambalite_hil::transport::Pipe) -> T,
    flasher: impl FnOnce(Flashable) -> F,
) -> Examined {
    let file = invented(3);
    let model = file.model();
    let (board, pipe) = Flashable::start(file.bytes());
    let mut flasher = flasher(board);
    // Variants in a build without optimisation take their time.
    let patience = Patience {
        silence: Duration::from_secs(120),
        ..HASTE
    };
    let interrupt = Interrupt::default();
    let mut device = Device::new(
        Link::new(line(pipe), patience, interrupt.clone()),
        NAME,
        &model,
    );
    device.link.hello().unwrap();
    let cases = Case::all(suite).unwrap();
    let piece = |store, address, bytes: &[u8]| Piece {
        store,
        address,
        len: bytes.len(),
    };
    let pieces = [
        (piece(Store::Program, 0, &PROGRAM), PROGRAM.as_slice()),
        (
            piece(Store::Model, MODEL_ADDRESS, file.bytes()),
            file.bytes(),
        ),
    ];
    let mut found = Examined::default();
    Examination {
        device: &mut device,
        flasher: &mut flasher,
        pieces: &pieces,
        file: &file,
        cases: &cases,
        soak: SOAK,
        interrupt: &interrupt,
    }
    .run(&mut found, &Watch::new(&Silent, NAME))
    .unwrap();
    found
}

/// Names of the controls that were not caught.
fn missed(found: &Examined) -> Vec<&str> {
    let missed = found.controls.iter().filter(|it| !it.caught);
    missed.map(|it| it.name.as_str()).collect()
}

#[test]
fn a_good_board_shows_everything() {
    let suite = of_model("invented", &invented(3)).unwrap();
    let found = examine(&suite, |pipe| pipe, |board| board);
    assert_eq!(found.faults, [""; 0]);
    assert_eq!(found.results.len(), suite.vectors.len());
    assert_eq!(
        found.totals.passed,
        found.operators.len() + found.results.len() - found.totals.skipped
    );
    assert_eq!((found.totals.failed, found.totals.flaky), (0, 0));
    assert_eq!((found.soak.rounds, found.soak.failed), (SOAK, 0));
    assert_eq!(found.soak.jobs, suite.vectors.len() as u64);
    assert!(found.operators.iter().any(|it| it.digest.is_some()));
    let names: Vec<_> = found.controls.iter().map(|it| it.name.as_str()).collect();
    assert!(
        CONTROLS.iter().all(|name| names.contains(name)),
        "{names:?}"
    );
    assert_eq!(missed(&found), [""; 0]);
    assert_eq!((found.link.frames_bad, found.link.jobs_repeated), (0, 0));
}

/// Everything is equal in the end, but not at the first attempt.
#[test]
fn a_job_that_is_repeated_is_flaky() {
    let suite = of_model("invented", &invented(3)).unwrap();
    let mut struck = false;
    // The pipe keeps the pieces in which the board sends: one frame each.
    let spoil = move |bytes: &mut Vec<u8>| {
        let mut decoder = Decoder::new();
        bytes.iter().for_each(|&byte| {
            decoder.feed(byte);
        });
        let response = decoder.frame().and_then(|frame| frame.response().ok());
        if !struck && matches!(response, Some(Response::Digests { .. })) {
            struck = true;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
    };
    let found = examine(
        &suite,
        |pipe| Damaged::new(pipe, |_| (), spoil),
        |board| board,
    );
    assert_eq!(found.faults, [""; 0]);
    assert_eq!((found.totals.flaky, found.totals.failed), (1, 0));
    assert_eq!(found.link.jobs_repeated, 1);
    assert!(found.link.frames_bad > 0);
}

#[test]
fn another_expectation_is_a_failed_vector() {
    let mut suite = of_model("invented", &invented(3)).unwrap();
    suite.vectors[2].layers_sha256 = suite.vectors[1].layers_sha256.clone();
    let found = examine(&suite, |pipe| pipe, |board| board);
    assert_eq!(found.totals.failed, 1);
    assert_eq!(found.results[2].verdict, Verdict::Fail);
    assert_eq!(found.soak.failed, u64::from(SOAK));
    assert!(
        found.faults[0].contains("not with the suite"),
        "{:?}",
        found.faults
    );
}

/// A flasher that reads back what it was given instead of what is there.
struct Forgetful(Flashable);

impl Flasher for Forgetful {
    fn write(&mut self, at: u32, bytes: &[u8], told: &mut dyn FnMut(usize)) -> Result<()> {
        self.0.write(at, bytes, told)
    }

    fn verify(&mut self, at: u32, bytes: &[u8], told: &mut dyn FnMut(usize)) -> Result<()> {
        self.0.verify(at, bytes, told)
    }

    fn read_back(&mut self, _: u32, len: usize) -> Result<Vec<u8>> {
        Ok(PROGRAM[..len].to_vec())
    }

    fn reset(&mut self) -> Result<()> {
        self.0.reset()
    }

    fn resume(&mut self) -> Result<()> {
        self.0.resume()
    }
}

#[test]
fn a_read_back_that_sees_nothing_is_a_missed_control() {
    let suite = of_model("invented", &invented(3)).unwrap();
    let found = examine(&suite, |pipe| pipe, Forgetful);
    assert_eq!(missed(&found), [FIRMWARE_WORD]);
}
