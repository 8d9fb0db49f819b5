#![doc = include_str!("../README.md")]
#![no_std]

mod checksum;
pub mod frame;
pub mod message;
mod prbs;
pub mod sensor;
mod words;

pub use checksum::{Checksum, crc32};
pub use frame::{
    Channel, Decoder, EncodeError, Encoder, Frame, FrameError, Kind, MAX_FRAME, MAX_PAYLOAD,
    PayloadError, Step,
};
pub use message::{
    Backend, CheckOutcome, Fault, ModelState, NakReason, Precision, Request, Response,
};
pub use prbs::{Prbs, TEST_BYTES_MAX, TEST_PIECE, Tester};
pub use sensor::{MAX_NAME, Quantity, Reading};
pub use words::{put_u32, put_u64, u32s, u64s};

/// Version of everything in this crate; both ends state it in the handshake and must agree.
/// 2 added the sensors, 3 what runs the network, the link test and the rate,
/// 4 the operator checks and the clock.
pub const PROTOCOL_VERSION: u16 = 4;

/// Largest number of bytes in a `bytes` field of a message, chosen so that the message fits
/// [`MAX_PAYLOAD`] whatever its other fields hold. A multiple of 8.
pub const MAX_CHUNK: usize = 1000;
