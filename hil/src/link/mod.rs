//! A session with a board: handshake, link test and jobs over a line that may damage anything.

mod attempt;
mod checks;
mod counters;
mod rate;
mod sensors;
mod test;
mod tune;

use std::time::{Duration, Instant};

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::transport::Transport;
use mambalite_hil_wire::{
    self as wire, Decoder, Encoder, Frame, FrameError, MAX_CHUNK, MAX_PAYLOAD, ModelState,
    PROTOCOL_VERSION, Precision, Request, Response, Step,
};

pub use attempt::JobResult;
pub use checks::OperatorCheck;
pub use counters::Counters;
pub use rate::RateTimes;
pub use sensors::{Reading, Sensors};
pub use test::LineTest;
pub use tune::{CANDIDATES, Outcome, RateTest, Tuned, tune};

/// Longest single wait, so that Ctrl-C is noticed.
const SLICE: Duration = Duration::from_millis(100);

/// Fewest picture bytes in a frame: with fewer, most of the line goes to the frames themselves.
const PIECE_MIN: usize = 128;

/// Time limits and retries of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the answer to a request that takes the board no time; at least 1 s on a busy host.
    pub reply: Duration,
    /// Without progress while bytes are unacknowledged, before they are sent again.
    pub resend: Duration,
    /// Without a single byte from the board, before a job counts as hung.
    pub silence: Duration,
    /// How often a request or a job is tried.
    pub attempts: u32,
}

impl Patience {
    /// Returns the limits for a board that is `factor` times as slow.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        // A factor that is absurd gives the longest time there is rather than a panic.
        let scale = |time: Duration| {
            let seconds = time.as_secs_f64() * factor;
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
        };
        Self {
            reply: scale(self.reply),
            resend: scale(self.resend),
            silence: scale(self.silence),
            attempts: self.attempts,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            reply: Duration::from_secs(3),
            resend: Duration::from_secs(3),
            silence: Duration::from_secs(120),
            attempts: 4,
        }
    }
}

/// What a board says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Name of the board.
    pub board: String,
    /// GNU build id of the firmware that runs.
    pub build_id: [u8; 20],
    /// The model in its memory.
    pub model: DeviceModel,
    /// CPUID register.
    pub cpuid: u32,
    /// Unique id of the chip, zeros where it has none.
    pub uid: [u8; 16],
    /// FPSCR register.
    pub fp_flags: u32,
    /// Working memory for a job, bytes.
    pub arena_bytes: u32,
    /// Largest payload it takes, bytes.
    pub max_payload: u16,
    /// Picture bytes that it can hold unworked.
    pub window: u32,
    /// What runs the network.
    pub backend: Backend,
    /// What it counts as cycles in a second of its own time, hertz; nothing on a computer.
    pub clock_hz: Option<u32>,
}

/// The model in a board's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceModel {
    /// Valid.
    Ready {
        /// SHA-256 of the model file.
        sha256: [u8; 32],
        /// Number format: `f32`, `w8a16`, `w8a8`.
        precision: &'static str,
        /// Channels of a pixel.
        channels: u8,
        /// Factor from LR to SR.
        scale: u8,
        /// Layers, so digests of a job.
        layers: u16,
    },
    /// Refused by the board.
    Refused {
        /// Which check failed.
        code: u16,
        /// The board's words.
        detail: String,
    },
}

/// A picture to be upscaled.
#[derive(Debug, Clone, Copy)]
pub struct Job<'a> {
    /// LR width, pixels.
    pub width: u16,
    /// LR height, pixels.
    pub height: u16,
    /// LR picture, raster order, channels interleaved.
    pub pixels: &'a [u8],
    /// Bytes of the SR picture.
    pub output_len: usize,
    /// Layers whose digests shall come; 0 where none are shown.
    pub layers: u16,
    /// Index of the layer whose values shall come back.
    pub trace: Option<u16>,
    /// A data frame to be damaged once, as a negative control.
    pub damage: Option<Damage>,
}

/// One bit to be flipped in one data frame on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Index of the data frame in the job.
    pub frame_idx: usize,
    /// Bit within the frame as it goes on the line, modulo its length.
    pub bit_idx: usize,
}

/// A session over `T`.
#[derive(Debug)]
pub struct Link<T> {
    line: T,
    encoder: Encoder,
    decoder: Decoder,
    /// Bytes received and not yet fed to the decoder.
    inbox: Vec<u8>,
    inbox_at: usize,
    seq_next: Option<u16>,
    job_last: u32,
    shows_layers: bool,
    heard: Instant,
    /// Picture bytes in a frame.
    piece: usize,
    /// When something was last sent.
    told: Instant,
    /// Where the rate can be changed.
    rate: Option<rate::Rate>,
    counters: Counters,
    /// Operator checks that the board says it has.
    checks_count: Option<u16>,
    patience: Patience,
    interrupt: Interrupt,
}

/// What one look at the line brought.
enum Heard {
    /// Nothing within the wait.
    Nothing,
    /// The decoder holds a frame; `lost` frames before it are missing.
    Frame { lost: bool },
    /// A damaged frame.
    Bad(FrameError),
}

impl Link<Box<dyn Transport>> {
    /// Puts something around the line, as faults on purpose.
    #[must_use]
    pub fn wrap_line(self, wrap: impl FnOnce(Box<dyn Transport>) -> Box<dyn Transport>) -> Self {
        let line = wrap(self.line);
        Self { line, ..self }
    }
}

impl<T: Transport> Link<T> {
    /// Makes a session over `line`; nothing is sent yet.
    pub fn new(line: T, patience: Patience, interrupt: Interrupt) -> Self {
        Self {
            line,
            encoder: Encoder::new(),
            decoder: Decoder::new(),
            inbox: Vec::new(),
            inbox_at: 0,
            seq_next: None,
            job_last: 0,
            shows_layers: true,
            heard: Instant::now(),
            piece: MAX_CHUNK,
            told: Instant::now(),
            rate: None,
            counters: Counters::default(),
            checks_count: None,
            patience,
            interrupt,
        }
    }

    /// Goes on over another line to the same board.
    pub fn reopen(&mut self, line: T) {
        self.line = line;
        self.decoder = Decoder::new();
        self.inbox.clear();
        self.inbox_at = 0;
    }

    /// Waits by other limits from now on.
    pub fn limit(&mut self, patience: Patience, interrupt: Interrupt) {
        self.patience = patience;
        self.interrupt = interrupt;
    }

    /// Returns what the session has counted so far.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Reports whether the board shows layers, as its last handshake says.
    #[must_use]
    pub fn shows_layers(&self) -> bool {
        self.shows_layers
    }

    /// Shakes hands; called again after each reset of the board.
    ///
    /// # Errors
    /// [`Error::Protocol`] when the board speaks another version, [`Error::Timeout`] when it does
    /// not answer, [`Error::Line`] when the line is gone.
    pub fn hello(&mut self) -> Result<DeviceInfo> {
        self.seq_next = None;
        self.find_rate()?;
        for attempt in 0..self.patience.attempts.max(1) {
            if attempt > 0 {
                self.try_other_rate()?;
            }
            self.send(&Request::Hello)?;
            let answer = self.wait_for_frame(self.patience.reply, |frame| {
                let (board, host) = (frame.hello_protocol()?, PROTOCOL_VERSION);
                if board != host {
                    return Some(Err(Error::Protocol { board, host }));
                }
                device_info(&frame.response().ok()?).map(Ok)
            })?;
            if let Some(info) = answer {
                let info = info?;
                self.shows_layers = info.backend.shows_layers();
                self.piece = piece(info.window);
                self.restore_rate()?;
                return Ok(info);
            }
            self.counters.requests_repeated += 1;
        }
        let after = self.patience.reply * self.patience.attempts;
        Err(Error::Timeout {
            what: "the handshake",
            after,
        })
    }

    /// Has `bytes` echoed, in pieces, and returns the bytes that came back wrong or not at all.
    ///
    /// # Errors
    /// [`Error::Line`] when the line is gone, [`Error::Interrupted`].
    pub fn echo(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut wrong = 0;
        for piece in bytes.chunks(MAX_CHUNK) {
            self.send(&Request::Echo { bytes: piece })?;
            let same = self.wait_for(self.patience.reply, |response| match response {
                Response::Echo { bytes } => Some(*bytes == piece),
                Response::Nak { .. } => Some(false),
                _ => None,
            })?;
            if same != Some(true) {
                wrong += piece.len();
            }
        }
        Ok(wrong)
    }

    /// Runs a job. A damaged answer means that the job is run again, a bounded number of times.
    /// `progress` gets the bytes acknowledged and the bytes of output so far.
    ///
    /// # Errors
    /// [`Error::Refused`] when the board cannot do it, [`Error::Unreliable`] when every attempt
    /// was damaged, [`Error::Timeout`] when the board is silent, or not a byte came from it in the
    /// second half of the attempts, [`Error::Misbehaved`] when it breaks the protocol, [`Error::Line`], [`Error::Interrupted`].
    pub fn run(
        &mut self,
        job: &Job<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<JobResult> {
        let attempts = self.patience.attempts.max(1);
        // Begin of the second half of the attempts.
        let (mut cause, mut begin) = (String::new(), Instant::now());
        for attempt in 1..=attempts {
            if attempt <= attempts / 2 + 1 {
                begin = Instant::now();
            }
            if attempt > 1 || self.is_rate_stale() {
                self.restore_rate()?;
            }
            // A new id each time: late frames of the attempt before are known by theirs.
            self.job_last = self.job_last.wrapping_add(1).max(1);
            match attempt::Attempt::new(self, job, self.job_last).run(progress) {
                Ok(mut result) => {
                    result.attempts = attempt;
                    return Ok(result);
                }
                Err(attempt::Failure::Damaged(what)) => {
                    self.counters.jobs_repeated += 1;
                    cause = what;
                }
                Err(attempt::Failure::Final(error)) => return Err(error),
            }
        }
        if self.heard < begin {
            // A damaged line lets something through: there is nobody at its end any more.
            let what = "a word of the board in the last attempts";
            let after = begin.elapsed();
            return Err(Error::Timeout { what, after });
        }
        Err(Error::Unreliable { attempts, cause })
    }

    fn send(&mut self, request: &Request<'_>) -> Result<()> {
        self.send_damaged(request, None)
    }

    /// Sends a request, with one bit of the line bytes flipped when asked to.
    fn send_damaged(&mut self, request: &Request<'_>, flip: Option<usize>) -> Result<()> {
        let line = self.encoder.request(request).map_err(Error::line)?;
        self.counters.frames_sent += 1;
        self.counters.bytes_sent += line.len() as u64;
        self.told = Instant::now();
        let Some(bit_idx) = flip else {
            return self.line.send(line, self.patience.silence);
        };
        let mut damaged = line.to_vec();
        let bit_idx = bit_idx % (damaged.len() * 8);
        if let Some(byte) = damaged.get_mut(bit_idx / 8) {
            *byte ^= 1 << (bit_idx % 8);
        }
        self.line.send(&damaged, self.patience.silence)
    }

    /// Looks at the line for at most `wait`, and at most for one frame.
    fn look(&mut self, wait: Duration) -> Result<Heard> {
        let start = Instant::now();
        loop {
            while let Some(&byte) = self.inbox.get(self.inbox_at) {
                self.inbox_at += 1;
                match self.decoder.feed(byte) {
                    Step::More => {}
                    Step::Frame => {
                        return Ok(Heard::Frame {
                            lost: self.count_frame(),
                        });
                    }
                    Step::Bad(error) => {
                        self.counters.count_bad(&error);
                        return Ok(Heard::Bad(error));
                    }
                }
            }
            self.interrupt.check()?;
            let left = wait.saturating_sub(start.elapsed());
            self.inbox.resize(4096, 0);
            self.inbox_at = 0;
            let received = self.line.receive(&mut self.inbox, left.min(SLICE));
            self.inbox.truncate(*received.as_ref().unwrap_or(&0));
            let n = received?;
            if n > 0 {
                self.heard = Instant::now();
                self.counters.bytes_received += n as u64;
            } else if start.elapsed() >= wait {
                return Ok(Heard::Nothing);
            }
        }
    }

    /// Counts the frame that the decoder holds; returns whether frames before it are missing.
    fn count_frame(&mut self) -> bool {
        let Some(frame) = self.decoder.frame() else {
            return false;
        };
        self.counters.frames_received += 1;
        let missing = self.seq_next.map_or(0, |next| frame.seq.wrapping_sub(next));
        self.seq_next = Some(frame.seq.wrapping_add(1));
        // Half the range and more is a step back: the board was reset.
        let missing = if missing < 0x8000 { missing } else { 0 };
        self.counters.frames_lost += u64::from(missing);
        missing != 0
    }

    /// Waits for a response that `pick` takes; everything else is passed over.
    fn wait_for<R>(
        &mut self,
        patience: Duration,
        mut pick: impl FnMut(&Response<'_>) -> Option<R>,
    ) -> Result<Option<R>> {
        self.wait_for_frame(patience, |frame| pick(&frame.response().ok()?))
    }

    /// As [`Link::wait_for`], for a frame that holds whatever it holds.
    fn wait_for_frame<R>(
        &mut self,
        patience: Duration,
        mut pick: impl FnMut(&Frame<'_>) -> Option<R>,
    ) -> Result<Option<R>> {
        let start = Instant::now();
        while start.elapsed() < patience {
            if let Heard::Frame { .. } = self.look(patience.saturating_sub(start.elapsed()))?
                && let Some(taken) = self.decoder.frame().and_then(|frame| pick(&frame))
            {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }
}

/// Returns the picture bytes in a frame to a board with this window: a quarter of it. The board gives
/// credit anew when half is free, so the host sends two frames while the board works on two, and
/// neither waits for the other.
fn piece(window: u32) -> usize {
    (window as usize / 4).clamp(PIECE_MIN, MAX_CHUNK)
}

fn device_info(response: &Response<'_>) -> Option<DeviceInfo> {
    let &Response::Hello {
        board,
        build_id,
        model,
        cpuid,
        uid,
        fp_flags,
        arena_bytes,
        max_payload,
        window,
        backend,
        clock_hz,
        ..
    } = response
    else {
        return None;
    };
    let model = match model {
        ModelState::Ready {
            sha256,
            precision,
            channels,
            scale,
            layers,
        } => {
            let precision = precision_name(precision);
            DeviceModel::Ready {
                sha256,
                precision,
                channels,
                scale,
                layers,
            }
        }
        ModelState::Refused { code, detail } => DeviceModel::Refused {
            code,
            detail: detail.to_owned(),
        },
    };
    let backend = match backend {
        wire::Backend::Cpu { note } => Backend::Cpu {
            note: Some(note.to_owned()).filter(|it| !it.is_empty()),
        },
        wire::Backend::Cuda { device } => Backend::Cuda {
            device: device.to_owned(),
        },
    };
    let board = board.to_owned();
    let max_payload = max_payload.min(MAX_PAYLOAD as u16);
    Some(DeviceInfo {
        board,
        build_id,
        model,
        cpuid,
        uid,
        fp_flags,
        arena_bytes,
        max_payload,
        window,
        backend,
        clock_hz,
    })
}

fn precision_name(precision: Precision) -> &'static str {
    match precision {
        Precision::F32 => "f32",
        Precision::W8A16 => "w8a16",
        Precision::W8A8 => "w8a8",
    }
}
