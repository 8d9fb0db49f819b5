//! Boards that follow a script, mostly one that breaks the rules.

use std::thread;
use std::time::Duration;

use mambalite_hil::Error;
use mambalite_hil::error::EXIT_LINK;
use mambalite_hil::link::{Job, Link};
use mambalite_hil::transport::{Pipe, Transport};
use mambalite_hil_wire::{
    Backend, Decoder, Encoder, ModelState, PROTOCOL_VERSION, Quantity, Reading, Request, Response,
    Step,
};

use crate::in_process::link;

/// A board that answers each request with what `script` says, until the host is gone.
pub(crate) fn start(
    mut script: impl FnMut(&Request<'_>) -> Vec<Response<'static>> + Send + 'static,
) -> Link<Pipe> {
    let (host, mut board) = Pipe::pair();
    thread::spawn(move || {
        let (mut decoder, mut encoder) = (Decoder::new(), Encoder::new());
        let mut buffer = [0; 512];
        while let Ok(n) = board.receive(&mut buffer, Duration::from_millis(200)) {
            for &byte in &buffer[..n] {
                if decoder.feed(byte) != Step::Frame {
                    continue;
                }
                let answers = decoder
                    .frame()
                    .unwrap()
                    .request()
                    .map(|it| script(&it))
                    .unwrap();
                for answer in answers {
                    let line = encoder.response(&answer).unwrap();
                    if board.send(line, Duration::ZERO).is_err() {
                        return;
                    }
                }
            }
        }
    });
    link(host)
}

const PIXELS: [u8; 3000] = [9; 3000];

fn job() -> Job<'static> {
    Job {
        width: 100,
        height: 10,
        pixels: &PIXELS,
        output_len: 4,
        layers: 1,
        trace: None,
        damage: None,
    }
}

/// Runs a job on a board that answers to the first data with `answer`.
fn run(answer: fn(u32) -> Response<'static>) -> Error {
    let mut answered = false;
    let mut link = start(move |request| match *request {
        Request::Begin { job, .. } => {
            answered = false;
            vec![Response::Begun {
                job,
                arena_needed: 1,
                credit: 1000,
            }]
        }
        Request::Data { job, .. } if !answered => {
            answered = true;
            vec![answer(job)]
        }
        _ => vec![],
    });
    link.run(&job(), &mut |_, _| ()).unwrap_err()
}

fn refused(answer: fn(u32) -> Response<'static>, word: &str) {
    let error = run(answer);
    assert!(matches!(error, Error::Misbehaved { .. }), "{error}");
    assert!(error.to_string().contains(word), "{error}");
    assert_eq!(error.exit_code(), EXIT_LINK);
}

#[test]
fn a_board_that_breaks_the_rules_is_named_as_such() {
    refused(
        |job| Response::Credit {
            job,
            next_offset: 1001,
            limit: 2000,
        },
        "acknowledges bytes never sent",
    );
    refused(
        |job| Response::Output {
            job,
            offset: 0,
            bytes: &[1; 5],
        },
        "more output",
    );
    refused(
        |job| Response::Digests {
            job,
            first: 0,
            values: &[1; 16],
        },
        "more digests",
    );
    refused(
        |job| Response::Trace {
            job,
            layer: 0,
            offset: 0,
            bits: &[0; 4],
        },
        "nobody asked",
    );
    refused(
        |job| Response::Result {
            job,
            output_crc32: 0,
            layers: 1,
            cycles: None,
            stack_used_bytes: 0,
            stack_size_bytes: 0,
            frames_bad: 0,
        },
        "before the whole output",
    );
}

#[test]
fn no_byte_is_sent_past_the_limit() {
    let (told, tell) = std::sync::mpsc::channel();
    let mut link = start(move |request| match *request {
        Request::Begin { job, .. } => {
            vec![Response::Begun {
                job,
                arena_needed: 1,
                credit: 1500,
            }]
        }
        Request::Data { offset, bytes, .. } => {
            told.send(offset as usize + bytes.len()).unwrap();
            vec![]
        }
        _ => vec![],
    });
    let error = link.run(&job(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert_eq!(tell.try_iter().max(), Some(1500));
}

#[test]
fn another_protocol_version_is_refused() {
    let mut link = start(|_| {
        vec![Response::Hello {
            protocol: PROTOCOL_VERSION + 1,
            board: "b",
            build_id: [0; 20],
            model: ModelState::Refused {
                code: 0,
                detail: "",
            },
            cpuid: 0,
            uid: [0; 16],
            fp_flags: 0,
            arena_bytes: 0,
            max_payload: 0,
            window: 0,
            backend: Backend::Cpu { note: "" },
            clock_hz: None,
        }]
    });
    let error = link.hello().unwrap_err();
    assert!(
        matches!(error, Error::Protocol { board, host } if board == host + 1),
        "{error}"
    );
}

#[test]
fn an_error_of_the_board_ends_the_job_at_once() {
    let error = run(|job| Response::Error {
        job,
        fault: mambalite_hil_wire::Fault::Exec,
        detail: "row of 1 bytes",
    });
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert!(error.to_string().contains("row of 1 bytes"), "{error}");
}

/// A fault handler knows no job.
#[test]
fn the_last_words_of_a_firmware_end_the_job_at_once() {
    let last = |_| Response::Error {
        job: 0,
        fault: mambalite_hil_wire::Fault::Exec,
        detail: "a hard fault",
    };
    let error = run(last);
    assert!(error.to_string().contains("a hard fault"), "{error}");
    // Also in place of the answer to the order.
    let mut link = start(move |request| match request {
        Request::Begin { .. } => vec![last(0)],
        _ => vec![],
    });
    let error = link.run(&job(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
}

#[test]
fn a_board_that_never_gets_a_whole_frame_is_given_up() {
    let mut link = start(|request| match *request {
        Request::Begin { job, .. } => vec![Response::Begun {
            job,
            arena_needed: 1,
            credit: 1500,
        }],
        Request::Data { job, .. } => vec![Response::Nak {
            job,
            expected_offset: 0,
            reason: mambalite_hil_wire::NakReason::Malformed,
        }],
        _ => vec![],
    });
    let error = link.run(&job(), &mut |_, _| ()).unwrap_err();
    assert!(matches!(error, Error::Unreliable { .. }), "{error}");
    assert!(error.to_string().contains("again and again"), "{error}");
}

/// Asks a board for its sensors that answers with these numbers and counts.
fn sensors(parts: &'static [(u16, u16)]) -> Result<Option<usize>, Error> {
    let mut link = start(move |request| match request {
        Request::Sensors { .. } => {
            let part = |&(index, count): &(u16, u16)| Response::Sensor {
                index,
                count,
                window_ms: 5,
                reading: (count > 0).then_some(Reading {
                    quantity: Quantity::Power,
                    name: "VDD_IN",
                    mean: 3,
                    min: 1,
                    max: 4,
                    samples: 2,
                }),
            };
            parts.iter().map(part).collect()
        }
        _ => vec![],
    });
    let sensors = link.sensors(false)?;
    Ok(sensors.map(|it| it.readings.len()))
}

#[test]
fn sensors_are_whole_or_an_error() {
    assert_eq!(sensors(&[(0, 2), (1, 2)]).unwrap(), Some(2));
    assert_eq!(sensors(&[(0, 0)]).unwrap(), None);
    let error = sensors(&[(0, 3), (2, 3)]).unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    for parts in [&[(2, 2)], &[(0, u16::MAX)]] {
        let error = sensors(parts).unwrap_err();
        assert!(matches!(error, Error::Misbehaved { .. }), "{error}");
    }
}
