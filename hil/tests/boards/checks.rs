//! The operator checks of a board, over the line.

use std::time::Duration;

use mambalite_hil::Error;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{Link, OperatorCheck, Patience};
use mambalite_hil::transport::{Pipe, Transport};
use mambalite_hil_wire::{CheckOutcome, Fault, Request, Response, crc32};
use mambalite_kernels_check::{MEMORY_WORDS, SEEDS, cases, golden, runs};

use crate::in_process::{HASTE, link, start_with_arena};
use crate::model::invented;
use crate::scripted;

/// Checks that a board of this process runs with so much working memory.
fn checks(arena_words: usize, seed: u64) -> Vec<OperatorCheck> {
    let line = start_with_arena(&invented(1), arena_words);
    // Variants in a build without optimisation take their time.
    let patience = Patience {
        silence: Duration::from_secs(120),
        ..HASTE
    };
    let mut link = Link::new(line, patience, Interrupt::default());
    let mut last = 0;
    let checks = link.check_operators(seed, &mut |done, count| {
        assert!(done == last + 1 && done <= count);
        last = done;
    });
    // The session goes on as if nothing had been.
    assert_eq!(link.hello().unwrap().clock_hz, Some(16_000_000));
    checks.unwrap()
}

/// Every golden case has its golden digest for the first golden seed, every variant is the
/// specification or has not its instructions, and nothing is missing.
pub(crate) fn assert_golden(checks: &[OperatorCheck]) {
    for check in checks {
        assert!(check.is_passed(), "{check:?}");
    }
    for case in cases() {
        let check = checks.iter().find(|it| it.name == case.name).unwrap();
        let golden = golden(case.name).unwrap()[0];
        assert_eq!(check.outcome, Some(CheckOutcome::Digest(golden)));
    }
}

#[test]
fn a_board_has_the_golden_digests() {
    let checks = checks(MEMORY_WORDS, SEEDS[0]);
    assert_golden(&checks);
    let names: Vec<_> = runs().map(|run| run.to_string()).collect();
    assert!(checks.iter().map(|it| &it.name).eq(&names));
}

/// It is told, and those that need none are run.
#[test]
fn too_small_an_arena_is_an_outcome() {
    let checks = checks(1000, 77);
    let no_memory = |it: &&OperatorCheck| matches!(it.outcome, Some(CheckOutcome::NoMemory { .. }));
    let lacking: Vec<_> = checks.iter().filter(no_memory).collect();
    assert!(lacking.iter().any(|it| it.name == "scan_full/w8a8"));
    assert!(lacking.iter().all(|it| !it.is_passed()));
    let exponential = checks.iter().find(|it| it.name == "exponential/f32");
    assert!(exponential.unwrap().is_passed());
}

/// Answers of a board that has one check, the first case, with this digest.
fn one(index: u16, outcome: CheckOutcome) -> Response<'static> {
    Response::Check {
        index,
        count: 1,
        name: "exponential/f32",
        outcome,
    }
}

#[test]
fn a_wrong_digest_and_a_missing_case_are_seen() {
    let right = golden("exponential/f32").unwrap()[1];
    for (digest, passed) in [(right, true), (right ^ 1, false)] {
        let mut link = scripted::start(move |_| vec![one(0, CheckOutcome::Digest(digest))]);
        let checks = link.check_operators(SEEDS[1], &mut |_, _| ()).unwrap();
        assert_eq!(checks[0].is_passed(), passed);
        assert_eq!(checks.len(), cases().count());
        assert!(checks[1..].iter().all(|it| it.outcome.is_none()));
        assert!(checks[1..].iter().all(|it| !it.is_passed()));
    }
}

#[test]
fn what_is_lost_is_asked_for_again() {
    let right = golden("exponential/f32").unwrap()[0];
    let mut asked = 0;
    let mut link = scripted::start(move |_| {
        asked += 1;
        match asked {
            1 => vec![],
            // An answer to an earlier request is none to this one.
            2 => vec![one(9, CheckOutcome::Equal)],
            3 => vec![
                one(0, CheckOutcome::Begun),
                one(0, CheckOutcome::Digest(right)),
            ],
            _ => panic!("asked once more"),
        }
    });
    let checks = link.check_operators(SEEDS[0], &mut |_, _| ()).unwrap();
    assert!(checks[0].is_passed());
    assert_eq!(link.counters().requests_repeated, 2);
}

#[test]
fn a_board_that_begins_and_falls_silent_is_given_up() {
    let mut link = scripted::start(|_| vec![one(0, CheckOutcome::Begun)]);
    let patience = Patience {
        silence: Duration::from_millis(300),
        attempts: 2,
        ..HASTE
    };
    link.limit(patience, Interrupt::default());
    let error = link.check_operators(1, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
}

#[test]
fn answers_that_contradict_each_other_are_refused() {
    let mut link = scripted::start(|request| match *request {
        Request::Check { index, .. } => vec![Response::Check {
            index,
            count: 5 - index,
            name: "x",
            outcome: CheckOutcome::Equal,
        }],
        _ => vec![],
    });
    let error = link.check_operators(1, &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Misbehaved { .. }), "{error}");
}

#[test]
fn firmware_without_checks_says_so() {
    let mut link = scripted::start(|_| {
        vec![Response::Error {
            job: 0,
            fault: Fault::Unsupported,
            detail: "",
        }]
    });
    let error = link.check_operators(1, &mut |_, _| ()).unwrap_err();
    assert!(error.to_string().contains("Unsupported"), "{error}");
}

/// Returns the frame of a response that no version of this crate makes.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut body = [&[0, 2, 0, 0, payload.len() as u8, 0], payload].concat();
    body.extend(crc32(&body).to_le_bytes());
    // COBS: each zero is told by the distance to it, and so is the end.
    let pieces = body.split(|&byte| byte == 0);
    let coded = pieces.flat_map(|piece| [&[piece.len() as u8 + 1], piece].concat());
    [0].into_iter().chain(coded).chain([0]).collect()
}

/// Its handshake is shorter than this version's.
#[test]
fn firmware_of_protocol_3_is_named_as_such() {
    let (host, mut board) = Pipe::pair();
    let hello = frame(&[0, 3, 1, b'b']);
    board.send(&hello, Duration::ZERO).unwrap();
    let error = link(host).hello().unwrap_err();
    assert!(
        matches!(error, Error::Protocol { board: 3, host: 4 }),
        "{error}"
    );
    assert!(error.to_string().contains("rebuild both"), "{error}");
}
