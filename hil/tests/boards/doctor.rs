//! `hil doctor`: each step that needs a board that answers, green on a good board and red on one that is
//! wrong in that step alone. The firmware's logic runs in this process; the steps before are in
//! `qemu_new_board`.

use std::path::Path;
use std::time::Duration;

use mambalite_hil::Result;
use mambalite_hil::bench::check_facts;
use mambalite_hil::board::{Boards, Counter};
use mambalite_hil::device::Device;
use mambalite_hil::doctor::{Checkup, Colour, Finding, Gate, Ladder, Step};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{DeviceInfo, Link, Patience};
use mambalite_hil::observer::{Silent, Watch};
use mambalite_hil::transport::{Damaged, Pipe, Transport};
use mambalite_hil_wire::{CheckOutcome, Decoder, Encoder, Fault, Response, Step as Fed};
use mambalite_kernels_check::MEMORY_WORDS;

use crate::in_process::{HASTE, NAME, start_with_arena};
use crate::model::{invented, picture};

/// Runs of the soak.
const SOAK: u32 = 3;

/// A gate pin that never moves, or that does.
struct Pin {
    moves: bool,
}

impl Gate for Pin {
    fn begin(&mut self, _: &Interrupt) -> Result<()> {
        Ok(())
    }

    fn middle(&mut self) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<core::result::Result<String, String>> {
        Ok(match self.moves {
            true => Ok("one pulse".to_owned()),
            false => Err("no pulse".to_owned()),
        })
    }
}

/// What is wrong with a board.
struct Illness<F> {
    /// What becomes of its answers.
    lie: F,
    model: u64,
    counter: Counter,
    gate: Pin,
}

/// A board that tells the truth.
fn truth(_: &mut Response<'_>) {}

/// A board whose firmware has no operator checks, so that the network is reached soon.
fn without_checks(response: &mut Response<'_>) {
    if matches!(response, Response::Check { .. }) {
        *response = Response::Error {
            job: 0,
            fault: Fault::Unsupported,
            detail: "",
        };
    }
}

fn healthy<F>(lie: F) -> Illness<F> {
    Illness {
        lie,
        model: 3,
        counter: Counter::Instructions,
        gate: Pin { moves: true },
    }
}

/// Puts a lie around a line: each of the board's frames is decoded, changed and encoded again.
fn lying(pipe: Pipe, mut lie: impl FnMut(&mut Response<'_>) + Send + 'static) -> impl Transport {
    let (mut decoder, mut encoder) = (Decoder::new(), Encoder::new());
    let inward = move |bytes: &mut Vec<u8>| {
        let mut told = Vec::new();
        for &byte in bytes.iter() {
            if decoder.feed(byte) != Fed::Frame {
                continue;
            }
            let mut response = decoder.frame().unwrap().response().unwrap();
            // The board of these tests has a counter that stands still.
            if let Response::Result { cycles, .. } = &mut response {
                *cycles = Some(77);
            }
            lie(&mut response);
            told.extend_from_slice(encoder.response(&response).unwrap());
        }
        *bytes = told;
    };
    Damaged::new(pipe, |_| (), inward)
}

/// Climbs with such a board; returns what was found.
fn climb<F: FnMut(&mut Response<'_>) + Send + 'static>(illness: Illness<F>) -> Vec<Finding> {
    let file = invented(illness.model);
    let model = file.model();
    let on_board = invented(3);
    let pipe = start_with_arena(&on_board, MEMORY_WORDS);
    let interrupt = Interrupt::default();
    // Variants in a build without optimisation take their time.
    let patience = Patience {
        silence: Duration::from_secs(120),
        ..HASTE
    };
    let link = Link::new(lying(pipe, illness.lie), patience, interrupt.clone());
    let mut device = Device::new(link, NAME, &model);
    let mut told = 0;
    let mut tell = |_: &Finding| told += 1;
    let mut ladder = Ladder::new(&mut tell);
    let picture = picture(20, 40);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let boards = Boards::find(folder).unwrap();
    let mut board = boards.load("qemu-mps2-an386").unwrap();
    board.name = NAME.to_owned();
    board.arena_bytes = 8 * MEMORY_WORDS as u32;
    let sha256 = on_board.model().sha256();
    let is_meant = |info: &DeviceInfo| check_facts(info, &board, &[7; 20], &sha256);
    let mut checkup = Checkup {
        device: &mut device,
        is_meant: &is_meant,
        counter: illness.counter,
        picture: &picture,
        gate: Some(Box::new(illness.gate)),
        soak: SOAK,
        interrupt: &interrupt,
    };
    if let Err(fall) = checkup.run(&mut ladder, &Watch::new(&Silent, NAME)) {
        ladder.fall(fall);
    }
    let findings = ladder.into_findings();
    assert_eq!(told, findings.len());
    findings
}

/// Checks that the last step told is this one, red and with advice, and all before it are not.
fn assert_red(findings: &[Finding], step: Step, seen: &str) {
    let (last, before) = findings.split_last().unwrap();
    assert_eq!((last.step, last.colour), (step, Colour::Red), "{last:?}");
    assert!(last.seen.contains(seen), "{last:?}");
    let advice = last.advice.as_ref().unwrap();
    assert!(advice.cause.is_some() && !advice.mend.is_empty());
    assert_ne!(last.exit_code, 0);
    assert!(before.iter().all(|it| it.colour != Colour::Red));
}

#[test]
fn a_good_board_is_green_to_the_top() {
    let findings = climb(healthy(truth));
    let steps: Vec<_> = findings.iter().map(|it| (it.step, it.colour)).collect();
    let expected = Step::ALL[Step::Hello as usize..=Step::Soak as usize].iter();
    let expected: Vec<_> = expected.map(|&step| (step, Colour::Green)).collect();
    assert_eq!(steps, expected, "{findings:?}");
}

#[test]
fn a_board_that_is_silent_is_told_at_hello() {
    let silent = |response: &mut Response<'_>| *response = Response::Echo { bytes: &[] };
    assert_red(&climb(healthy(silent)), Step::Hello, "the handshake");
}

#[test]
fn another_build_is_told_at_identity() {
    let other = |response: &mut Response<'_>| {
        if let Response::Hello { build_id, .. } = response {
            build_id[0] ^= 1;
        }
    };
    assert_red(&climb(healthy(other)), Step::Identity, "build id");
}

#[test]
fn wrong_bits_on_the_line_are_told_at_link() {
    let noisy = |response: &mut Response<'_>| {
        if let Response::LinkTest { wrong_bits, .. } = response {
            *wrong_bits = 3;
        }
    };
    assert_red(
        &climb(healthy(noisy)),
        Step::Link,
        "3 bits wrong at the board",
    );
}

#[test]
fn flushed_subnormals_are_told_at_arithmetic() {
    let flushing = |response: &mut Response<'_>| {
        if let Response::Hello { fp_flags, .. } = response {
            *fp_flags = 1 << 24;
        }
    };
    assert_red(&climb(healthy(flushing)), Step::Arithmetic, "0x01000000");
}

/// Changes the outcome of the check of this name.
fn failing(which: &'static str) -> impl FnMut(&mut Response<'_>) + Send {
    move |response| {
        if let Response::Check { name, outcome, .. } = response
            && *name == which
            && *outcome != CheckOutcome::Begun
        {
            *outcome = CheckOutcome::Differs {
                case: 1,
                index: 2,
                expected: 3,
                found: 4,
            };
        }
    }
}

#[test]
fn a_wrong_function_is_told_at_arithmetic() {
    let findings = climb(healthy(failing("fma/f32")));
    assert_red(&findings, Step::Arithmetic, "fma/f32");
}

#[test]
fn a_wrong_operator_is_told_at_reference() {
    let findings = climb(healthy(failing("scan_full/w8a8")));
    assert_red(&findings, Step::Reference, "scan_full/w8a8");
}

#[test]
fn a_wrong_variant_is_told_at_variants() {
    let mut variants = mambalite_kernels_check::runs().map(|it| it.to_string());
    let first = variants.nth(mambalite_kernels_check::cases().count());
    let findings = climb(healthy(failing(first.unwrap().leak())));
    assert_red(&findings, Step::Variants, "value 2");
}

#[test]
fn another_weight_is_told_at_network() {
    let illness = Illness {
        model: 4,
        ..healthy(without_checks)
    };
    let findings = climb(illness);
    assert_red(&findings, Step::Network, "layer digests differ");
    let left = findings.iter().filter(|it| it.colour == Colour::Left);
    assert!(left.map(|it| it.step).eq([Step::Reference, Step::Variants]));
}

#[test]
fn a_clock_that_is_wrong_is_told_at_clock() {
    let mut jobs = 0;
    let drifting = move |response: &mut Response<'_>| {
        without_checks(response);
        if let Response::Result { cycles, .. } = response {
            jobs += 1;
            *cycles = Some(jobs);
        }
    };
    assert_red(&climb(healthy(drifting)), Step::Clock, "same picture");
    // So many cycles in no time: the clock is said to be too slow for them.
    let slow = |response: &mut Response<'_>| {
        without_checks(response);
        match response {
            Response::Result { cycles, .. } => *cycles = Some(1 << 40),
            Response::Hello { clock_hz, .. } => *clock_hz = Some(1_000_000),
            _ => {}
        }
    };
    let illness = Illness {
        counter: Counter::Cycles,
        ..healthy(slow)
    };
    assert_red(&climb(illness), Step::Clock, "faster");
}

#[test]
fn a_counter_that_stands_still_is_told_at_clock() {
    let still = |response: &mut Response<'_>| {
        without_checks(response);
        if let Response::Result { cycles, .. } = response {
            *cycles = Some(0);
        }
    };
    assert_red(&climb(healthy(still)), Step::Clock, "stands still");
}

#[test]
fn a_board_that_counts_nothing_is_no_failure() {
    let uncounted = |response: &mut Response<'_>| {
        without_checks(response);
        if let Response::Result { cycles, .. } = response {
            *cycles = None;
        }
    };
    let findings = climb(healthy(uncounted));
    let clock = findings.iter().find(|it| it.step == Step::Clock).unwrap();
    assert_eq!(clock.colour, Colour::Left);
    assert_eq!(findings.last().unwrap().step, Step::Soak);
}

#[test]
fn a_pin_that_does_not_move_is_told_at_gate() {
    let illness = Illness {
        gate: Pin { moves: false },
        ..healthy(without_checks)
    };
    assert_red(&climb(illness), Step::Gate, "no pulse");
}

#[test]
fn one_wrong_run_is_told_at_soak() {
    let mut jobs = 0;
    let rare = move |response: &mut Response<'_>| {
        without_checks(response);
        match response {
            Response::Begun { .. } => jobs += 1,
            // One for the network, two for the clock, one for the gate, and the second of the soak.
            Response::Digests { values, .. } if jobs == 6 => {
                let mut wrong = values.to_vec();
                wrong[0] ^= 1;
                *values = wrong.leak();
            }
            _ => {}
        }
    };
    assert_red(&climb(healthy(rare)), Step::Soak, "run 2 of 3");
}
