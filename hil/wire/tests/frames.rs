//! Properties of frames and messages under every kind of damage.

#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

use mambalite_hil_wire::{
    Backend, Channel, CheckOutcome, Decoder, Encoder, Fault, FrameError, MAX_CHUNK, MAX_FRAME,
    MAX_NAME, MAX_PAYLOAD, ModelState, NakReason, Prbs, Precision, Quantity, Reading, Request,
    Response, Step, TEST_PIECE, Tester,
};
use proptest::prelude::*;

/// Feeds `line` and returns payloads of the frames and the errors, in order.
fn decode(line: &[u8]) -> Vec<Result<(u16, Vec<u8>), FrameError>> {
    let mut decoder = Decoder::new();
    decode_on(&mut decoder, line)
}

fn decode_on(decoder: &mut Decoder, line: &[u8]) -> Vec<Result<(u16, Vec<u8>), FrameError>> {
    let mut found = Vec::new();
    for &byte in line {
        match decoder.feed(byte) {
            Step::More => assert_eq!(decoder.frame(), None),
            Step::Frame => {
                let frame = decoder.frame().unwrap();
                found.push(Ok((frame.seq, frame.payload.to_vec())));
            }
            Step::Bad(error) => found.push(Err(error)),
        }
    }
    found
}

fn coded(body: &[u8]) -> Vec<u8> {
    let mut line = vec![0];
    line.extend(cobs::encode_vec_for_test(body));
    line.push(0);
    line
}

/// COBS of bodies that the encoder would never make.
mod cobs {
    pub(crate) fn encode_vec_for_test(body: &[u8]) -> Vec<u8> {
        let (mut out, mut block) = (Vec::new(), Vec::new());
        for &byte in body.iter().chain(&[0]) {
            if byte == 0 {
                out.push(block.len() as u8 + 1);
                out.append(&mut block);
            } else {
                block.push(byte);
                if block.len() == 254 {
                    out.push(255);
                    out.append(&mut block);
                }
            }
        }
        out
    }
}

fn with_crc(mut body: Vec<u8>) -> Vec<u8> {
    let crc = mambalite_hil_wire::crc32(&body);
    body.extend(crc.to_le_bytes());
    body
}

#[test]
fn each_damage_has_its_own_name() {
    let mut encoder = Encoder::new();
    let good = encoder.request(&Request::Hello).unwrap().to_vec();
    assert_eq!(decode(&good), [Ok((0, vec![0]))]);

    let mut overlong = vec![7; MAX_FRAME];
    overlong.push(0);
    assert_eq!(decode(&overlong), [Err(FrameError::Overlong)]);
    assert_eq!(decode(&[9, 1, 0]), [Err(FrameError::Cobs)]);
    assert_eq!(
        decode(&coded(&[1, 2, 3])),
        [Err(FrameError::Short { actual: 3 })]
    );
    let crc = with_crc(vec![0, 1, 0, 0, 0, 0]);
    assert_eq!(decode(&coded(&crc)), [Ok((0, vec![]))]);
    let mut wrong = crc.clone();
    wrong[9] ^= 1;
    assert!(matches!(
        decode(&coded(&wrong))[..],
        [Err(FrameError::Crc { .. })]
    ));
    let length = with_crc(vec![0, 1, 0, 0, 5, 0, 1]);
    assert_eq!(
        decode(&coded(&length)),
        [Err(FrameError::Length {
            declared: 5,
            actual: 1
        })]
    );
    let channel = with_crc(vec![4, 1, 0, 0, 0, 0]);
    assert_eq!(
        decode(&coded(&channel)),
        [Err(FrameError::Channel { channel: 4 })]
    );
    let kind = with_crc(vec![0, 9, 0, 0, 0, 0]);
    assert_eq!(decode(&coded(&kind)), [Err(FrameError::Kind { kind: 9 })]);
}

#[test]
fn overlong_junk_is_reported_once_and_forgotten() {
    let mut line = vec![0x55; 9000];
    line.push(0);
    line.extend(Encoder::new().request(&Request::Abort { job: 7 }).unwrap());
    let found = decode(&line);
    assert_eq!(found[0], Err(FrameError::Overlong));
    assert_eq!(found.len(), 2);
    assert!(found[1].is_ok());
}

#[test]
fn the_largest_chunk_fits_every_message() {
    let bytes = [0xff; MAX_CHUNK];
    let top = u32::MAX;
    let mut encoder = Encoder::new();
    assert!(
        encoder
            .request(&Request::Data {
                job: top,
                offset: top,
                bytes: &bytes
            })
            .is_ok()
    );
    assert!(encoder.request(&Request::Echo { bytes: &bytes }).is_ok());
    assert!(
        encoder
            .response(&Response::Output {
                job: top,
                offset: top,
                bytes: &bytes
            })
            .is_ok()
    );
    let trace = Response::Trace {
        job: top,
        layer: u16::MAX,
        offset: top,
        bits: &bytes,
    };
    let line = encoder.response(&trace).unwrap();
    assert!(line.len() <= MAX_FRAME);
    let digests = Response::Digests {
        job: top,
        first: u16::MAX,
        values: &bytes,
    };
    assert!(encoder.response(&digests).is_ok());
    assert_eq!(MAX_CHUNK % 8, 0);
    let raw = [1; MAX_PAYLOAD + 1];
    assert!(encoder.raw(Channel::Log, &raw[1..]).is_ok());
    assert!(encoder.raw(Channel::Log, &raw).is_err());
    assert!(encoder.request(&Request::Echo { bytes: &raw }).is_err());
}

#[test]
fn a_message_read_as_the_other_kind_is_refused() {
    let mut decoder = Decoder::new();
    let mut encoder = Encoder::new();
    let line = encoder.request(&Request::Hello).unwrap();
    assert_eq!(
        line.iter().map(|&b| decoder.feed(b)).last(),
        Some(Step::Frame)
    );
    assert!(decoder.frame().unwrap().request().is_ok());
    assert!(decoder.frame().unwrap().response().is_err());
}

#[test]
fn hello_survives_the_trip() {
    let ready = ModelState::Ready {
        sha256: [7; 32],
        precision: Precision::W8A8,
        channels: 3,
        scale: 4,
        layers: 99,
    };
    let refused = ModelState::Refused {
        code: 3,
        detail: "hash differs",
    };
    for model in [ready, refused] {
        let hello = Response::Hello {
            protocol: 1,
            board: "qemu-mps2-an500",
            build_id: [3; 20],
            model,
            cpuid: 0x411f_c271,
            uid: [9; 16],
            fp_flags: 0,
            arena_bytes: 1 << 20,
            max_payload: 1024,
            window: 4096,
            backend: Backend::Cuda { device: "Orin" },
            clock_hz: Some(u32::MAX),
        };
        assert_eq!(through_line(&hello), Some(true));
    }
    let nak = Response::Nak {
        job: 1,
        expected_offset: 2,
        reason: NakReason::OutOfOrder,
    };
    assert_eq!(through_line(&nak), Some(true));
    let fault = Fault::ArenaTooSmall {
        needed: 10,
        available: 4,
    };
    assert_eq!(
        through_line(&Response::Error {
            job: 1,
            fault,
            detail: ""
        }),
        Some(true)
    );
}

#[test]
fn a_sensor_with_the_longest_name_survives_the_trip() {
    let name = "\u{b5}".repeat(MAX_NAME / 2);
    let reading = Reading {
        quantity: Quantity::Power,
        name: &name,
        mean: i64::MIN,
        min: i64::MIN,
        max: i64::MAX,
        samples: u32::MAX,
    };
    for reading in [Some(reading), None] {
        let (index, count, window_ms) = (u16::MAX - 1, u16::MAX, u32::MAX);
        let sensor = Response::Sensor {
            index,
            count,
            window_ms,
            reading,
        };
        assert_eq!(through_line(&sensor), Some(true));
    }
    // Messages that version 1 had keep their numbers.
    let number = |line: &[u8]| decode(line)[0].as_ref().unwrap().1[0];
    let mut encoder = Encoder::new();
    let abort = encoder.request(&Request::Abort { job: 1 }).unwrap();
    assert_eq!(number(abort), 4);
    let sensors = encoder.request(&Request::Sensors { restart: true });
    assert_eq!(number(sensors.unwrap()), 5);
    let keep = Request::KeepRate {
        baud: 1,
        silence_ms: 1,
    };
    assert_eq!(number(encoder.request(&keep).unwrap()), 8);
}

#[test]
fn the_link_test_and_the_rate_survive_the_trip() {
    let test = Response::LinkTest {
        offset: u32::MAX,
        wrong_bits: u32::MAX,
        bytes: &[0; TEST_PIECE],
    };
    assert_eq!(through_line(&test), Some(true));
    let rate = Response::Rate {
        baud: u32::MAX,
        kept: true,
    };
    assert_eq!(through_line(&rate), Some(true));
    let refused = Response::Error {
        job: 0,
        fault: Fault::Rate { baud: 115_200 },
        detail: "",
    };
    assert_eq!(through_line(&refused), Some(true));
}

#[test]
fn a_check_survives_the_trip() {
    let name = "\u{b5}".repeat(100);
    let [case, index, expected, found] = [u32::MAX; 4];
    for outcome in [
        CheckOutcome::Begun,
        CheckOutcome::Digest(u64::MAX),
        CheckOutcome::Equal,
        CheckOutcome::Skipped,
        CheckOutcome::Differs {
            case,
            index,
            expected,
            found,
        },
        CheckOutcome::WroteOutside { case },
        CheckOutcome::NoMemory { case },
    ] {
        let check = Response::Check {
            index: 7,
            count: u16::MAX,
            name: &name,
            outcome,
        };
        assert_eq!(through_line(&check), Some(true));
    }
    let request = Request::Check {
        index: 1,
        seed: u64::MAX,
    };
    let (mut encoder, mut decoder) = (Encoder::new(), Decoder::new());
    let line = encoder.request(&request).unwrap();
    line.iter()
        .for_each(|&byte| assert!(!matches!(decoder.feed(byte), Step::Bad(_))));
    assert_eq!(decoder.frame().unwrap().request(), Ok(request));
    assert_eq!(decoder.frame().unwrap().hello_protocol(), None);
}

#[test]
fn the_hello_of_any_version_tells_the_version() {
    let mut encoder = Encoder::new();
    for protocol in [1_u16, 3, 127, 300, u16::MAX] {
        // The version in groups of seven bits, then nothing that this version can read.
        let mut payload = vec![0];
        let mut left = protocol;
        while left > 127 {
            payload.push(left as u8 | 128);
            left >>= 7;
        }
        payload.extend([left as u8, 0, 0]);
        let mut body = vec![0, 2, 0, 0, payload.len() as u8, 0];
        body.extend(payload);
        let mut decoder = Decoder::new();
        for byte in coded(&with_crc(body)) {
            decoder.feed(byte);
        }
        let frame = decoder.frame().unwrap();
        assert_eq!(frame.hello_protocol(), Some(protocol));
        assert!(frame.response().is_err());
    }
    let echo = encoder.response(&Response::Echo { bytes: &[] }).unwrap();
    let mut decoder = Decoder::new();
    echo.iter()
        .for_each(|&byte| assert!(!matches!(decoder.feed(byte), Step::Bad(_))));
    assert_eq!(decoder.frame().unwrap().hello_protocol(), None);
}

#[test]
fn wrong_bits_are_counted_in_a_frame_with_a_wrong_checksum() {
    let mut bytes = [0; TEST_PIECE];
    let (mut encoder, mut decoder, mut tester) = (Encoder::new(), Decoder::new(), Tester::new());
    let mut offset = 0;
    let mut wrong = 0;
    let mut prbs = Prbs::new();
    for place in [0, 100, 200] {
        prbs.fill(&mut bytes);
        let request = Request::LinkTest {
            offset,
            bytes: &bytes,
        };
        offset += TEST_PIECE as u32;
        let mut line = encoder.request(&request).unwrap().to_vec();
        if place > 0 {
            // A byte above 3 stays one that is not 0. There is no code of COBS so far in.
            let byte = line[place..].iter_mut().find(|byte| **byte > 3).unwrap();
            *byte ^= 0b11;
            wrong += 2;
        }
        for byte in line {
            match decoder.feed(byte) {
                Step::Frame => {
                    let Ok(Request::LinkTest { offset, bytes }) =
                        decoder.frame().unwrap().request()
                    else {
                        panic!("another message");
                    };
                    assert_eq!((place, decoder.damaged()), (0, None));
                    assert!(tester.check(offset, bytes).is_some());
                }
                Step::Bad(error) => {
                    assert!(matches!(error, FrameError::Crc { .. }), "{error}");
                    tester.check_damaged(decoder.damaged().unwrap());
                }
                Step::More => assert_eq!(decoder.damaged(), None),
            }
        }
    }
    assert_eq!(tester.wrong_bits, wrong);
}

/// Sends a response over a line and says whether the same one arrives.
fn through_line(response: &Response<'_>) -> Option<bool> {
    let mut encoder = Encoder::new();
    let mut decoder = Decoder::new();
    let line = encoder.response(response).ok()?;
    line.iter()
        .for_each(|&b| assert!(!matches!(decoder.feed(b), Step::Bad(_))));
    Some(decoder.frame()?.response().ok()? == *response)
}

fn data_line(job: u32, offset: u32, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut encoder = Encoder::new();
    let line = encoder
        .request(&Request::Data { job, offset, bytes })
        .unwrap()
        .to_vec();
    let [Ok((0, payload))] = &decode(&line)[..] else {
        panic!("one frame")
    };
    (line, payload.clone())
}

proptest! {
    #[test]
    fn any_message_survives_the_trip(
        job: u32,
        offset: u32,
        bytes in proptest::collection::vec(any::<u8>(), 0..=MAX_CHUNK),
        zeros in 0_usize..=MAX_CHUNK,
    ) {
        for bytes in [&bytes[..], &vec![0; zeros], &vec![0xff; zeros]] {
            let request = Request::Data { job, offset, bytes };
            let mut encoder = Encoder::new();
            let mut decoder = Decoder::new();
            let line = encoder.request(&request).unwrap();
            prop_assert!(line.len() <= MAX_FRAME);
            prop_assert!(!line[1..line.len() - 1].contains(&0));
            prop_assert_eq!(line.iter().map(|&b| decoder.feed(b)).last(), Some(Step::Frame));
            prop_assert_eq!(decoder.frame().unwrap().request(), Ok(request));
            let response = Response::Output { job, offset, bytes };
            prop_assert_eq!(through_line(&response), Some(true));
        }
    }

    #[test]
    fn any_flipped_bit_is_caught(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        at: prop::sample::Index,
        bit in 0_u32..8,
    ) {
        let (line, payload) = data_line(3, 17, &bytes);
        let mut damaged = line.clone();
        let place = at.index(line.len());
        damaged[place] ^= 1 << bit;
        // The frame after it closes whatever the damage left open.
        let next = Encoder::new().request(&Request::Hello).unwrap().to_vec();
        let mut both = damaged.clone();
        both.extend(&next);
        let found = decode(&both);
        prop_assert!(!found.contains(&Ok((0, payload))));
        prop_assert_eq!(found.iter().filter(|r| r.is_ok()).count(), 1);
        prop_assert_eq!(found.last(), Some(&Ok((0, vec![0]))));
        prop_assert!(found.iter().any(Result::is_err), "damage is reported, not swallowed");
    }

    #[test]
    fn a_frame_is_found_after_any_junk(
        junk in proptest::collection::vec(any::<u8>(), 0..3000),
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        cut: prop::sample::Index,
    ) {
        let (line, payload) = data_line(1, 2, &bytes);
        let mut stream = junk;
        stream.extend(&line[..cut.index(line.len())]);
        stream.extend(&line);
        let found = decode(&stream);
        prop_assert_eq!(found.last(), Some(&Ok((0, payload))));
    }

    #[test]
    fn a_lost_or_doubled_byte_is_caught(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        at: prop::sample::Index,
        double: bool,
    ) {
        let (line, payload) = data_line(5, 900, &bytes);
        let place = 1 + at.index(line.len() - 2);
        let mut damaged = line.clone();
        if double {
            damaged.insert(place, line[place]);
        } else {
            damaged.remove(place);
        }
        for frame in decode(&damaged).into_iter().flatten() {
            prop_assert_eq!(frame.1, payload.clone());
            prop_assert!(false, "a damaged frame was taken");
        }
    }

    /// Fuzz of the whole receive path: any bytes, in any state, lead to no panic, and a frame
    /// that comes out of it has a correct checksum by construction.
    #[test]
    fn random_bytes_never_panic(
        pieces in proptest::collection::vec(
            prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..200),
                proptest::collection::vec(0_u8..3, 0..50),
                Just(vec![1; 1100]),
                proptest::collection::vec(any::<u8>(), 10..60).prop_map(|b| coded(&with_crc(b))),
            ],
            0..20,
        ),
    ) {
        let (mut decoder, mut tester) = (Decoder::new(), Tester::new());
        for byte in pieces.into_iter().flatten() {
            if decoder.feed(byte) == Step::Frame {
                let frame = decoder.frame().unwrap();
                prop_assert!(frame.payload.len() <= MAX_PAYLOAD);
                let _ = (frame.request(), frame.response());
                prop_assert_eq!(decoder.damaged(), None);
            }
            if let Some(payload) = decoder.damaged() {
                tester.check_damaged(payload);
            }
        }
    }

    /// Fuzz of the message reader behind an intact frame.
    #[test]
    fn random_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
        for kind in 1..=2 {
            let mut body = vec![0, kind, 0, 0, payload.len() as u8, 0];
            body.extend(&payload);
            let mut decoder = Decoder::new();
            for byte in coded(&with_crc(body)) {
                decoder.feed(byte);
            }
            let frame = decoder.frame().unwrap();
            let _ = (frame.request(), frame.response());
        }
    }
}
