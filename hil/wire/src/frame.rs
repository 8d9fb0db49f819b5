//! Frames: packing, unpacking and finding them again after damage.

use serde::Serialize;

use crate::{crc32, message};

/// Largest payload of a frame, bytes.
pub const MAX_PAYLOAD: usize = 1024;

/// Bytes before the payload: channel, kind, seq, len.
const HEADER: usize = 6;

/// Bytes after the payload: the CRC-32.
const TRAILER: usize = 4;

/// Largest frame before COBS, bytes.
const MAX_BODY: usize = HEADER + MAX_PAYLOAD + TRAILER;

/// Largest frame after COBS without its two delimiters, bytes.
const MAX_CODED: usize = cobs::max_encoding_length(MAX_BODY);

/// Largest frame on the line, delimiters included, bytes.
pub const MAX_FRAME: usize = MAX_CODED + 2;

/// Byte that separates frames and occurs nowhere inside one.
const DELIMITER: u8 = 0;

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// Handshake, flow control, results.
    Control = 0,
    /// Pictures.
    Data = 1,
    /// Raw defmt bytes, for boards whose log shares the line.
    Log = 2,
    /// Values of a traced layer.
    Trace = 3,
}

/// What the payload holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A [`message::Request`].
    Request = 1,
    /// A [`message::Response`].
    Response = 2,
    /// Bytes without structure.
    Raw = 3,
}

/// A frame that arrived whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is about.
    pub channel: Channel,
    /// What the payload holds.
    pub kind: Kind,
    /// Number of the frame in its direction, modulo 2^16.
    pub seq: u16,
    /// The payload.
    pub payload: &'a [u8],
}

/// Why bytes between two delimiters are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than the largest frame.
    #[error("frame is longer than {MAX_FRAME} bytes")]
    Overlong,
    /// The bytes are not COBS.
    #[error("frame is not valid COBS")]
    Cobs,
    /// Fewer bytes than an empty frame has.
    #[error("frame of {actual} bytes is shorter than its header and checksum")]
    Short {
        /// Bytes found.
        actual: usize,
    },
    /// The length field contradicts the number of bytes.
    #[error("frame declares {declared} payload bytes and holds {actual}")]
    Length {
        /// Payload bytes by the length field.
        declared: usize,
        /// Payload bytes found.
        actual: usize,
    },
    /// The checksum does not match.
    #[error("frame checksum is {computed:#010x}, its trailer says {stored:#010x}")]
    Crc {
        /// Checksum in the trailer.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// An intact frame on a channel that this version does not know.
    #[error("frame has the unknown channel {channel}")]
    Channel {
        /// The channel byte.
        channel: u8,
    },
    /// An intact frame of a kind that this version does not know.
    #[error("frame has the unknown kind {kind}")]
    Kind {
        /// The kind byte.
        kind: u8,
    },
}

/// Why a message cannot be sent or a payload cannot be read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The message does not fit a frame.
    #[error("message is longer than {MAX_PAYLOAD} bytes")]
    TooLong,
}

/// The payload is no message of the expected type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("payload is no message of the expected type")]
pub struct PayloadError;

impl<'a> Frame<'a> {
    /// Reads the payload as a request.
    ///
    /// # Errors
    /// [`PayloadError`] when the kind differs, the payload is no request or bytes are left over.
    pub fn request(&self) -> Result<message::Request<'a>, PayloadError> {
        self.message(Kind::Request)
    }

    /// Reads the payload as a response.
    ///
    /// # Errors
    /// [`PayloadError`] when the kind differs, the payload is no response or bytes are left over.
    pub fn response(&self) -> Result<message::Response<'a>, PayloadError> {
        self.message(Kind::Response)
    }

    /// Returns the protocol version that a [`Hello`](message::Response::Hello) of any version
    /// states, which may be one whose other fields cannot be read here; nothing for other messages.
    #[must_use]
    pub fn hello_protocol(&self) -> Option<u16> {
        // The first variant, and its first field, in every version.
        const HELLO: u32 = 0;
        if self.kind != Kind::Response {
            return None;
        }
        let (variant, rest) = postcard::take_from_bytes::<u32>(self.payload).ok()?;
        let (protocol, _) = postcard::take_from_bytes(rest).ok()?;
        (variant == HELLO).then_some(protocol)
    }

    fn message<M: serde::Deserialize<'a>>(&self, kind: Kind) -> Result<M, PayloadError> {
        if self.kind != kind {
            return Err(PayloadError);
        }
        match postcard::take_from_bytes(self.payload) {
            Ok((message, [])) => Ok(message),
            _ => Err(PayloadError),
        }
    }
}

/// Packs messages into frames and numbers them. Holds its buffers, about 2 KiB.
#[derive(Debug)]
pub struct Encoder {
    seq: u16,
    body: [u8; MAX_BODY],
    line: [u8; MAX_FRAME],
}

impl Encoder {
    /// Makes an encoder whose first frame has number 0.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            seq: 0,
            body: [0; MAX_BODY],
            line: [0; MAX_FRAME],
        }
    }

    /// Packs a request; the bytes go on the line as they are.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when it does not fit a frame; the number is not used up.
    pub fn request(&mut self, request: &message::Request<'_>) -> Result<&[u8], EncodeError> {
        self.message(request.channel(), Kind::Request, request)
    }

    /// Packs a response; the bytes go on the line as they are.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when it does not fit a frame; the number is not used up.
    pub fn response(&mut self, response: &message::Response<'_>) -> Result<&[u8], EncodeError> {
        self.message(response.channel(), Kind::Response, response)
    }

    /// Packs bytes without structure; the bytes returned go on the line as they are.
    ///
    /// # Errors
    /// [`EncodeError::TooLong`] when they do not fit a frame; the number is not used up.
    pub fn raw(&mut self, channel: Channel, payload: &[u8]) -> Result<&[u8], EncodeError> {
        let place = self
            .body
            .get_mut(HEADER..HEADER + payload.len())
            .ok_or(EncodeError::TooLong)?;
        if payload.len() > MAX_PAYLOAD {
            return Err(EncodeError::TooLong);
        }
        place.copy_from_slice(payload);
        Ok(self.finish(channel, Kind::Raw, payload.len()))
    }

    fn message<M: Serialize>(
        &mut self,
        channel: Channel,
        kind: Kind,
        message: &M,
    ) -> Result<&[u8], EncodeError> {
        let place = &mut self.body[HEADER..HEADER + MAX_PAYLOAD];
        let len = postcard::to_slice(message, place)
            .map_err(|_| EncodeError::TooLong)?
            .len();
        Ok(self.finish(channel, kind, len))
    }

    fn finish(&mut self, channel: Channel, kind: Kind, len: usize) -> &[u8] {
        let [seq_low, seq_high] = self.seq.to_le_bytes();
        // len <= MAX_PAYLOAD < 2^16.
        let [len_low, len_high, ..] = len.to_le_bytes();
        let header = [
            channel as u8,
            kind as u8,
            seq_low,
            seq_high,
            len_low,
            len_high,
        ];
        self.body[..HEADER].copy_from_slice(&header);
        let end = HEADER + len;
        let crc = crc32(&self.body[..end]);
        self.body[end..end + TRAILER].copy_from_slice(&crc.to_le_bytes());
        self.line[0] = DELIMITER;
        let coded = cobs::encode(&self.body[..end + TRAILER], &mut self.line[1..=MAX_CODED]);
        self.line[1 + coded] = DELIMITER;
        self.seq = self.seq.wrapping_add(1);
        &self.line[..coded + 2]
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

/// What one more byte led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing yet.
    More,
    /// A frame is whole: [`Decoder::frame`] returns it until the next byte is fed.
    Frame,
    /// The bytes since the last delimiter were no frame; the decoder is ready for the next one.
    Bad(FrameError),
}

/// Finds frames in a stream of bytes, whatever lies between them. Holds its buffer, about 1 KiB.
#[derive(Debug)]
pub struct Decoder {
    buffer: [u8; MAX_CODED],
    filled: usize,
    overlong: bool,
    whole: Option<Head>,
    /// Length of the payload of a frame whose checksum is wrong.
    damaged: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    channel: Channel,
    kind: Kind,
    seq: u16,
    len: usize,
}

impl Decoder {
    /// Makes a decoder that stands before a frame.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            buffer: [0; MAX_CODED],
            filled: 0,
            overlong: false,
            whole: None,
            damaged: None,
        }
    }

    /// Takes the next byte of the line. Damage is reported once, at the delimiter that ends it.
    pub fn feed(&mut self, byte: u8) -> Step {
        self.whole = None;
        self.damaged = None;
        if byte != DELIMITER {
            match self.buffer.get_mut(self.filled) {
                Some(place) => {
                    *place = byte;
                    self.filled += 1;
                }
                None => self.overlong = true,
            }
            return Step::More;
        }
        let filled = core::mem::take(&mut self.filled);
        if core::mem::take(&mut self.overlong) {
            return Step::Bad(FrameError::Overlong);
        }
        if filled == 0 {
            return Step::More;
        }
        match self.unpack(filled) {
            Ok(head) => {
                self.whole = Some(head);
                Step::Frame
            }
            Err(error) => Step::Bad(error),
        }
    }

    /// Returns the frame that the last fed byte completed.
    #[must_use]
    pub fn frame(&self) -> Option<Frame<'_>> {
        let Head {
            channel,
            kind,
            seq,
            len,
        } = self.whole?;
        let payload = self.buffer.get(HEADER..HEADER + len)?;
        Some(Frame {
            channel,
            kind,
            seq,
            payload,
        })
    }

    /// Returns the payload of the frame that the last fed byte completed, if all about it was right
    /// but its checksum: what a link test counts wrong bits in. Nothing else is to trust it.
    #[must_use]
    pub fn damaged(&self) -> Option<&[u8]> {
        let len = self.damaged?;
        self.buffer.get(HEADER..HEADER + len)
    }

    /// Reports whether bytes of an unfinished frame are held.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.filled > 0
    }

    fn unpack(&mut self, filled: usize) -> Result<Head, FrameError> {
        let actual =
            cobs::decode_in_place(&mut self.buffer[..filled]).map_err(|_| FrameError::Cobs)?;
        if actual < HEADER + TRAILER {
            return Err(FrameError::Short { actual });
        }
        let body = &self.buffer[..actual - TRAILER];
        let mut stored = [0; TRAILER];
        stored.copy_from_slice(&self.buffer[actual - TRAILER..actual]);
        let (stored, computed) = (u32::from_le_bytes(stored), crc32(body));
        if stored != computed {
            self.damaged = Some(body.len() - HEADER);
            return Err(FrameError::Crc { stored, computed });
        }
        let len = usize::from(u16::from_le_bytes([body[4], body[5]]));
        if len != body.len() - HEADER || len > MAX_PAYLOAD {
            return Err(FrameError::Length {
                declared: len,
                actual: body.len() - HEADER,
            });
        }
        let channel = match body[0] {
            0 => Channel::Control,
            1 => Channel::Data,
            2 => Channel::Log,
            3 => Channel::Trace,
            channel => return Err(FrameError::Channel { channel }),
        };
        let kind = match body[1] {
            1 => Kind::Request,
            2 => Kind::Response,
            3 => Kind::Raw,
            kind => return Err(FrameError::Kind { kind }),
        };
        Ok(Head {
            channel,
            kind,
            seq: u16::from_le_bytes([body[2], body[3]]),
            len,
        })
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
