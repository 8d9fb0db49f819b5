//! A line that damages what it carries, on purpose.

use std::time::Duration;

use super::Transport;
use super::pipe::take_front;
use crate::error::Result;

/// Changes the bytes of one piece: flips, drops, doubles or swallows them.
type Damage = Box<dyn FnMut(&mut Vec<u8>) + Send>;

/// A line with damage in one or both directions.
pub struct Damaged<T> {
    line: T,
    outward: Damage,
    inward: Damage,
    rest: Vec<u8>,
}

impl<T> Damaged<T> {
    /// Wraps `line`: `outward` changes what is sent, `inward` what is received.
    pub fn new(
        line: T,
        outward: impl FnMut(&mut Vec<u8>) + Send + 'static,
        inward: impl FnMut(&mut Vec<u8>) + Send + 'static,
    ) -> Self {
        Self {
            line,
            outward: Box::new(outward),
            inward: Box::new(inward),
            rest: Vec::new(),
        }
    }
}

impl<T> core::fmt::Debug for Damaged<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Damaged").finish_non_exhaustive()
    }
}

impl<T: Transport> Transport for Damaged<T> {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let mut bytes = bytes.to_vec();
        (self.outward)(&mut bytes);
        if bytes.is_empty() {
            Ok(())
        } else {
            self.line.send(&bytes, deadline)
        }
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        if self.rest.is_empty() {
            let mut piece = vec![0; buffer.len()];
            let n = self.line.receive(&mut piece, wait)?;
            if n == 0 {
                return Ok(0);
            }
            piece.truncate(n);
            (self.inward)(&mut piece);
            self.rest = piece;
        }
        Ok(take_front(&mut self.rest, buffer))
    }
}
