//! A serial port, real or a pseudo-terminal.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use serialport::SerialPort;

use super::Transport;
use super::pipe::take_front;
use crate::error::{Error, Result};

/// Baud rate; pseudo-terminals take any.
const BAUD: u32 = 115_200;

/// Largest piece given to the port at once. The port's time limit holds only up to the first
/// byte of a write, so large writes can block for seconds.
const PIECE: usize = 1024;

/// How long the threads wait before they look whether they are still wanted.
const POLL: Duration = Duration::from_millis(100);

/// Pieces that may wait between the caller and the port.
const QUEUE: usize = 8;

/// A serial port with a thread for each direction, so that a board that only talks never blocks
/// a host that only sends, and the other way round.
#[derive(Debug)]
pub struct Serial {
    to: SyncSender<Vec<u8>>,
    from: Receiver<std::io::Result<Vec<u8>>>,
    rest: Vec<u8>,
}

impl Serial {
    /// Opens the port at `path` for this process alone.
    ///
    /// # Errors
    /// [`Error::Line`] when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let (reader, writer) = open_halves(path)?;
        // Reading must never wait for the caller: the queue is unbounded by way of its length.
        let (send_in, from) = std::sync::mpsc::channel();
        let (to, take_out) = sync_channel::<Vec<u8>>(QUEUE);
        std::thread::Builder::new()
            .name("serial-read".to_owned())
            .spawn(move || read_all(reader, |piece| send_in.send(piece).is_ok()))
            .map_err(Error::line)?;
        std::thread::Builder::new()
            .name("serial-write".to_owned())
            .spawn(move || write_all(writer, &take_out))
            .map_err(Error::line)?;
        Ok(Self {
            to,
            from,
            rest: Vec::new(),
        })
    }
}

/// Opens a port twice over: one handle to read, one to write.
fn open_halves(path: &Path) -> Result<(Box<dyn SerialPort>, Box<dyn SerialPort>)> {
    let fail = |cause: serialport::Error| Error::line(format!("open {}: {cause}", path.display()));
    let name = path.to_string_lossy();
    let reader = serialport::new(name, BAUD)
        .timeout(POLL)
        .open()
        .map_err(fail)?;
    let writer = reader.try_clone().map_err(fail)?;
    Ok((reader, writer))
}

/// Reads until the port or the taker is gone. The taker returns whether it wants more and gets
/// an empty piece at each look.
pub(crate) fn read_all(
    mut port: Box<dyn SerialPort>,
    mut take: impl FnMut(std::io::Result<Vec<u8>>) -> bool,
) {
    let mut buffer = [0; 4096];
    loop {
        let piece = match port.read(&mut buffer) {
            Ok(n) => Ok(buffer.get(..n).unwrap_or_default().to_vec()),
            Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                Ok(Vec::new())
            }
            Err(e) => Err(e),
        };
        let gone = piece.is_err();
        if !take(piece) || gone {
            return;
        }
    }
}

/// Opens a port that is only read.
pub(crate) fn open_reader(path: &Path) -> Result<Box<dyn SerialPort>> {
    open_halves(path).map(|(reader, _)| reader)
}

/// Writes pieces until the port or the giver is gone.
fn write_all(mut port: Box<dyn SerialPort>, pieces: &Receiver<Vec<u8>>) {
    for piece in pieces {
        let mut left = piece.as_slice();
        while !left.is_empty() {
            match port.write(left) {
                Ok(n) => left = left.get(n..).unwrap_or_default(),
                Err(e) if matches!(e.kind(), ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
                Err(_) => return,
            }
        }
    }
}

impl Transport for Serial {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let start = Instant::now();
        for piece in bytes.chunks(PIECE) {
            let mut piece = piece.to_vec();
            loop {
                match self.to.try_send(piece) {
                    Ok(()) => break,
                    Err(TrySendError::Disconnected(_)) => {
                        return Err(Error::line("the port is closed (board gone?)"));
                    }
                    Err(TrySendError::Full(_)) if start.elapsed() > deadline => {
                        return Err(Error::Timeout {
                            what: "the board to read",
                            after: deadline,
                        });
                    }
                    Err(TrySendError::Full(back)) => {
                        piece = back;
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let start = Instant::now();
        while self.rest.is_empty() {
            match self.from.recv_timeout(wait.saturating_sub(start.elapsed())) {
                Ok(Ok(piece)) => self.rest = piece,
                Ok(Err(cause)) => return Err(Error::line(cause)),
                Err(RecvTimeoutError::Timeout) => return Ok(0),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Error::line("the port is closed (board gone?)"));
                }
            }
        }
        Ok(take_front(&mut self.rest, buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serialport::TTYPort;

    #[test]
    fn a_pseudo_terminal_carries_every_byte_both_ways() {
        let (mut far, near) = TTYPort::pair().unwrap();
        let path = near.name().unwrap();
        drop(near);
        let mut line = Serial::open(Path::new(&path)).unwrap();
        let sent: Vec<u8> = (0..40_000_u32).map(|i| (i * 7 + (i >> 8)) as u8).collect();
        let echo = std::thread::spawn(move || {
            far.set_timeout(Duration::from_secs(5)).unwrap();
            let mut buffer = [0; 700];
            let mut total = 0;
            while total < 40_000 {
                let n = far.read(&mut buffer).unwrap();
                far.write_all(&buffer[..n]).unwrap();
                total += n;
            }
            far
        });
        line.send(&sent, Duration::from_secs(10)).unwrap();
        let mut seen: Vec<u8> = Vec::new();
        let mut buffer = [0; 999];
        while seen.len() < sent.len() {
            let n = line.receive(&mut buffer, Duration::from_secs(10)).unwrap();
            assert_ne!(n, 0, "after {} bytes", seen.len());
            seen.extend(&buffer[..n]);
        }
        assert!(seen == sent);
        assert_eq!(
            line.receive(&mut buffer, Duration::from_millis(20))
                .unwrap(),
            0
        );
        drop(echo.join().unwrap());
        let gone = (0..50).any(|_| line.receive(&mut buffer, POLL).is_err());
        assert!(gone, "the end of the board is seen");
    }

    #[test]
    fn a_board_that_does_not_read_is_a_timeout() {
        let (_far, near) = TTYPort::pair().unwrap();
        let path = near.name().unwrap();
        drop(near);
        let mut line = Serial::open(Path::new(&path)).unwrap();
        let error = line
            .send(&[0x55; 200_000], Duration::from_millis(300))
            .unwrap_err();
        assert_eq!(error.exit_code(), crate::error::EXIT_TIMEOUT);
    }
}
