//! The session: answers requests, one job at a time.

use core::fmt::{Display, Write};

use heapless::String;
use mambalite_hil_wire::{
    MAX_PAYLOAD, ModelState, NakReason, PROTOCOL_VERSION, Precision, Request, Response,
};
use mambalite_kernels as kernels;
use mambalite_kernels::{Layer, Model, ModelError};

use crate::board::{Board, Port};
use crate::checks;
use crate::job::{Begin, End, Job, WINDOW_BYTES};
use crate::link::{Event, Line, Link};
use crate::log::{info, warning};
use crate::refusal::{Refusal, saturated};
use crate::runner::{Run, Runner, Streaming};

/// Longest text in a message, bytes.
const DETAIL_BYTES: usize = 200;

/// The firmware of a board, from the handshake to the last job. `R` is what runs the network.
pub struct Session<'m, P, B, R = Streaming> {
    link: Link<P>,
    desk: Desk<'m, B>,
    arena: &'m mut [u64],
    runner: R,
}

/// What the session knows, apart from the link and the working memory.
pub(crate) struct Desk<'m, B> {
    /// The board.
    pub(crate) board: B,
    /// The model in flash, or why there is none.
    pub(crate) model: Result<Model<'m>, ModelError>,
    /// Size of the working memory in bytes.
    pub(crate) arena_bytes: usize,
    /// Whether what runs the network shows its layers.
    pub(crate) layers: bool,
}

impl<'m, P: Port, B: Board> Session<'m, P, B> {
    /// Makes the session of a board whose processor runs the network.
    ///
    /// `model` is the flash region of the model file; it may be blank or hold anything. `arena` is
    /// the working memory of the network.
    pub fn new(port: P, board: B, model: &'m [u8], arena: &'m mut [u64]) -> Self {
        Self::with_runner(port, board, model, arena, Streaming)
    }
}

impl<'m, P: Port, B: Board, R: Runner> Session<'m, P, B, R> {
    /// As [`Session::new`], with what runs the network.
    pub fn with_runner(
        port: P,
        board: B,
        model: &'m [u8],
        arena: &'m mut [u64],
        runner: R,
    ) -> Self {
        let model = runner.parse(model);
        match &model {
            Ok(model) => info!("model of {=usize} bytes", model.bytes_len()),
            Err(_) => warning!("no valid model in flash"),
        }
        let arena_bytes = size_of_val(arena);
        Self {
            link: Link::new(port),
            desk: Desk {
                board,
                model,
                arena_bytes,
                layers: <R::Run<'_> as Run>::LAYERS,
            },
            arena,
            runner,
        }
    }

    /// Serves requests until the line closes; on a board, for ever.
    pub fn run(&mut self) {
        let mut next = None;
        loop {
            let end = match next.take() {
                Some(begin) => self.begin(begin),
                None => self.idle(),
            };
            match end {
                End::Idle => {}
                End::Begin(begin) => next = Some(begin),
                End::Closed => return,
            }
        }
    }

    /// Serves one request while no job runs.
    fn idle(&mut self) -> End {
        let nak = |reason| Response::Nak {
            job: 0,
            expected_offset: 0,
            reason,
        };
        match self.link.wait() {
            Event::Closed => return End::Closed,
            Event::Bad(reason) => self.link.line.send(&nak(reason)),
            Event::Frame => {
                let Link { decoder, line, .. } = &mut self.link;
                match decoder.frame().map(|frame| frame.request()) {
                    Some(Ok(Request::Begin {
                        job,
                        width,
                        height,
                        trace,
                    })) => {
                        return End::Begin(Begin {
                            job,
                            width,
                            height,
                            trace,
                        });
                    }
                    Some(Ok(Request::Check { index, seed })) => {
                        checks::answer(index, seed, self.arena, line);
                    }
                    Some(Ok(Request::Data { .. })) => line.send(&nak(NakReason::UnknownJob)),
                    Some(Ok(request)) => self.desk.answer(&request, line),
                    Some(Err(_)) | None => line.send(&nak(NakReason::Malformed)),
                }
            }
        }
        End::Idle
    }

    /// Runs a job, or says why it cannot be run.
    fn begin(&mut self, begin: Begin) -> End {
        info!(
            "job {=u32}: {=u16} x {=u16}",
            begin.job, begin.width, begin.height
        );
        let started = match &self.desk.model {
            Ok(model) => Job::new(&begin, model, &mut self.runner, self.arena),
            Err(error) => Err(Refusal::Model(*error)),
        };
        match started {
            Ok(mut job) => job.run(&mut self.link, &self.desk),
            Err(refusal) => {
                let (job, fault, detail) = (begin.job, refusal.fault(), text(&refusal));
                self.link.line.send(&Response::Error {
                    job,
                    fault,
                    detail: &detail,
                });
                End::Idle
            }
        }
    }
}

impl<B: Board> Desk<'_, B> {
    /// Answers a request that no job is needed for; the others are left unanswered.
    pub(crate) fn answer<P: Port>(&self, request: &Request<'_>, line: &mut Line<P>) {
        match *request {
            Request::Hello => self.hello(line),
            Request::Echo { bytes } => line.send(&Response::Echo { bytes }),
            Request::Abort { job } => line.send(&Response::Aborted { job }),
            Request::Sensors { restart } => self.sensors(restart, line),
            Request::LinkTest { offset, bytes } => line.test(offset, bytes),
            Request::SetRate { .. } | Request::KeepRate { .. } => line.change_rate(request),
            Request::Begin { .. } | Request::Data { .. } | Request::Check { .. } => {}
        }
    }

    /// Tells what the sensors show, or that there are none.
    fn sensors<P: Port>(&self, restart: bool, line: &mut Line<P>) {
        let mut none = true;
        self.board.sensors(restart, &mut |sensor| {
            none = false;
            line.send(&Response::Sensor {
                index: sensor.index,
                count: sensor.count,
                window_ms: sensor.window_ms,
                reading: Some(sensor.reading),
            });
        });
        if none {
            line.send(&Response::Sensor {
                index: 0,
                count: 0,
                window_ms: 0,
                reading: None,
            });
        }
    }

    /// Introduces the board.
    fn hello<P: Port>(&self, line: &mut Line<P>) {
        let refusal;
        let model = match &self.model {
            Ok(model) => ready(model, self.layers),
            Err(error) => {
                refusal = text(error);
                ModelState::Refused {
                    code: code(error),
                    detail: &refusal,
                }
            }
        };
        line.send(&Response::Hello {
            protocol: PROTOCOL_VERSION,
            board: self.board.name(),
            build_id: self.board.build_id(),
            model,
            cpuid: self.board.cpuid(),
            uid: self.board.uid(),
            fp_flags: self.board.float_flags(),
            arena_bytes: saturated(self.arena_bytes),
            max_payload: MAX_PAYLOAD as u16,
            window: WINDOW_BYTES,
            backend: self.board.backend(),
            clock_hz: self.board.clock_hz(),
        });
    }
}

/// Describes a valid model, and whether its layers are shown.
fn ready(model: &Model<'_>, layers: bool) -> ModelState<'static> {
    let config = model.config();
    ModelState::Ready {
        sha256: model.sha256(),
        precision: match model.precision() {
            kernels::Precision::F32 => Precision::F32,
            kernels::Precision::W8A16 => Precision::W8A16,
            kernels::Precision::W8A8 => Precision::W8A8,
        },
        // The reader accepts 1 or 3 channels, a scale of 2 to 4 and has at most 1191 layers.
        channels: config.channels as u8,
        scale: config.scale as u8,
        layers: if layers {
            Layer::count(config) as u16
        } else {
            0
        },
    }
}

/// Returns the number of a check of the reader that failed, 0 for one that is not known here.
///
/// The numbers are part of the protocol: they stay, whatever the reader's words become.
fn code(error: &ModelError) -> u16 {
    match error {
        ModelError::NotAModel => 1,
        ModelError::Version { .. } => 2,
        ModelError::Truncated { .. } => 3,
        ModelError::TrailingBytes { .. } => 4,
        ModelError::Misaligned => 5,
        ModelError::Corrupted => 6,
        ModelError::Field { .. } => 7,
        ModelError::WeightCount { .. } => 8,
        ModelError::Config(_) => 9,
        ModelError::Rank { .. } => 10,
        ModelError::NotFinite { .. } => 11,
        ModelError::OutOfRange { .. } => 12,
        ModelError::Overflow { .. } => 13,
        ModelError::Precision { .. } => 14,
        _ => 0,
    }
}

/// Returns an error's words, cut to what a message holds.
pub(crate) fn text(error: &impl Display) -> String<DETAIL_BYTES> {
    let mut text = Cut(String::new());
    // `Cut` takes everything and keeps what fits.
    let _ = write!(text, "{error}");
    text.0
}

/// A text that keeps the front of what is written to it.
struct Cut(String<DETAIL_BYTES>);

impl Write for Cut {
    fn write_str(&mut self, part: &str) -> core::fmt::Result {
        for letter in part.chars() {
            if self.0.push(letter).is_err() {
                break;
            }
        }
        Ok(())
    }
}
