//! A serial port, real or a pseudo-terminal.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use serialport::SerialPort;

use super::Transport;
use super::ports::PortError;
use super::queue::{Inward, QUEUE, Queues};
use crate::error::{Error, Result};

/// Rate of a port where no other is stated, baud; pseudo-terminals take any.
pub const BAUD_DEFAULT: u32 = 115_200;

/// How long the threads wait before they look whether they are still wanted.
const POLL: Duration = Duration::from_millis(100);

/// A serial port with a thread for each direction, so that a board that only talks never blocks
/// a host that only sends, and the other way round. Dropping it ends both and frees the port.
#[derive(Debug)]
pub struct Serial {
    /// There until `drop`, which closes them before it waits for the threads behind them.
    queues: Option<Queues>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    port: Box<dyn SerialPort>,
}

impl Serial {
    /// Opens the port at `path` for this process alone, at [`BAUD_DEFAULT`].
    ///
    /// # Errors
    /// [`Error::Port`] when it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_at(path, BAUD_DEFAULT)
    }

    /// Opens the port at `path` for this process alone, at `baud`.
    ///
    /// # Errors
    /// [`Error::Port`] when it cannot be opened.
    pub fn open_at(path: &Path, baud: u32) -> Result<Self> {
        let fail = |cause| PortError::open(path, &cause);
        let port = open(path, baud)?;
        let reader = port.try_clone().map_err(fail)?;
        let writer = port.try_clone().map_err(fail)?;
        let (send_in, from) = std::sync::mpsc::channel();
        let (to, take_out) = sync_channel::<Vec<u8>>(QUEUE);
        let mut serial = Self {
            queues: Some(Queues::new(to, from)),
            stop: Arc::default(),
            threads: Vec::new(),
            port,
        };
        let stop = Arc::clone(&serial.stop);
        serial.spawn("serial-read", move || {
            read_all(reader, |piece| {
                send_in.send(piece).is_ok() && !stop.load(Ordering::SeqCst)
            });
        })?;
        let stop = Arc::clone(&serial.stop);
        serial.spawn("serial-write", move || write_all(writer, &take_out, &stop))?;
        Ok(serial)
    }

    /// Returns another handle to the port, to change its rate by.
    ///
    /// # Errors
    /// [`Error::Line`] when the system gives none.
    pub(super) fn handle(&self) -> Result<Box<dyn SerialPort>> {
        self.port.try_clone().map_err(Error::line)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
        let builder = std::thread::Builder::new().name(name.to_owned());
        self.threads.push(builder.spawn(work).map_err(Error::line)?);
        Ok(())
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.queues = None;
        for thread in self.threads.drain(..) {
            // Each looks at `stop` ten times a second. A panic in it has been reported already.
            let _ = thread.join();
        }
    }
}

/// Opens a port for this process alone.
fn open(path: &Path, baud: u32) -> Result<Box<dyn SerialPort>> {
    let name = path.to_string_lossy();
    let port = serialport::new(name, baud).timeout(POLL).open();
    Ok(port.map_err(|cause| PortError::open(path, &cause))?)
}

/// Reads until the port or the taker is gone. The taker returns whether it wants more and gets
/// an empty piece at each look.
pub(crate) fn read_all(mut port: Box<dyn SerialPort>, mut take: impl FnMut(Inward) -> bool) {
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
    open(path, BAUD_DEFAULT)
}

/// Writes pieces until the port or the giver is gone, also where a board that does not read keeps
/// one from going out. It never waits for the last bit of a piece: the driver has the next by then.
fn write_all(mut port: Box<dyn SerialPort>, pieces: &Receiver<Vec<u8>>, stop: &AtomicBool) {
    for piece in pieces {
        let mut left = piece.as_slice();
        while !left.is_empty() && !stop.load(Ordering::SeqCst) {
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
        self.queues
            .as_mut()
            .map_or(Ok(()), |it| it.send(bytes, deadline))
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        self.queues
            .as_mut()
            .map_or(Ok(0), |it| it.receive(buffer, wait))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serialport::TTYPort;

    use super::*;

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
        // What it did not take does not keep the port from being free again.
        let start = Instant::now();
        drop(line);
        assert!(start.elapsed() < Duration::from_secs(2));
        assert!(Serial::open_at(Path::new(&path), 9600).is_ok());
    }

    #[test]
    fn a_port_that_is_taken_or_not_there_is_named() {
        let (_far, near) = TTYPort::pair().unwrap();
        let path = near.name().unwrap();
        drop(near);
        let path = Path::new(&path);
        let _line = Serial::open(path).unwrap();
        let error = Serial::open(path).unwrap_err();
        assert!(error.to_string().contains("in use"), "{error}");
        let error = Serial::open(Path::new("/dev/ttyNONE7")).unwrap_err();
        assert!(error.to_string().contains("/dev/ttyNONE7"), "{error}");
        assert_eq!(error.exit_code(), crate::error::EXIT_MISSING);
    }
}
