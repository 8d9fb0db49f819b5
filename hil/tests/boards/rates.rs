//! Choosing the rate of a line, whatever the line does meanwhile.

use std::time::{Duration, Instant};

use mambalite_hil::Error;
use mambalite_hil::device::Device;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::link::{Link, Outcome, Patience, RateTimes, Tuned, tune};
use proptest::prelude::*;

use crate::in_process::NAME;
use crate::model::{invented, picture};
use crate::rated::{RatedLine, START, start};

/// Rates of the board.
const RATES: &[u32] = &[START, 230_400, 460_800, 921_600];

/// Rates that the host tries; the board lacks the first.
const CANDIDATES: [u32; 4] = [3_000_000, 921_600, 460_800, 230_400];

/// A tenth of the real times.
const TIMES: RateTimes = RateTimes {
    trial: Duration::from_millis(100),
    test: Duration::from_millis(100),
    silence: Duration::from_millis(400),
    settle: Duration::ZERO,
};

const PATIENCE: Patience = Patience {
    reply: Duration::from_millis(150),
    resend: Duration::from_millis(150),
    silence: Duration::from_secs(4),
    attempts: 8,
};

fn link(line: &RatedLine) -> Link<RatedLine> {
    let mut link = Link::new(line.clone(), PATIENCE, Interrupt::default());
    link.set_rate_control(Box::new(line.clone()), START, TIMES);
    link
}

fn whole(_: u32, _: &mut Vec<u8>) {}

/// Flips a bit in every tenth piece that is faster than `limit`.
fn noisy_above(limit: u32) -> impl FnMut(u32, &mut Vec<u8>) + Send + 'static {
    let mut number = 0;
    move |baud, bytes| {
        number += usize::from(baud > limit);
        // Not the delimiters: those frames would be whole all the same.
        if baud > limit && number % 10 == 9 && bytes.len() > 100 {
            bytes[60] ^= 0x40;
        }
    }
}

fn outcomes(tuned: &Tuned) -> Vec<(u32, &Outcome)> {
    tuned
        .rates
        .iter()
        .map(|it| (it.baud, &it.outcome))
        .collect()
}

/// Runs a job and checks it.
fn assert_jobs_run(link: Link<RatedLine>) -> Link<RatedLine> {
    let file = invented(4);
    let model = file.model();
    let mut device = Device::new(link, NAME, &model);
    let checked = device.check(&picture(20, 10), &mut |_, _| ()).unwrap();
    assert!(checked.comparison.is_equal());
    device.link
}

#[test]
fn the_fastest_clean_rate_is_chosen() {
    for noisy_way in 0..3 {
        let damage = |way| noisy_above(if noisy_way == way { 300_000 } else { u32::MAX });
        let line = start(&invented(4), RATES, damage(0), damage(1));
        let mut link = link(&line);
        link.hello().unwrap();
        let tuned = tune(&mut link, &CANDIDATES).unwrap();
        let chosen = if noisy_way == 2 { 921_600 } else { 230_400 };
        assert!(tuned.is_clean());
        assert_eq!(
            (tuned.baud, line.board_baud(), link.baud()),
            (chosen, chosen, Some(chosen))
        );
        let outcomes = outcomes(&tuned);
        assert!(
            matches!(outcomes[0], (3_000_000, Outcome::Refused(_))),
            "{outcomes:?}"
        );
        if noisy_way < 2 {
            let (baud, Outcome::Tested(test)) = outcomes[1] else {
                panic!("{outcomes:?}");
            };
            assert_eq!((baud, test.is_clean()), (921_600, false));
            let wrong = [test.outward_wrong_bits, test.inward_wrong_bits];
            assert!(
                wrong[noisy_way] > 0 && wrong[1 - noisy_way] == 0,
                "{test:?}"
            );
            assert!(test.pieces_lost > 0, "{test:?}");
        }
        // What the tests damaged is no fault of the session.
        let link = assert_jobs_run(link);
        assert_eq!((link.counters().bad(), link.counters().naks), (0, 0));
    }
}

#[test]
fn a_line_with_one_rate_keeps_it() {
    let line = start(&invented(4), &[], whole, whole);
    let mut link = link(&line);
    link.hello().unwrap();
    let tuned = tune(&mut link, &CANDIDATES).unwrap();
    assert_eq!((tuned.baud, tuned.is_clean()), (START, true));
    assert_eq!(tuned.rates.len(), 5);
    assert_jobs_run(link);
}

#[test]
fn a_line_that_is_nowhere_clean_stays_at_the_first_rate() {
    let line = start(&invented(4), RATES, noisy_above(0), whole);
    let mut link = link(&line);
    link.hello().unwrap();
    let tuned = tune(&mut link, &[921_600]).unwrap();
    assert_eq!(
        (tuned.baud, tuned.is_clean(), line.board_baud()),
        (START, false, START)
    );
    let Outcome::Tested(test) = tuned.rates[1].outcome else {
        panic!("{tuned:?}");
    };
    assert!(test.outward_wrong_bits > 0);
    assert_jobs_run(link);
}

/// The board changes over and hears nobody: its answer is lost each time.
#[test]
fn a_rate_change_that_only_the_board_makes_is_undone() {
    let deaf = |baud, bytes: &mut Vec<u8>| {
        if baud == 921_600 {
            bytes.clear();
        }
    };
    for (outward, inward) in [(true, false), (false, true), (true, true)] {
        let filter = |on| {
            move |baud, bytes: &mut Vec<u8>| {
                if on {
                    deaf(baud, bytes)
                }
            }
        };
        let line = start(&invented(4), RATES, filter(outward), filter(inward));
        let mut link = link(&line);
        link.hello().unwrap();
        let tuned = tune(&mut link, &[921_600]).unwrap();
        assert_eq!(outcomes(&tuned)[0], (921_600, &Outcome::Unheard));
        assert_eq!((tuned.baud, line.board_baud()), (START, START));
        assert_jobs_run(link);
    }
}

#[test]
fn a_board_that_was_reset_is_found_and_brought_back() {
    let line = start(&invented(4), RATES, whole, whole);
    let mut before = link(&line);
    before.hello().unwrap();
    tune(&mut before, &CANDIDATES).unwrap();
    // As after a reset: the board has been silent for so long that it left the rate.
    std::thread::sleep(TIMES.silence * 2);
    assert_eq!(line.board_baud(), START);
    before.hello().unwrap();
    assert_eq!((line.board_baud(), before.baud()), (921_600, Some(921_600)));
    // Without a handshake, a job finds it too.
    std::thread::sleep(TIMES.silence * 2);
    assert_eq!(line.board_baud(), START);
    let link = assert_jobs_run(before);
    assert_eq!((line.board_baud(), link.baud()), (921_600, Some(921_600)));
    assert_eq!(link.counters().jobs_repeated, 0);
}

#[test]
fn the_next_host_finds_a_board_that_the_last_one_left_at_a_rate() {
    let line = start(&invented(4), RATES, whole, whole);
    let mut first = link(&line);
    first.hello().unwrap();
    tune(&mut first, &CANDIDATES).unwrap();
    line.unplug(true);
    assert!(matches!(first.hello(), Err(Error::Line { .. })));
    line.unplug(false);
    let mut line = line;
    mambalite_hil::transport::BaudPort::set_baud(&mut line, START).unwrap();
    let mut second = link(&line);
    let start = Instant::now();
    second.hello().unwrap();
    assert!(start.elapsed() < TIMES.silence * 3);
    assert_jobs_run(second);
}

/// What a bad line does to a piece.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Pass,
    Lose,
    Flip,
    Garbage,
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        3 => Just(Fault::Pass),
        2 => Just(Fault::Lose),
        1 => Just(Fault::Flip),
        1 => Just(Fault::Garbage),
    ];
    prop::collection::vec(fault, 0..12)
}

/// Does to the pieces what `faults` say, and nothing afterwards.
fn strike(faults: Vec<Fault>) -> impl FnMut(u32, &mut Vec<u8>) + Send + 'static {
    let mut faults = faults.into_iter();
    move |_, bytes| match faults.next() {
        Some(Fault::Lose) => bytes.clear(),
        Some(Fault::Flip) if bytes.len() > 8 => bytes[7] ^= 0x10,
        Some(Fault::Garbage) => bytes.iter_mut().for_each(|byte| *byte = !*byte | 1),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Whatever is lost while the rate changes: once the line is whole, both sides meet again, and
    /// a host that knows nothing of it finds the board at the first rate.
    #[test]
    fn both_sides_meet_again_whatever_is_lost(out in faults(), back in faults(), dies in any::<bool>()) {
        let line = start(&invented(4), RATES, whole, whole);
        let mut first = link(&line);
        first.hello().unwrap();
        line.damage(strike(out), strike(back));
        let met = tune(&mut first, &[921_600, 460_800]);
        line.damage(whole, whole);
        if !dies {
            prop_assert!(met.is_ok(), "{met:?}");
            prop_assert_eq!(Some(line.board_baud()), first.baud());
            assert_jobs_run(first);
            return Ok(());
        }
        drop(first);
        let mut line = line;
        mambalite_hil::transport::BaudPort::set_baud(&mut line, START).unwrap();
        let mut second = link(&line);
        prop_assert!(second.hello().is_ok());
        prop_assert_eq!(line.board_baud(), START);
        assert_jobs_run(second);
    }
}
