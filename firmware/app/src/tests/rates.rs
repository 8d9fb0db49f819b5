//! The rate of the line and the link test, on a line with a clock of its own.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use mambalite_hil_wire::{
    Decoder, Encoder, Fault, NakReason, Prbs, Request, Response, Step, TEST_BYTES_MAX, TEST_PIECE,
};

use super::fixture::{FakeBoard, model};
use crate::{Poll, Port, Rate, Session};

const START: u32 = 115_200;
const FAST: u32 = 921_600;

/// A frame, and the rate that it was sent at.
type Sent = (u32, Vec<u8>);

/// What comes over the line, in order.
enum Come {
    /// Bytes at a rate.
    Bytes(u32, Vec<u8>),
    /// Silence, milliseconds.
    Silence(u32),
}

/// A line on which bytes at another rate than the board's are garbage. It closes when all has come.
struct Line {
    coming: VecDeque<Come>,
    baud: u32,
    now_ms: u32,
    outgoing: Rc<RefCell<Vec<Sent>>>,
}

impl Port for Line {
    fn read(&mut self) -> Option<u8> {
        loop {
            match self.poll() {
                Poll::Byte(byte) => return Some(byte),
                Poll::Nothing => {}
                Poll::Closed => return None,
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.outgoing.borrow_mut().push((self.baud, bytes.to_vec()));
    }

    fn rate(&mut self) -> Option<&mut dyn Rate> {
        Some(self)
    }
}

impl Rate for Line {
    fn start_baud(&self) -> u32 {
        START
    }

    fn has_baud(&self, baud: u32) -> bool {
        [START, FAST, 1_000_000].contains(&baud)
    }

    fn set_baud(&mut self, baud: u32) {
        self.baud = baud;
    }

    fn now_ms(&self) -> u32 {
        self.now_ms
    }

    fn poll(&mut self) -> Poll {
        match self.coming.front_mut() {
            None => return Poll::Closed,
            Some(Come::Silence(ms)) if *ms > 0 => {
                *ms -= 1;
                self.now_ms = self.now_ms.wrapping_add(1);
                return Poll::Nothing;
            }
            Some(Come::Bytes(baud, bytes)) if !bytes.is_empty() => {
                let byte = bytes.remove(0);
                let right = *baud == self.baud;
                return Poll::Byte(if right { byte } else { byte | 0x81 });
            }
            Some(_) => {}
        }
        self.coming.pop_front();
        Poll::Nothing
    }
}

/// A host that speaks at rates.
#[derive(Default)]
struct Host {
    encoder: Encoder,
    coming: VecDeque<Come>,
}

impl Host {
    fn say(mut self, baud: u32, request: &Request<'_>) -> Self {
        let bytes = self.encoder.request(request).unwrap().to_vec();
        self.coming.push_back(Come::Bytes(baud, bytes));
        self
    }

    fn bytes(mut self, baud: u32, bytes: &[u8]) -> Self {
        self.coming.push_back(Come::Bytes(baud, bytes.to_vec()));
        self
    }

    fn wait(mut self, ms: u32) -> Self {
        self.coming.push_back(Come::Silence(ms));
        self
    }

    fn set(self, at: u32, baud: u32) -> Self {
        let request = Request::SetRate {
            baud,
            trial_ms: 100,
        };
        self.say(at, &request)
    }

    fn keep(self, baud: u32) -> Self {
        let request = Request::KeepRate {
            baud,
            silence_ms: 500,
        };
        self.say(baud, &request)
    }

    fn echo(self, baud: u32) -> Self {
        self.say(baud, &Request::Echo { bytes: b"e" })
    }

    /// Runs a session; returns the answers with the rate that each was sent at.
    fn run(self) -> Vec<(u32, Response<'static>)> {
        let outgoing = Rc::new(RefCell::new(Vec::new()));
        let line = Line {
            coming: self.coming,
            baud: START,
            // Wraps during the test.
            now_ms: u32::MAX - 50,
            outgoing: outgoing.clone(),
        };
        Session::new(line, FakeBoard::default(), model(), &mut [0; 64]).run();
        let mut decoder = Decoder::new();
        let frames = outgoing.take();
        let answer = |(baud, bytes): Sent| {
            let whole = bytes.iter().map(|&byte| decoder.feed(byte)).last();
            assert_eq!(whole, Some(Step::Frame));
            let payload: &'static [u8] = decoder.frame().unwrap().payload.to_vec().leak();
            let frame = mambalite_hil_wire::Frame {
                payload,
                ..decoder.frame().unwrap()
            };
            (baud, frame.response().unwrap())
        };
        frames.into_iter().map(answer).collect()
    }
}

fn rate(baud: u32, kept: bool) -> Response<'static> {
    Response::Rate { baud, kept }
}

fn echo() -> Response<'static> {
    Response::Echo { bytes: b"e" }
}

#[test]
fn a_rate_is_acknowledged_at_the_old_one_and_kept_at_the_new_one() {
    let host = Host::default().set(START, FAST).keep(FAST);
    // Longer than the trial, shorter than the silence, twice.
    let host = host.wait(400).echo(FAST).wait(400).echo(FAST);
    let answers = [
        (START, rate(FAST, false)),
        (FAST, rate(FAST, true)),
        (FAST, echo()),
        (FAST, echo()),
    ];
    assert_eq!(host.run(), answers);
}

#[test]
fn a_rate_that_is_not_confirmed_ends_with_its_trial() {
    // Other frames, and the request again, do not make the trial longer.
    let host = Host::default().set(START, FAST).wait(60);
    let host = host.echo(FAST).set(FAST, FAST).wait(60).echo(START);
    let answers = [
        (START, rate(FAST, false)),
        (FAST, echo()),
        (FAST, rate(FAST, false)),
        (START, echo()),
    ];
    assert_eq!(host.run(), answers);
}

#[test]
fn a_kept_rate_ends_with_silence() {
    let host = Host::default().set(START, FAST).keep(FAST).wait(501);
    let answers = host.echo(START).run();
    assert_eq!(answers[2..], [(START, echo())]);
}

#[test]
fn a_kept_rate_ends_with_garbage_however_fast_it_comes() {
    let host = Host::default().set(START, FAST).keep(FAST);
    let host = host.bytes(START, &[0x11; 6000]).bytes(START, &[0, 0]);
    let answers = host.echo(START).run();
    assert_eq!(answers.last(), Some(&(START, echo())));
    let naks = answers
        .iter()
        .filter(|(_, it)| matches!(it, Response::Nak { .. }));
    assert_eq!(naks.count(), 1, "{answers:?}");
}

#[test]
fn the_way_back_needs_no_confirmation() {
    let host = Host::default().set(START, FAST).keep(FAST);
    let host = host.set(FAST, START).keep(START).wait(2000).echo(START);
    let answers = [
        (FAST, rate(START, true)),
        (START, rate(START, true)),
        (START, echo()),
    ];
    assert_eq!(host.run()[2..], answers);
}

#[test]
fn a_rate_that_the_line_does_not_have_is_refused_and_nothing_changes() {
    let host = Host::default().set(START, 7).set(START, FAST).keep(FAST);
    let host = host.set(FAST, 7).echo(FAST);
    let refused = |baud| Response::Error {
        job: 0,
        fault: Fault::Rate { baud },
        detail: "",
    };
    let answers = [
        (START, refused(START)),
        (START, rate(FAST, false)),
        (FAST, rate(FAST, true)),
        (FAST, refused(FAST)),
        (FAST, echo()),
    ];
    assert_eq!(host.run(), answers);
    // To keep a rate that does not hold is refused too.
    let request = Request::KeepRate {
        baud: FAST,
        silence_ms: 500,
    };
    let answers = Host::default().say(START, &request).run();
    assert_eq!(answers, [(START, refused(START))]);
}

#[test]
fn the_link_test_counts_what_arrives_wrong() {
    let mut prbs = Prbs::new();
    let mut pieces = [[0; TEST_PIECE]; 3];
    pieces.iter_mut().for_each(|piece| prbs.fill(piece));
    let [first, second, third] = &pieces;
    let offset = |index: usize| (index * TEST_PIECE) as u32;
    let test = |index, bytes| Request::LinkTest {
        offset: offset(index),
        bytes,
    };
    let mut host = Host::default().say(START, &test(0, first));
    let mut damaged = host.encoder.request(&test(1, second)).unwrap().to_vec();
    let byte = damaged[50..].iter_mut().find(|byte| **byte > 7).unwrap();
    *byte ^= 0b111;
    let host = host.bytes(START, &damaged).say(START, &test(2, third));
    let beyond = Request::LinkTest {
        offset: TEST_BYTES_MAX,
        bytes: first,
    };
    let answers = host
        .say(START, &beyond)
        .say(START, &test(2, &third[1..]))
        .run();
    let answer = |index, wrong_bits, bytes| {
        let offset = offset(index);
        (
            START,
            Response::LinkTest {
                offset,
                wrong_bits,
                bytes,
            },
        )
    };
    let nak = |reason| {
        (
            START,
            Response::Nak {
                job: 0,
                expected_offset: 0,
                reason,
            },
        )
    };
    let expected = [
        answer(0, 0, first.as_slice()),
        nak(NakReason::Crc),
        answer(2, 3, third.as_slice()),
        nak(NakReason::Malformed),
        nak(NakReason::Malformed),
    ];
    assert_eq!(answers, expected);
}
