//! The messages: what the host asks and what a board answers.

use serde::{Deserialize, Serialize};

use crate::sensor::Reading;

/// What the host asks of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request<'a> {
    /// Asks for [`Response::Hello`].
    Hello,
    /// Starts a job and drops the one before it.
    Begin {
        /// New, non-zero, never used before in this session.
        job: u32,
        /// LR row length, pixels.
        width: u16,
        /// LR rows.
        height: u16,
        /// Index of the layer whose values come back as [`Response::Trace`].
        trace: Option<u16>,
    },
    /// A piece of the LR picture: rows in raster order as one byte stream, split anywhere.
    Data {
        /// The running job.
        job: u32,
        /// Place of the first byte in the stream, bytes.
        offset: u32,
        /// At most [`MAX_CHUNK`](crate::MAX_CHUNK) bytes, none past the granted limit.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Asks for the same bytes back; a test of the link.
    Echo {
        /// At most [`MAX_CHUNK`](crate::MAX_CHUNK) bytes.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Gives the job up; answered by [`Response::Aborted`] even when no such job runs.
    Abort {
        /// The job to give up.
        job: u32,
    },
    /// Asks for the sensors; each is answered by a [`Response::Sensor`]. Since version 2.
    Sensors {
        /// Whether the samples so far are forgotten, after the answer.
        restart: bool,
    },
    /// A piece of the link test's sequence; answered by [`Response::LinkTest`] with the same
    /// piece. Since version 3.
    LinkTest {
        /// Place of the first byte in the sequence, bytes; 0 starts a test.
        offset: u32,
        /// [`TEST_PIECE`](crate::TEST_PIECE) bytes of [`Prbs`](crate::Prbs).
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Asks for another rate of the line. The board answers with [`Response::Rate`] at the rate
    /// of the request, and then goes over to the new one. Since version 3.
    SetRate {
        /// The rate, baud.
        baud: u32,
        /// The board goes back to the rate it started with when no [`Request::KeepRate`] arrives
        /// within this time, milliseconds.
        trial_ms: u16,
    },
    /// Confirms the rate that it arrives at; answered by [`Response::Rate`]. Since version 3.
    KeepRate {
        /// The rate, baud.
        baud: u32,
        /// The board goes back to the rate it started with when it waits longer than this for an
        /// intact frame, milliseconds.
        silence_ms: u16,
    },
    /// Asks for one of the operator checks, with no job running; answered by
    /// [`Response::Check`] twice: when it begins and when it has ended. Since version 4.
    Check {
        /// Number of the check, from 0.
        index: u16,
        /// Seed of its inputs.
        seed: u64,
    },
}

/// What a board answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response<'a> {
    /// Answers [`Request::Hello`].
    Hello {
        /// [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION) of the firmware. Stays the first field
        /// of the first variant in every version, so any two versions can tell each other apart.
        protocol: u16,
        /// Name of the board, as in its `board.toml`.
        #[serde(borrow)]
        board: &'a str,
        /// GNU build id (SHA-1) of the firmware image.
        build_id: [u8; 20],
        /// The model found at the board's model address.
        #[serde(borrow)]
        model: ModelState<'a>,
        /// CPUID register of the core.
        cpuid: u32,
        /// Unique id of the chip; zeros where it has none.
        uid: [u8; 16],
        /// FPSCR register, raw: rounding mode, flush-to-zero, default NaN.
        fp_flags: u32,
        /// Working memory for a job, bytes.
        arena_bytes: u32,
        /// Largest frame payload the board takes, bytes.
        max_payload: u16,
        /// Bytes of picture the board can hold that it has not yet worked on.
        window: u32,
        /// What runs the network. Since version 3.
        #[serde(borrow)]
        backend: Backend<'a>,
        /// What the board counts as cycles in a second of its own time, hertz; nothing where an
        /// operating system changes the clock at will. Since version 4.
        clock_hz: Option<u32>,
    },
    /// The job has started; the host may send the bytes below `credit`.
    Begun {
        /// The job.
        job: u32,
        /// Bytes of the arena that the job uses.
        arena_needed: u32,
        /// First limit: the host may send stream bytes at offsets below it.
        credit: u32,
    },
    /// The board took bytes and can hold more.
    Credit {
        /// The job.
        job: u32,
        /// All stream bytes below this offset have arrived in order.
        next_offset: u32,
        /// The host may send stream bytes at offsets below it. Never shrinks.
        limit: u32,
    },
    /// A frame was damaged or out of order: the host sends again from `expected_offset`.
    Nak {
        /// The running job, 0 when none runs.
        job: u32,
        /// First stream byte that has not arrived.
        expected_offset: u32,
        /// What was wrong.
        reason: NakReason,
    },
    /// A piece of the SR picture: rows in raster order as one byte stream, split anywhere.
    Output {
        /// The job.
        job: u32,
        /// Place of the first byte in the stream, bytes.
        offset: u32,
        /// At most [`MAX_CHUNK`](crate::MAX_CHUNK) bytes.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// A piece of the traced layer's values, on the trace channel.
    Trace {
        /// The job.
        job: u32,
        /// Index of the layer.
        layer: u16,
        /// Index of the first element in the layer's raster order.
        offset: u32,
        /// Bits of each value, `u32` little-endian; see [`u32s`](crate::u32s).
        #[serde(borrow, with = "serde_bytes")]
        bits: &'a [u8],
    },
    /// Digests of consecutive layers; all of them come before [`Response::Result`].
    Digests {
        /// The job.
        job: u32,
        /// Index of the first layer.
        first: u16,
        /// One digest a layer, `u64` little-endian; see [`u64s`](crate::u64s).
        #[serde(borrow, with = "serde_bytes")]
        values: &'a [u8],
    },
    /// The job is done; the last message about it.
    Result {
        /// The job.
        job: u32,
        /// CRC-32 of the whole SR byte stream.
        output_crc32: u32,
        /// Number of digests sent: as many as the handshake says.
        layers: u16,
        /// Core cycles spent in the network, or instructions where an emulator has no cycles;
        /// nothing where the board counts neither.
        cycles: Option<u64>,
        /// Deepest stack since start-up, bytes.
        stack_used_bytes: u32,
        /// Stack reserved, bytes; 0 where an operating system sees to it.
        stack_size_bytes: u32,
        /// Damaged frames received since start-up.
        frames_bad: u32,
    },
    /// The request could not be done; a job it concerns is over.
    Error {
        /// The job, 0 when the error concerns none.
        job: u32,
        /// What went wrong.
        fault: Fault,
        /// A sentence for people; may be empty.
        #[serde(borrow)]
        detail: &'a str,
    },
    /// Answers [`Request::Echo`].
    Echo {
        /// The bytes of the request.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Answers [`Request::Abort`].
    Aborted {
        /// The job given up.
        job: u32,
    },
    /// Answers [`Request::Sensors`], once for each sensor, in order. Since version 2.
    Sensor {
        /// Number of the sensor, from 0.
        index: u16,
        /// Sensors there are; 0 when there are none, with one such answer.
        count: u16,
        /// Time since the samples were last forgotten, or since start-up, milliseconds.
        window_ms: u32,
        /// What it shows; nothing where there are no sensors.
        #[serde(borrow)]
        reading: Option<Reading<'a>>,
    },
    /// Answers [`Request::LinkTest`]. Since version 3.
    LinkTest {
        /// That of the request.
        offset: u32,
        /// Wrong bits that have arrived at the board since the test began.
        wrong_bits: u32,
        /// The same piece of the sequence, made by the board.
        #[serde(borrow, with = "serde_bytes")]
        bytes: &'a [u8],
    },
    /// Answers [`Request::SetRate`] and [`Request::KeepRate`]. Since version 3.
    Rate {
        /// The rate that holds after this answer, baud.
        baud: u32,
        /// Whether it is confirmed.
        kept: bool,
    },
    /// Answers [`Request::Check`]. Since version 4.
    Check {
        /// That of the request.
        index: u16,
        /// Checks there are.
        count: u16,
        /// What is checked, such as `scan_full/w8a8` or `scan_full/w8a8/dsp`.
        #[serde(borrow)]
        name: &'a str,
        /// What became of it.
        outcome: CheckOutcome,
    },
}

/// What became of an operator check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CheckOutcome {
    /// It has begun; another answer follows when it has ended.
    Begun,
    /// Digest of the outputs of a golden case, which the host compares.
    Digest(u64),
    /// The variant is the specification, to the bit.
    Equal,
    /// The processor has not the variant's instructions.
    Skipped,
    /// The variant is not the specification.
    Differs {
        /// Number of the size and inputs within the check, from 0.
        case: u32,
        /// Index among the values of the case.
        index: u32,
        /// Bits of the specification.
        expected: u32,
        /// Bits of the variant.
        found: u32,
    },
    /// The variant wrote outside its output.
    WroteOutside {
        /// Number of the size and inputs within the check, from 0.
        case: u32,
    },
    /// The arena is too small for the check.
    NoMemory {
        /// Number of the size and inputs within the check, from 0.
        case: u32,
    },
}

/// The state of the model memory of a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModelState<'a> {
    /// A valid model.
    Ready {
        /// SHA-256 of the model file, as stored in and checked against it.
        sha256: [u8; 32],
        /// Number format of the model.
        precision: Precision,
        /// Channels of a pixel, 1 or 3.
        channels: u8,
        /// Factor from LR to SR, each direction.
        scale: u8,
        /// Layers whose digests a job gives: all, or 0 where what runs the network shows none.
        layers: u16,
    },
    /// The reader refused what lies at the model address.
    Refused {
        /// Which check failed, as numbered by the reader.
        code: u16,
        /// The reader's words.
        #[serde(borrow)]
        detail: &'a str,
    },
}

/// What runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backend<'a> {
    /// The processor that speaks here.
    Cpu {
        /// Why no GPU does, where one was looked for; else empty.
        note: &'a str,
    },
    /// An NVIDIA GPU. It shows no layers.
    Cuda {
        /// Name of the device.
        device: &'a str,
    },
}

/// Number format of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// 32-bit floats.
    F32,
    /// 8-bit weights, 16-bit activations.
    W8A16,
    /// 8-bit weights, 8-bit activations.
    W8A8,
}

/// Why a board asks for data again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NakReason {
    /// The frame was longer than any frame.
    Overlong,
    /// Not COBS.
    Cobs,
    /// Shorter than the smallest frame, or its length field is wrong.
    Length,
    /// The checksum does not match.
    Crc,
    /// Unknown channel or kind, or the payload is no request.
    Malformed,
    /// Data at another offset than the expected one.
    OutOfOrder,
    /// Data past the granted limit or the end of the picture.
    Overrun,
    /// Data for a job that does not run.
    UnknownJob,
}

/// Why a board cannot do a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// There is no valid model; the handshake says why.
    NoModel,
    /// The arena is too small for this row length.
    ArenaTooSmall {
        /// Bytes the job would use.
        needed: u32,
        /// Bytes there are.
        available: u32,
    },
    /// Width or height is zero, or too large for the counters or for a GPU.
    Geometry,
    /// The model has no layer of this index.
    UnknownLayer {
        /// The index asked for.
        layer: u16,
    },
    /// The network stopped with an error; the detail has its words.
    Exec,
    /// The job number is 0.
    JobNumber,
    /// The line does not have this rate, or only one. Since version 3.
    Rate {
        /// The rate that stays, baud; 0 where the line has none.
        baud: u32,
    },
    /// The firmware was built without what is asked for. Since version 4.
    Unsupported,
    /// There is no operator check of this number. Since version 4.
    UnknownCheck {
        /// Checks there are.
        count: u16,
    },
    /// A job runs, which has to end or to be aborted first. Since version 4.
    Busy {
        /// The job.
        job: u32,
    },
}

impl From<&crate::FrameError> for NakReason {
    fn from(error: &crate::FrameError) -> Self {
        use crate::FrameError as E;
        match error {
            E::Overlong => Self::Overlong,
            E::Cobs => Self::Cobs,
            E::Short { .. } | E::Length { .. } => Self::Length,
            E::Crc { .. } => Self::Crc,
            E::Channel { .. } | E::Kind { .. } => Self::Malformed,
        }
    }
}

impl Response<'_> {
    /// Returns the channel that the message travels on.
    #[must_use]
    pub fn channel(&self) -> crate::Channel {
        match self {
            Self::Output { .. } => crate::Channel::Data,
            Self::Trace { .. } => crate::Channel::Trace,
            _ => crate::Channel::Control,
        }
    }
}

impl Request<'_> {
    /// Returns the channel that the message travels on.
    #[must_use]
    pub fn channel(&self) -> crate::Channel {
        match self {
            Self::Data { .. } => crate::Channel::Data,
            _ => crate::Channel::Control,
        }
    }
}
