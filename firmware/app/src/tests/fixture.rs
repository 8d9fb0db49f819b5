//! A small model, a board, a line in memory, and a host that says what it is told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use mambalite_hil_wire::{Decoder, Encoder, Frame, Quantity, Reading, Request, Response, Step};
use mambalite_kernels::arith::Float;
use mambalite_kernels::model::{
    HASH_OFFSET, Param, Source, WeightSource, encode_header, hash_file,
};
use mambalite_kernels::network::{Section, load_section};
use mambalite_kernels::{
    Anchor, Config, Decay, Digests, Form, Layer, Model, ModelError, Plan, Precision, Tap, Upscaler,
    Value,
};

use crate::{Board, Port, Runner, Sensor, Session, Streaming};

/// The network of the tests.
pub(crate) const CONFIG: Config = Config {
    channels: 3,
    scale: 2,
    width: 4,
    inner: 8,
    groups: 1,
    blocks: 1,
    states: 2,
    dt_rank: 1,
    mixer_skip: true,
    anchor: Anchor::Nearest,
    decay: Decay::Full,
    mean: [0.5; 3],
};

/// Makes up arrays as the network asks for them, and keeps their bytes.
struct Inventor {
    seed: u32,
    bytes: Vec<u8>,
}

impl WeightSource<'static, Float<f32>> for Inventor {}

impl Source<'static> for Inventor {
    fn array<T: bytemuck::Pod>(
        &mut self,
        param: Param,
        len: usize,
    ) -> Result<&'static [T], ModelError> {
        // Every array of a model in f32 with dense weights is of f32.
        assert_eq!(size_of::<T>(), size_of::<f32>());
        // Decay rates are not positive.
        let sign = |value: f32| {
            if param.part == "rate" {
                -value.abs()
            } else {
                value
            }
        };
        let values = (0..len)
            .map(|_| sign(self.next()))
            .collect::<Vec<f32>>()
            .leak();
        let bytes: &[u8] = bytemuck::cast_slice(values);
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(16), 0);
        bytemuck::try_cast_slice(bytes).map_err(|_| ModelError::Misaligned)
    }

    fn verifies(&self) -> bool {
        false
    }
}

impl Inventor {
    /// Returns the next weight, between -0.5 and 0.5.
    fn next(&mut self) -> f32 {
        self.seed = self
            .seed
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        (self.seed >> 8) as f32 / (1 << 24) as f32 - 0.5
    }
}

/// Returns a flash region with a model at its front.
pub(crate) fn model() -> &'static mut [u8] {
    let forms = vec![Form::Dense; CONFIG.n_weights()];
    let mut inventor = Inventor {
        seed: 1,
        bytes: Vec::new(),
    };
    for section in Section::all(&CONFIG) {
        load_section::<Float<f32>>(&mut inventor, &CONFIG, &|_| Form::Dense, section).unwrap();
    }
    // Aligned to 16 bytes, and longer than the model, as flash is.
    let region: &mut [u128] = vec![u128::MAX; 1024].leak();
    let region: &'static mut [u8] = bytemuck::cast_slice_mut(region);
    let head = encode_header(&CONFIG, Precision::F32, &forms, 0, region).unwrap();
    let length = head + inventor.bytes.len();
    encode_header(&CONFIG, Precision::F32, &forms, length as u32, region);
    region[head..length].copy_from_slice(&inventor.bytes);
    let hash = hash_file(&region[..length]);
    region[HASH_OFFSET..HASH_OFFSET + 32].copy_from_slice(&hash);
    region
}

/// A change of the gate pin, and the bytes that the board had sent before it.
type Edge = (bool, usize);

/// A board that says fixed things, and notes what becomes of its gate pin.
#[derive(Default)]
pub(crate) struct FakeBoard {
    outgoing: Rc<RefCell<Vec<u8>>>,
    edges: Rc<RefCell<Vec<Edge>>>,
}

impl Board for FakeBoard {
    fn name(&self) -> &str {
        "fake"
    }

    fn build_id(&self) -> [u8; 20] {
        [7; 20]
    }

    fn cpuid(&self) -> u32 {
        0x410f_c271
    }

    fn uid(&self) -> [u8; 16] {
        [3; 16]
    }

    fn float_flags(&self) -> u32 {
        0
    }

    fn cycles(&self) -> Option<u64> {
        None
    }

    fn clock_hz(&self) -> Option<u32> {
        Some(1_000_000)
    }

    fn stack_used_bytes(&self) -> u32 {
        100
    }

    fn stack_bytes(&self) -> u32 {
        1000
    }

    fn gate(&self, on: bool) {
        let sent = self.outgoing.borrow().len();
        self.edges.borrow_mut().push((on, sent));
    }

    /// Two sensors; the second tells whether the samples are to be forgotten.
    fn sensors(&self, restart: bool, show: &mut dyn FnMut(Sensor<'_>)) {
        for (index, name) in [(0, "first"), (1, "second")] {
            let reading = Reading {
                quantity: Quantity::Power,
                name,
                mean: i64::from(restart),
                min: -1,
                max: 5,
                samples: 9,
            };
            show(Sensor {
                index,
                count: 2,
                window_ms: 70,
                reading,
            });
        }
    }
}

/// A line in memory; it closes when all bytes are read.
struct Line {
    incoming: VecDeque<u8>,
    outgoing: Rc<RefCell<Vec<u8>>>,
}

impl Port for Line {
    fn read(&mut self) -> Option<u8> {
        self.incoming.pop_front()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.outgoing.borrow_mut().extend(bytes);
    }
}

/// What a host puts on the line.
pub(crate) struct Host {
    encoder: Encoder,
    /// The bytes so far.
    pub(crate) bytes: Vec<u8>,
}

impl Host {
    /// Makes a host that has said nothing.
    pub(crate) fn new() -> Self {
        Self {
            encoder: Encoder::new(),
            bytes: Vec::new(),
        }
    }

    /// Says a request; returns where its bytes begin.
    pub(crate) fn say(&mut self, request: &Request<'_>) -> usize {
        let start = self.bytes.len();
        self.bytes.extend(self.encoder.request(request).unwrap());
        start
    }

    /// Begins a job.
    pub(crate) fn begin(&mut self, job: u32, width: u16, height: u16) {
        self.say(&Request::Begin {
            job,
            width,
            height,
            trace: None,
        });
    }

    /// Sends a picture, or the part of it from an offset on, in pieces.
    pub(crate) fn picture(&mut self, job: u32, picture: &[u8], from: usize, piece: usize) {
        for (index, bytes) in picture[from..].chunks(piece).enumerate() {
            let offset = (from + index * piece) as u32;
            self.say(&Request::Data { job, offset, bytes });
        }
    }

    /// Runs a session over all that was said; returns the answers.
    pub(crate) fn run(self, model: &'static [u8], arena_bytes: usize) -> Vec<Response<'static>> {
        self.run_on(Streaming::ALL, model, arena_bytes)
    }

    /// As [`Host::run`], on something that runs the network.
    pub(crate) fn run_on(
        self,
        runner: impl Runner,
        model: &'static [u8],
        arena_bytes: usize,
    ) -> Vec<Response<'static>> {
        self.run_gated(runner, model, arena_bytes).0
    }

    /// As [`Host::run_on`]; also returns the changes of the gate pin, with the number of answers
    /// before each.
    pub(crate) fn run_gated(
        self,
        runner: impl Runner,
        model: &'static [u8],
        arena_bytes: usize,
    ) -> (Vec<Response<'static>>, Vec<(bool, usize)>) {
        let board = FakeBoard::default();
        let (outgoing, edges) = (board.outgoing.clone(), board.edges.clone());
        let line = Line {
            incoming: self.bytes.into(),
            outgoing: outgoing.clone(),
        };
        let arena = vec![0; arena_bytes / 8].leak();
        Session::with_runner(line, board, model, arena, runner).run();
        let sent = outgoing.take();
        let edge = |&(on, bytes): &Edge| (on, answers(&sent[..bytes]).len());
        let edges = edges.borrow().iter().map(edge).collect();
        (answers(&sent), edges)
    }
}

/// Takes what the board put on the line apart.
fn answers(bytes: &[u8]) -> Vec<Response<'static>> {
    let mut decoder = Decoder::new();
    let mut answers = Vec::new();
    for &byte in bytes {
        match decoder.feed(byte) {
            Step::More => {}
            Step::Bad(error) => panic!("the board sent a bad frame: {error}"),
            Step::Frame => {
                let Frame {
                    channel,
                    kind,
                    seq,
                    payload,
                } = decoder.frame().unwrap();
                assert_eq!(usize::from(seq), answers.len(), "frames are numbered");
                let payload = payload.to_vec().leak();
                answers.push(
                    Frame {
                        channel,
                        kind,
                        seq,
                        payload,
                    }
                    .response()
                    .unwrap(),
                );
            }
        }
    }
    answers
}

/// Returns an LR picture of noise.
pub(crate) fn noise(width: u16, height: u16) -> Vec<u8> {
    let bytes = u32::from(width) * u32::from(height) * 3;
    (0..bytes)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect()
}

/// What a direct run of the network gives.
pub(crate) struct Reference {
    /// The SR picture.
    pub(crate) picture: Vec<u8>,
    /// Digests of all layers.
    pub(crate) digests: Vec<u64>,
    /// Bits of the layer asked for.
    pub(crate) trace: Vec<u32>,
}

/// Keeps the bits of one layer.
struct Keep {
    layer: usize,
    bits: Vec<u32>,
}

impl Tap for Keep {
    fn record<V: Value>(&mut self, layer: Layer, values: &[V]) {
        if layer.index(&CONFIG) == Some(self.layer) {
            self.bits.extend(values.iter().map(|value| value.bits()));
        }
    }
}

/// Runs the network directly.
pub(crate) fn reference(model: &[u8], picture: &[u8], width: u16, layer: usize) -> Reference {
    let model = Model::parse(model).unwrap();
    let row_bytes = usize::from(width) * 3;
    let height = picture.len() / row_bytes;
    let mut arena = vec![0; Plan::new(&model, width.into()).arena_bytes / 8];
    let mut upscaler = Upscaler::new(&model, width.into(), height, &mut arena).unwrap();
    let mut taps = (
        Digests::new(&CONFIG, vec![0; Layer::count(&CONFIG)]),
        Keep {
            layer,
            bits: Vec::new(),
        },
    );
    let mut output = Vec::new();
    for row in picture.chunks(row_bytes) {
        let mut sink = |_, row: &[u8]| output.extend_from_slice(row);
        upscaler.push_row(row, &mut taps, &mut sink).unwrap();
    }
    Reference {
        picture: output,
        digests: taps.0.as_slice().to_vec(),
        trace: taps.1.bits,
    }
}
