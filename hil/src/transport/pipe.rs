//! A line inside the process, for boards that are threads.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::Transport;
use crate::error::{Error, Result};

/// One end of a lossless line inside the process.
#[derive(Debug)]
pub struct Pipe {
    to: Sender<Vec<u8>>,
    from: Receiver<Vec<u8>>,
    rest: Vec<u8>,
}

impl Pipe {
    /// Makes a line and returns its two ends.
    #[must_use]
    pub fn pair() -> (Self, Self) {
        let (to_b, from_a) = channel();
        let (to_a, from_b) = channel();
        (
            Self {
                to: to_b,
                from: from_b,
                rest: Vec::new(),
            },
            Self {
                to: to_a,
                from: from_a,
                rest: Vec::new(),
            },
        )
    }
}

impl Transport for Pipe {
    fn send(&mut self, bytes: &[u8], _deadline: Duration) -> Result<()> {
        self.to.send(bytes.to_vec()).map_err(Error::line)
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        if self.rest.is_empty() {
            match self.from.recv_timeout(wait) {
                Ok(bytes) => self.rest = bytes,
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::line("the other end is closed"));
                }
            }
        }
        Ok(take_front(&mut self.rest, buffer))
    }
}

/// Moves the front of `store` to the front of `buffer` and returns the count.
pub(super) fn take_front(store: &mut Vec<u8>, buffer: &mut [u8]) -> usize {
    let n = store.len().min(buffer.len());
    for (place, byte) in buffer.iter_mut().zip(store.drain(..n)) {
        *place = byte;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_cross_in_order_and_the_end_is_seen() {
        let (mut a, mut b) = Pipe::pair();
        a.send(&[1, 2, 3], Duration::ZERO).unwrap();
        a.send(&[4], Duration::ZERO).unwrap();
        let mut buffer = [0; 2];
        let mut seen: Vec<u8> = Vec::new();
        loop {
            let n = b.receive(&mut buffer, Duration::ZERO).unwrap();
            if n == 0 {
                break;
            }
            seen.extend(&buffer[..n]);
        }
        assert_eq!(seen, [1, 2, 3, 4]);
        drop(a);
        assert!(b.receive(&mut buffer, Duration::ZERO).is_err());
        assert!(b.send(&[1], Duration::ZERO).is_err());
    }
}
