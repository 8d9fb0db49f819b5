//! Jobs that go well, and those that the link disturbs.

use mambalite_hil_wire::{NakReason, Request, Response, crc32, u32s, u64s};

use super::fixture::{CONFIG, Host, Reference, model, noise, reference};

/// Arena that is large enough for all pictures here, bytes.
const ARENA_BYTES: usize = 1 << 17;

const WIDTH: u16 = 12;
const HEIGHT: u16 = 7;

/// What a job gave back.
struct Outcome {
    picture: Vec<u8>,
    digests: Vec<u64>,
    trace: Vec<u32>,
    frames_bad: u32,
    naks: Vec<(u32, NakReason)>,
}

/// Collects the answers about a job, and checks their order and offsets.
fn outcome(answers: &[Response<'_>], wanted: u32) -> Outcome {
    let (picture, digests, trace) = (Vec::new(), Vec::new(), Vec::new());
    let mut all = Outcome {
        picture,
        digests,
        trace,
        frames_bad: u32::MAX,
        naks: Vec::new(),
    };
    for answer in answers {
        assert_eq!(all.frames_bad, u32::MAX, "{answer:?} came after the result");
        match *answer {
            Response::Output { job, offset, bytes } if job == wanted => {
                assert_eq!(offset as usize, all.picture.len());
                all.picture.extend(bytes);
            }
            Response::Trace {
                job, offset, bits, ..
            } if job == wanted => {
                assert_eq!(offset as usize, all.trace.len());
                all.trace.extend(u32s(bits));
            }
            Response::Digests { job, first, values } if job == wanted => {
                assert_eq!(usize::from(first), all.digests.len());
                all.digests.extend(u64s(values));
            }
            Response::Result {
                job,
                output_crc32,
                layers,
                frames_bad,
                ..
            } if job == wanted => {
                assert_eq!(output_crc32, crc32(&all.picture));
                assert_eq!(usize::from(layers), all.digests.len());
                all.frames_bad = frames_bad;
            }
            Response::Nak {
                expected_offset,
                reason,
                ..
            } => {
                all.naks.push((expected_offset, reason));
            }
            Response::Error { .. } => panic!("{answer:?}"),
            _ => {}
        }
    }
    assert_ne!(all.frames_bad, u32::MAX, "there is no result");
    all
}

fn assert_equal(outcome: &Outcome, reference: &Reference) {
    assert!(outcome.picture == reference.picture, "the pictures differ");
    assert_eq!(outcome.digests, reference.digests);
}

#[test]
fn a_job_equals_the_network_whatever_the_pieces() {
    let model = model();
    let input = noise(WIDTH, HEIGHT);
    let reference = reference(model, &input, WIDTH, 0);
    for piece in [1, 7, 36, 100, 1000] {
        let mut host = Host::new();
        host.begin(1, WIDTH, HEIGHT);
        host.picture(1, &input, 0, piece);
        let answers = host.run(model, ARENA_BYTES);
        let outcome = outcome(&answers, 1);
        assert_equal(&outcome, &reference);
        assert_eq!((outcome.frames_bad, outcome.naks.len()), (0, 0));
    }
}

#[test]
fn a_picture_larger_than_the_window_is_granted_step_by_step() {
    let model = model();
    let (width, height) = (60, 40);
    let input = noise(width, height);
    let mut host = Host::new();
    host.begin(9, width, height);
    host.picture(9, &input, 0, 1000);
    let answers = host.run(model, ARENA_BYTES);
    assert_equal(&outcome(&answers, 9), &reference(model, &input, width, 0));
    let mut limits = vec![];
    for answer in &answers {
        match *answer {
            Response::Begun { credit, .. } => limits.push(credit),
            Response::Credit {
                next_offset, limit, ..
            } => {
                assert!(limit >= next_offset);
                limits.push(limit);
            }
            _ => {}
        }
    }
    assert!(limits.is_sorted(), "{limits:?}");
    assert_eq!(
        (limits[0], limits.last()),
        (crate::WINDOW_BYTES, Some(&(input.len() as u32)))
    );
}

#[test]
fn one_arena_serves_job_after_job() {
    let model = model();
    let mut host = Host::new();
    let pictures = [(1, 12, 7), (2, 5, 9), (3, 12, 7)];
    for (job, width, height) in pictures {
        host.begin(job, width, height);
        host.picture(job, &noise(width, height), 0, 50);
    }
    let answers = host.run(model, ARENA_BYTES);
    let jobs = answers.split_inclusive(|answer| matches!(answer, Response::Result { .. }));
    for ((job, width, height), answers) in pictures.into_iter().zip(jobs) {
        let reference = reference(model, &noise(width, height), width, 0);
        assert_equal(&outcome(answers, job), &reference);
    }
}

#[test]
fn a_flipped_bit_is_asked_for_again() {
    let model = model();
    let input = noise(WIDTH, HEIGHT);
    let reference = reference(model, &input, WIDTH, 0);
    let mut host = Host::new();
    host.begin(1, WIDTH, HEIGHT);
    host.picture(1, &input[..100], 0, 50);
    let start = host.say(&Request::Data {
        job: 1,
        offset: 100,
        bytes: &input[100..200],
    });
    host.bytes[start + 40] ^= 0x10;
    host.say(&Request::Data {
        job: 1,
        offset: 200,
        bytes: &input[200..],
    });
    // The host goes back to where the board says.
    host.picture(1, &input, 100, 50);
    let outcome = outcome(&host.run(model, ARENA_BYTES), 1);
    assert_equal(&outcome, &reference);
    assert_eq!(outcome.frames_bad, 1);
    assert_eq!(
        outcome.naks,
        [(100, NakReason::Crc), (100, NakReason::OutOfOrder)]
    );
}

#[test]
fn pieces_out_of_order_and_twice_change_nothing() {
    let model = model();
    let input = noise(WIDTH, HEIGHT);
    let reference = reference(model, &input, WIDTH, 0);
    let mut host = Host::new();
    host.begin(1, WIDTH, HEIGHT);
    host.picture(1, &input, 60, 30);
    host.picture(1, &input[..90], 0, 30);
    host.picture(1, &input[..90], 0, 45);
    host.picture(1, &input, 70, 30);
    let outcome = outcome(&host.run(model, ARENA_BYTES), 1);
    assert_equal(&outcome, &reference);
    assert_eq!(outcome.naks, [(0, NakReason::OutOfOrder)]);
}

#[test]
fn a_traced_layer_comes_back_whole() {
    let model = model();
    let input = noise(40, 9);
    for layer in [0, 3, 12] {
        let mut host = Host::new();
        host.say(&Request::Begin {
            job: 5,
            width: 40,
            height: 9,
            trace: Some(layer),
        });
        host.picture(5, &input, 0, 500);
        let outcome = outcome(&host.run(model, ARENA_BYTES), 5);
        let reference = reference(model, &input, 40, layer.into());
        assert!(!reference.trace.is_empty());
        assert!(outcome.trace == reference.trace, "layer {layer}");
        assert_equal(&outcome, &reference);
    }
}

#[test]
fn the_next_job_drops_the_one_before() {
    let model = model();
    let input = noise(WIDTH, HEIGHT);
    let mut host = Host::new();
    host.begin(1, WIDTH, HEIGHT);
    host.picture(1, &input[..100], 0, 50);
    // The same number again is a fresh start too.
    for job in [1, 2] {
        host.begin(job, WIDTH, HEIGHT);
    }
    host.picture(2, &input, 0, 50);
    let outcome = outcome(&host.run(model, ARENA_BYTES), 2);
    assert_eq!(
        outcome.picture.len(),
        input.len() * CONFIG.scale * CONFIG.scale
    );
}

#[test]
fn an_aborted_job_is_over() {
    let input = noise(WIDTH, HEIGHT);
    let mut host = Host::new();
    host.begin(1, WIDTH, HEIGHT);
    host.say(&Request::Abort { job: 8 });
    host.say(&Request::Echo { bytes: b"between" });
    host.say(&Request::Abort { job: 1 });
    host.picture(1, &input[..50], 0, 50);
    let answers = host.run(model(), ARENA_BYTES);
    assert!(matches!(answers[0], Response::Begun { job: 1, .. }));
    let unknown = Response::Nak {
        job: 0,
        expected_offset: 0,
        reason: NakReason::UnknownJob,
    };
    assert_eq!(
        answers[1..],
        [
            Response::Aborted { job: 8 },
            Response::Echo { bytes: b"between" },
            Response::Aborted { job: 1 },
            unknown,
        ]
    );
}

#[test]
fn sensors_are_told_between_and_during_jobs() {
    let (model, picture) = (model(), noise(WIDTH, HEIGHT));
    let mut host = Host::new();
    host.say(&Request::Sensors { restart: true });
    host.begin(1, WIDTH, HEIGHT);
    host.say(&Request::Sensors { restart: false });
    host.picture(1, &picture, 0, 100);
    let answers = host.run(model, ARENA_BYTES);
    let sensors = answers.iter().filter_map(|answer| match answer {
        Response::Sensor {
            index,
            count: 2,
            window_ms: 70,
            reading: Some(reading),
        } => Some((*index, reading.name, reading.mean)),
        _ => None,
    });
    let expected = [
        (0, "first", 1),
        (1, "second", 1),
        (0, "first", 0),
        (1, "second", 0),
    ];
    assert!(sensors.eq(expected), "{answers:?}");
    let reference = reference(model, &picture, WIDTH, 0);
    assert_equal(&outcome(&answers, 1), &reference);
}
