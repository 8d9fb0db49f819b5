//! Handshakes, refusals, and bytes that mean nothing.

use mambalite_hil_wire::{
    Backend, Channel, CheckOutcome, Encoder, Fault, MAX_PAYLOAD, ModelState, NakReason,
    PROTOCOL_VERSION, Precision, Request, Response,
};
use mambalite_kernels::{Layer, Model, Plan};
use mambalite_kernels_check::{cases, golden, runs};

use super::fixture::{CONFIG, Host, model, noise};
use crate::Streaming;

const ARENA_BYTES: usize = 1 << 17;

/// Runs one request.
fn ask(request: &Request<'_>, model: &'static [u8], arena_bytes: usize) -> Vec<Response<'static>> {
    let mut host = Host::new();
    host.say(request);
    host.run(model, arena_bytes)
}

/// Returns the model state of a handshake.
fn handshake(model: &'static [u8]) -> ModelState<'static> {
    match ask(&Request::Hello, model, ARENA_BYTES)[..] {
        [Response::Hello { model, .. }] => model,
        ref answers => panic!("{answers:?}"),
    }
}

#[test]
fn the_handshake_tells_all_of_the_board() {
    let model = model();
    let sha256 = Model::parse(model).unwrap().sha256();
    let layers = Layer::count(&CONFIG) as u16;
    let state = ModelState::Ready {
        sha256,
        precision: Precision::F32,
        channels: 3,
        scale: 2,
        layers,
    };
    let hello = Response::Hello {
        protocol: PROTOCOL_VERSION,
        board: "fake",
        build_id: [7; 20],
        model: state,
        cpuid: 0x410f_c271,
        uid: [3; 16],
        fp_flags: 0,
        arena_bytes: ARENA_BYTES as u32,
        max_payload: MAX_PAYLOAD as u16,
        window: crate::WINDOW_BYTES,
        backend: Backend::Cpu { note: "" },
        clock_hz: Some(1_000_000),
    };
    assert_eq!(ask(&Request::Hello, model, ARENA_BYTES), [hello]);
}

#[test]
fn a_check_begins_and_ends_and_needs_no_model() {
    let blank: &'static [u128] = vec![u128::MAX; 64].leak();
    let blank: &'static [u8] = bytemuck::cast_slice(blank);
    let ask = |index, arena_bytes| ask(&Request::Check { index, seed: 2 }, blank, arena_bytes);
    let count = runs().count() as u16;
    let name = cases().next().unwrap().name;
    let tell = |outcome| Response::Check {
        index: 0,
        count,
        name,
        outcome,
    };
    let digest = golden(name).unwrap()[1];
    let answers = [CheckOutcome::Begun, CheckOutcome::Digest(digest)].map(tell);
    assert_eq!(ask(0, 0), answers);
    // A variant, in no memory at all.
    let answers = ask(count - 1, 0);
    let Some(Response::Check { outcome, .. }) = answers.last() else {
        panic!("{answers:?}");
    };
    assert!(matches!(
        outcome,
        CheckOutcome::NoMemory { .. } | CheckOutcome::Skipped
    ));
    let unknown = Response::Error {
        job: 0,
        fault: Fault::UnknownCheck { count },
        detail: "",
    };
    assert_eq!(ask(count, 0), [unknown]);
}

/// The arena is the job's, and the job goes on.
#[test]
fn no_check_runs_beside_a_job() {
    let (model, picture) = (model(), noise(8, 3));
    let mut host = Host::new();
    host.begin(4, 8, 3);
    host.say(&Request::Check { index: 0, seed: 1 });
    host.picture(4, &picture, 0, 50);
    let answers = host.run(model, ARENA_BYTES);
    let busy = Response::Error {
        job: 0,
        fault: Fault::Busy { job: 4 },
        detail: "",
    };
    assert_eq!(answers[1], busy);
    assert!(matches!(
        answers.last(),
        Some(Response::Result { job: 4, .. })
    ));
}

#[test]
fn blank_flash_is_told_and_no_job_starts() {
    let blank: &'static [u128] = vec![u128::MAX; 64].leak();
    let blank: &'static [u8] = bytemuck::cast_slice(blank);
    assert!(matches!(
        handshake(blank),
        ModelState::Refused { code: 1, .. }
    ));
    assert!(matches!(
        handshake(&[]),
        ModelState::Refused { code: 1, .. }
    ));
    let begin = Request::Begin {
        job: 4,
        width: 8,
        height: 8,
        trace: None,
    };
    let answers = ask(&begin, blank, ARENA_BYTES);
    assert!(matches!(
        answers[..],
        [Response::Error {
            job: 4,
            fault: Fault::NoModel,
            ..
        }]
    ));
}

/// The model is in single precision.
#[test]
fn a_precision_that_was_left_out_is_told_and_no_job_starts() {
    let answers = |runner: &dyn Fn(Host) -> Vec<Response<'static>>| {
        let mut host = Host::new();
        host.say(&Request::Hello);
        host.begin(4, 8, 8);
        runner(host)
    };
    let refused = answers(&|host| host.run_on(Streaming::<0b110>, model(), ARENA_BYTES));
    match &refused[..] {
        [Response::Hello { model, .. }, Response::Error { fault, .. }] => {
            let ModelState::Refused { code: 14, detail } = model else {
                panic!("{model:?}");
            };
            assert!(detail.contains("f32"), "{detail}");
            assert_eq!(*fault, Fault::NoModel);
        }
        answers => panic!("{answers:?}"),
    }
    let begun = answers(&|host| host.run_on(Streaming::<0b001>, model(), ARENA_BYTES));
    assert!(matches!(
        begun[..],
        [
            Response::Hello {
                model: ModelState::Ready { .. },
                ..
            },
            Response::Begun { job: 4, .. },
            ..
        ]
    ));
}

#[test]
fn one_flipped_bit_of_the_model_is_told() {
    let model = model();
    let length = Model::parse(model).unwrap().bytes_len();
    model[length - 100] ^= 1;
    match handshake(model) {
        ModelState::Refused { code: 6, detail } => assert!(detail.contains("SHA-256"), "{detail}"),
        state => panic!("{state:?}"),
    }
}

#[test]
fn a_small_arena_is_refused_with_the_bytes_that_suffice() {
    let model = model();
    let begin = Request::Begin {
        job: 2,
        width: 50,
        height: 3,
        trace: None,
    };
    let [
        Response::Error {
            fault: Fault::ArenaTooSmall { needed, available },
            detail,
            ..
        },
    ] = ask(&begin, model, 256)[..]
    else {
        panic!("the arena should be too small");
    };
    assert_eq!(available, 256);
    assert!(
        detail.contains(&(needed - available).to_string()),
        "{detail}"
    );
    // A row of 150 bytes and the digests come on top of what the network needs.
    let plan = Plan::microcontroller(&Model::parse(model).unwrap(), 50);
    let digests = Layer::count(&CONFIG) * 8;
    assert_eq!(needed as usize, plan.arena_bytes + 152 + digests);
    let short = ask(&begin, model, needed as usize - 8);
    assert!(matches!(
        short[..],
        [Response::Error {
            fault: Fault::ArenaTooSmall { .. },
            ..
        }]
    ));
    let enough = ask(&begin, model, needed as usize);
    assert!(
        matches!(enough[..], [Response::Begun { job: 2, arena_needed, .. }] if arena_needed == needed)
    );
}

#[test]
fn impossible_orders_are_refused() {
    let layers = Layer::count(&CONFIG) as u16;
    let orders = [
        (0, 8, 8, None, Fault::JobNumber),
        (1, 0, 8, None, Fault::Geometry),
        (1, 8, 0, None, Fault::Geometry),
        (1, 65_535, 65_535, None, Fault::Geometry),
        (1, 8, 8, Some(layers), Fault::UnknownLayer { layer: layers }),
    ];
    for (job, width, height, trace, wanted) in orders {
        let answers = ask(
            &Request::Begin {
                job,
                width,
                height,
                trace,
            },
            model(),
            ARENA_BYTES,
        );
        match answers[..] {
            [
                Response::Error {
                    job: told, fault, ..
                },
            ] => assert_eq!((told, fault), (job, wanted)),
            _ => panic!("{answers:?}"),
        }
    }
}

#[test]
fn bytes_past_the_limit_are_not_taken() {
    let mut host = Host::new();
    host.begin(1, 4, 4);
    host.say(&Request::Data {
        job: 1,
        offset: 0,
        bytes: &[0; 49],
    });
    host.say(&Request::Data {
        job: 1,
        offset: u32::MAX,
        bytes: &[0; 9],
    });
    let answers = host.run(model(), ARENA_BYTES);
    let nak = Response::Nak {
        job: 1,
        expected_offset: 0,
        reason: NakReason::Overrun,
    };
    assert_eq!(answers[1..], [nak, nak]);
}

#[test]
fn frames_that_are_no_request_are_answered() {
    let mut host = Host::new();
    host.bytes.extend(
        Encoder::new()
            .raw(Channel::Log, b"not for a board")
            .unwrap(),
    );
    host.bytes.extend(
        Encoder::new()
            .response(&Response::Aborted { job: 1 })
            .unwrap(),
    );
    host.bytes.extend(b"\0junk\0");
    host.say(&Request::Hello);
    let answers = host.run(model(), ARENA_BYTES);
    let reason = |answer: &Response<'_>| match *answer {
        Response::Nak {
            job: 0,
            expected_offset: 0,
            reason,
        } => reason,
        _ => panic!("{answer:?}"),
    };
    assert_eq!(reason(&answers[0]), NakReason::Malformed);
    assert_eq!(reason(&answers[1]), NakReason::Malformed);
    assert!(matches!(
        reason(&answers[2]),
        NakReason::Cobs | NakReason::Length
    ));
    assert!(matches!(answers[3..], [Response::Hello { .. }]));
}

#[test]
fn noise_on_the_line_ends_nothing() {
    let input = noise(12, 7);
    for seed in 0..20u32 {
        let mut host = Host::new();
        host.begin(1, 12, 7);
        host.picture(1, &input[..40], 0, 20);
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        // Short values make delimiters, and so frames, more frequent.
        host.bytes
            .extend((0..5000).map(|index| next() >> (index % 8)));
        host.bytes.push(0);
        host.say(&Request::Hello);
        let answers = host.run(model(), ARENA_BYTES);
        assert!(
            matches!(answers.last(), Some(Response::Hello { .. })),
            "seed {seed}"
        );
    }
}
