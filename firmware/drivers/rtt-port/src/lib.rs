//! The wire protocol through the debug probe, by RTT: for boards without a serial port, or with a
//! slow one.
//!
//! Channel 0 carries the frames both ways, and the board waits where its buffer is full. Channel 1
//! is for the defmt log, and drops what finds no room.

#![cfg_attr(not(test), no_std)]

use mambalite_firmware_app::Port;
use rtt_target::ChannelMode::{BlockIfFull, NoBlockSkip};
use rtt_target::{DownChannel, UpChannel, rtt_init};

/// Bytes taken out of the buffer from the host at once.
const PIECE: usize = 64;

/// A way to the host.
pub trait Up {
    /// Puts the front of `bytes` into the buffer; returns the count.
    fn put(&mut self, bytes: &[u8]) -> usize;
}

/// A way from the host.
pub trait Down {
    /// Fills the front of `bytes` with what has come; returns the count.
    fn take(&mut self, bytes: &mut [u8]) -> usize;
}

impl Up for UpChannel {
    fn put(&mut self, bytes: &[u8]) -> usize {
        self.write(bytes)
    }
}

impl Down for DownChannel {
    fn take(&mut self, bytes: &mut [u8]) -> usize {
        self.read(bytes)
    }
}

/// The line of a board over two buffers in its RAM.
#[derive(Debug)]
pub struct RttPort<U, D> {
    up: U,
    down: D,
    piece: [u8; PIECE],
    at: usize,
    filled: usize,
}

impl<U: Up, D: Down> RttPort<U, D> {
    /// Makes a line over two channels.
    pub fn new(up: U, down: D) -> Self {
        Self {
            up,
            down,
            piece: [0; PIECE],
            at: 0,
            filled: 0,
        }
    }
}

impl<U: Up, D: Down> Port for RttPort<U, D> {
    /// Looks again and again: a probe that writes to RAM wakes no core.
    fn read(&mut self) -> Option<u8> {
        while self.at == self.filled {
            self.at = 0;
            self.filled = self.down.take(&mut self.piece).min(PIECE);
            core::hint::spin_loop();
        }
        let byte = self.piece.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut left = bytes;
        while !left.is_empty() {
            let n = self.up.put(left).min(left.len());
            left = &left[n..];
        }
    }
}

/// Makes the control block; returns the line and the channel of the log, which goes to
/// `rtt_target::set_defmt_channel`. Called once, before anything is logged.
///
/// The buffer from the host holds the window of the protocol with its frames.
#[must_use]
pub fn start() -> (RttPort<UpChannel, DownChannel>, UpChannel) {
    let channels = rtt_init! {
        up: {
            0: { size: 4096, mode: BlockIfFull, name: "frames" }
            1: { size: 1024, mode: NoBlockSkip, name: "defmt" }
        }
        down: {
            0: { size: 4096, name: "frames" }
        }
    };
    (RttPort::new(channels.up.0, channels.down.0), channels.up.1)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// A buffer that takes or gives a few bytes at a time, and every other time none.
    #[derive(Default)]
    struct Buffer {
        bytes: VecDeque<u8>,
        turn: usize,
    }

    impl Buffer {
        fn room(&mut self) -> usize {
            self.turn += 1;
            [0, 3, 0, 200, 1][self.turn % 5]
        }
    }

    impl Up for Buffer {
        fn put(&mut self, bytes: &[u8]) -> usize {
            let n = self.room().min(bytes.len());
            self.bytes.extend(&bytes[..n]);
            n
        }
    }

    impl Down for Buffer {
        fn take(&mut self, bytes: &mut [u8]) -> usize {
            let n = self.room().min(bytes.len()).min(self.bytes.len());
            let taken = self.bytes.drain(..n);
            bytes
                .iter_mut()
                .zip(taken)
                .for_each(|(to, from)| *to = from);
            n
        }
    }

    #[test]
    fn every_byte_goes_through_in_order_whatever_room_there_is() {
        let sent: Vec<u8> = (0..1000_u32).map(|i| (i * 7) as u8).collect();
        let mut port = RttPort::new(Buffer::default(), Buffer::default());
        port.write(&sent);
        assert!(port.up.bytes.iter().eq(&sent));
        port.down.bytes = sent.clone().into();
        let read: Vec<u8> = (0..sent.len()).map_while(|_| port.read()).collect();
        assert_eq!(read, sent);
    }

    #[test]
    fn the_channels_carry_bytes_as_a_probe_would_find_them() {
        let (mut port, mut log) = start();
        port.write(b"frame");
        // A log that nobody reads drops whole messages, and holds nothing up.
        let all = (0..100).filter(|_| log.write(&[7; 100]) == 100).count();
        assert_eq!(all, 10);
    }
}
