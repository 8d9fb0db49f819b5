//! The firmware behind a line that flips, drops, doubles and swallows bytes.

use std::time::Duration;

use mambalite_hil::Error;
use mambalite_hil::device::{Checked, Device, Extras};
use mambalite_hil::error::{EXIT_LINK, EXIT_TIMEOUT};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{Counters, Damage, Link, Patience};
use mambalite_hil::transport::Damaged;
use mambalite_hil_wire::{Decoder, Response};
use proptest::prelude::*;

use crate::in_process::{HASTE, NAME, start};
use crate::model::{invented, picture};

/// What happens to a piece of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Flip,
    Drop,
    Double,
    Truncate,
    Swallow,
    Junk,
}

const FAULTS: [Fault; 6] = [
    Fault::Flip,
    Fault::Drop,
    Fault::Double,
    Fault::Truncate,
    Fault::Swallow,
    Fault::Junk,
];

impl Fault {
    /// Spoils `bytes` at a place derived from `seed`.
    fn strike(self, bytes: &mut Vec<u8>, seed: usize) {
        let place = seed % bytes.len().max(1);
        match self {
            Self::Flip => bytes[place] ^= 1 << (seed % 8),
            Self::Drop => drop(bytes.remove(place)),
            Self::Double => bytes.insert(place, bytes[place]),
            Self::Truncate => bytes.truncate(place),
            Self::Swallow => bytes.clear(),
            Self::Junk => drop(bytes.splice(place..place, (0..50).map(|i| (i * seed) as u8))),
        }
    }

    /// Returns a damage that strikes the pieces of these numbers.
    fn at(self, pieces: Vec<usize>, seed: usize) -> impl FnMut(&mut Vec<u8>) + Send + 'static {
        let mut number = 0;
        move |bytes| {
            if pieces.contains(&number) {
                self.strike(bytes, seed + number * 31);
            }
            number += 1;
        }
    }
}

fn whole(_: &mut Vec<u8>) {}

/// Runs one job over a damaged line.
fn run(
    outward: impl FnMut(&mut Vec<u8>) + Send + 'static,
    inward: impl FnMut(&mut Vec<u8>) + Send + 'static,
    patience: Patience,
) -> (Result<Checked, Error>, Counters) {
    let file = invented(4);
    let model = file.model();
    let line = Damaged::new(start(&file), outward, inward);
    let link = Link::new(line, patience, Interrupt::default());
    let mut device = Device::new(link, NAME, &model);
    let outcome = device.check(&picture(40, 30), &mut |_, _| ());
    (outcome, *device.link.counters())
}

#[test]
fn damage_on_the_way_to_the_board_is_mended() {
    for fault in FAULTS {
        // Pieces 0, 2 and 4: the begin of the job and two of its four frames of data.
        for piece in [0, 2, 4] {
            let (outcome, counters) = run(fault.at(vec![piece], 77), whole, HASTE);
            let checked = outcome.unwrap_or_else(|e| panic!("{fault:?} at {piece}: {e}"));
            assert!(checked.comparison.is_equal(), "{fault:?} at {piece}");
            let mended = counters.naks + counters.resends + counters.jobs_repeated;
            assert!(
                mended > 0,
                "{fault:?} at {piece} went unnoticed: {counters:?}"
            );
        }
    }
}

#[test]
fn damage_on_the_way_back_costs_another_attempt() {
    for fault in FAULTS {
        for piece in [1, 3, 8] {
            let (outcome, counters) = run(whole, fault.at(vec![piece], 123), HASTE);
            let checked = outcome.unwrap_or_else(|e| panic!("{fault:?} at {piece}: {e}"));
            assert!(checked.comparison.is_equal(), "{fault:?} at {piece}");
            assert!(
                checked.result.attempts > 1,
                "{fault:?} at {piece}: {counters:?}"
            );
        }
    }
}

#[test]
fn one_flipped_bit_in_a_frame_is_refused_and_sent_again() {
    let file = invented(4);
    let model = file.model();
    // Sending again for want of an answer would hide a board's request that is not heeded.
    let patience = Patience {
        resend: Duration::from_secs(20),
        silence: Duration::from_secs(60),
        ..HASTE
    };
    let link = Link::new(start(&file), patience, Interrupt::default());
    let mut device = Device::new(link, NAME, &model);
    let picture = picture(40, 30);
    for (frame_idx, bit_idx) in [(0, 0), (0, 323), (1, 4000), (3, 8)] {
        let naks = device.link.counters().naks;
        let damage = Some(Damage { frame_idx, bit_idx });
        let result = device
            .run(
                &picture,
                Extras {
                    trace: None,
                    damage,
                },
                &mut |_, _| (),
            )
            .unwrap();
        assert!(
            device.link.counters().naks > naks,
            "bit {bit_idx} of frame {frame_idx}"
        );
        let reference = mambalite_hil::reference::run(&model, &picture).unwrap();
        assert!(result.output == reference.output && result.digests == reference.digests);
        assert!(result.frames_bad > 0);
    }
    assert_eq!(device.link.counters().resends, 0);
}

/// The board cannot ask for a frame that no other follows: only the host's own patience helps.
#[test]
fn a_lost_last_frame_is_sent_again_unasked() {
    let file = invented(4);
    let model = file.model();
    // Piece 0 begins the job, piece 1 is all of its data.
    let line = Damaged::new(start(&file), Fault::Swallow.at(vec![1], 0), whole);
    let mut device = Device::new(Link::new(line, HASTE, Interrupt::default()), NAME, &model);
    let checked = device.check(&picture(10, 10), &mut |_, _| ()).unwrap();
    assert!(checked.comparison.is_equal());
    let counters = device.link.counters();
    assert_eq!((counters.naks, counters.jobs_repeated), (0, 0));
    assert!(
        counters.resends > 0 && counters.bytes_resent == 300,
        "{counters:?}"
    );
}

/// Nothing follows the end of a job, so that no gap shows its loss.
#[test]
fn a_lost_result_costs_another_attempt_and_no_hang() {
    let file = invented(4);
    let model = file.model();
    let mut results = 0;
    // The pipe keeps the pieces in which the board sends: one frame each.
    let hide = move |bytes: &mut Vec<u8>| {
        let mut decoder = Decoder::new();
        bytes.iter().for_each(|&byte| {
            decoder.feed(byte);
        });
        let response = decoder.frame().and_then(|frame| frame.response().ok());
        if matches!(response, Some(Response::Result { .. })) {
            results += 1;
            if results == 1 {
                bytes.clear();
            }
        }
    };
    let line = Damaged::new(start(&file), whole, hide);
    let mut device = Device::new(Link::new(line, HASTE, Interrupt::default()), NAME, &model);
    let checked = device.check(&picture(10, 10), &mut |_, _| ()).unwrap();
    assert!(checked.comparison.is_equal());
    assert_eq!(checked.result.attempts, 2);
}

#[test]
fn a_line_that_is_always_bad_is_given_up() {
    let patience = Patience {
        attempts: 3,
        ..HASTE
    };
    let mut number = 0;
    let spoil = move |bytes: &mut Vec<u8>| {
        number += 1;
        if number % 2 == 0 {
            Fault::Flip.strike(bytes, number * 17);
        }
    };
    let (outcome, counters) = run(whole, spoil, patience);
    let error = outcome.unwrap_err();
    assert!(
        matches!(error, Error::Unreliable { attempts: 3, .. }),
        "{error}"
    );
    assert_eq!(error.exit_code(), EXIT_LINK);
    assert!(counters.jobs_repeated > 0);
}

#[test]
fn a_silent_board_is_a_timeout() {
    let patience = Patience {
        silence: Duration::from_millis(400),
        ..HASTE
    };
    let mut heard = 0;
    // The board takes the job, and is never heard again.
    let hush = move |bytes: &mut Vec<u8>| {
        heard += 1;
        if heard > 1 {
            bytes.clear();
        }
    };
    let (outcome, _) = run(whole, hush, patience);
    assert_eq!(outcome.unwrap_err().exit_code(), EXIT_TIMEOUT);
}

#[test]
fn a_board_that_does_not_shake_hands_is_a_timeout() {
    let line = Damaged::new(
        start(&invented(1)),
        |bytes: &mut Vec<u8>| bytes.clear(),
        whole,
    );
    let patience = Patience {
        reply: Duration::from_millis(50),
        ..HASTE
    };
    let error = Link::new(line, patience, Interrupt::default())
        .hello()
        .unwrap_err();
    assert_eq!(error.exit_code(), EXIT_TIMEOUT);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever the line does: the right result or an error, never a wrong result.
    #[test]
    fn no_damage_leads_to_a_wrong_result(
        out_fault in prop::sample::select(&FAULTS[..]),
        in_fault in prop::sample::select(&FAULTS[..]),
        out_pieces in prop::collection::vec(0_usize..12, 0..4),
        in_pieces in prop::collection::vec(0_usize..30, 0..4),
        seed in 0_usize..10_000,
    ) {
        let patience = Patience { silence: Duration::from_secs(2), ..HASTE };
        let outward = out_fault.at(out_pieces, seed);
        let (outcome, _) = run(outward, in_fault.at(in_pieces, seed), patience);
        if let Ok(checked) = outcome {
            prop_assert!(checked.comparison.is_equal(), "{}", checked.comparison.describe());
        }
    }
}
