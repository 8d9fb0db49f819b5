//! A board in this process on a line that has a rate at each end: what is sent at one rate and heard
//! at another is garbage.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use mambalite::model_file::ModelFile;
use mambalite_firmware_app::{Poll, Port, Rate, Session};
use mambalite_hil::error::{Error, Result};
use mambalite_hil::transport::{BaudPort, Transport};

use crate::in_process::Fixed;

/// Rate of the board at start-up.
pub(crate) const START: u32 = 115_200;

/// Bytes and the rate that they were sent at.
type Piece = (u32, Vec<u8>);

/// Changes a piece on its way at a rate.
type Damage = Box<dyn FnMut(u32, &mut Vec<u8>) + Send>;

/// The host's end of the line; another handle to the same end where it is cloned.
#[derive(Clone)]
pub(crate) struct RatedLine {
    shared: Arc<Shared>,
    host_baud: Arc<AtomicU32>,
}

struct Shared {
    to: Mutex<Sender<Piece>>,
    from: Mutex<Receiver<Piece>>,
    outward: Mutex<Damage>,
    inward: Mutex<Damage>,
    board_baud: Arc<AtomicU32>,
    unplugged: AtomicBool,
}

/// The board's end.
struct RatedPort {
    to: Sender<Piece>,
    from: Receiver<Piece>,
    baud: Arc<AtomicU32>,
    rates: &'static [u32],
    inbox: Vec<u8>,
    at: usize,
    start: Instant,
}

/// Starts a board whose line has `rates`.
pub(crate) fn start(
    model: &ModelFile,
    rates: &'static [u32],
    outward: impl FnMut(u32, &mut Vec<u8>) + Send + 'static,
    inward: impl FnMut(u32, &mut Vec<u8>) + Send + 'static,
) -> RatedLine {
    let (to_board, from_host) = channel();
    let (to_host, from_board) = channel();
    let board_baud = Arc::new(AtomicU32::new(START));
    let port = RatedPort {
        to: to_host,
        from: from_host,
        baud: Arc::clone(&board_baud),
        rates,
        inbox: Vec::new(),
        at: 0,
        start: Instant::now(),
    };
    let model = model.clone();
    thread::spawn(move || {
        let mut arena = vec![0; 1 << 14];
        Session::new(port, Fixed, model.bytes(), &mut arena).run();
    });
    RatedLine {
        shared: Arc::new(Shared {
            to: Mutex::new(to_board),
            from: Mutex::new(from_board),
            outward: Mutex::new(Box::new(outward)),
            inward: Mutex::new(Box::new(inward)),
            board_baud,
            unplugged: AtomicBool::new(false),
        }),
        host_baud: Arc::new(AtomicU32::new(START)),
    }
}

impl RatedLine {
    /// Returns the board's rate.
    pub(crate) fn board_baud(&self) -> u32 {
        self.shared.board_baud.load(Ordering::SeqCst)
    }

    /// Has every use of the line fail, or work again.
    pub(crate) fn unplug(&self, unplugged: bool) {
        self.shared.unplugged.store(unplugged, Ordering::SeqCst);
    }

    /// Changes what the line does to pieces from now on.
    pub(crate) fn damage(
        &self,
        outward: impl FnMut(u32, &mut Vec<u8>) + Send + 'static,
        inward: impl FnMut(u32, &mut Vec<u8>) + Send + 'static,
    ) {
        *self.shared.outward.lock().unwrap() = Box::new(outward);
        *self.shared.inward.lock().unwrap() = Box::new(inward);
    }

    fn check(&self) -> Result<()> {
        if self.shared.unplugged.load(Ordering::SeqCst) {
            return Err(Error::Line {
                cause: "unplugged".to_owned(),
            });
        }
        Ok(())
    }
}

/// Returns what is heard at `baud`.
fn heard((sent, mut bytes): Piece, baud: u32) -> Vec<u8> {
    if sent != baud {
        // A slower sender is heard as more bytes, a faster one as fewer; none of them is right.
        let len = bytes.len() as u64 * u64::from(baud) / u64::from(sent);
        bytes = (0..len).map(|i| (i * 37 + 0x55) as u8 | 0x80).collect();
    }
    bytes
}

impl Transport for RatedLine {
    fn send(&mut self, bytes: &[u8], _deadline: Duration) -> Result<()> {
        self.check()?;
        let (baud, mut bytes) = (self.host_baud.load(Ordering::SeqCst), bytes.to_vec());
        (self.shared.outward.lock().unwrap())(baud, &mut bytes);
        let sent = self.shared.to.lock().unwrap().send((baud, bytes));
        sent.map_err(|error| Error::Line {
            cause: error.to_string(),
        })
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        self.check()?;
        let piece = self.shared.from.lock().unwrap().recv_timeout(wait);
        let (baud, mut bytes) = match piece {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => return Ok(0),
            Err(error) => {
                return Err(Error::Line {
                    cause: error.to_string(),
                });
            }
        };
        (self.shared.inward.lock().unwrap())(baud, &mut bytes);
        let bytes = heard((baud, bytes), self.host_baud.load(Ordering::SeqCst));
        // A piece is one frame of the board, or what became of it.
        let n = bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&bytes[..n]);
        Ok(n)
    }
}

impl BaudPort for RatedLine {
    fn set_baud(&mut self, baud: u32) -> Result<()> {
        self.host_baud.store(baud, Ordering::SeqCst);
        Ok(())
    }
}

impl Port for RatedPort {
    fn read(&mut self) -> Option<u8> {
        loop {
            match self.poll() {
                Poll::Byte(byte) => return Some(byte),
                Poll::Nothing => {}
                Poll::Closed => return None,
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        // A host that is gone is seen by the next read.
        let _ = self
            .to
            .send((self.baud.load(Ordering::SeqCst), bytes.to_vec()));
    }

    fn rate(&mut self) -> Option<&mut dyn Rate> {
        (!self.rates.is_empty()).then_some(self)
    }
}

impl Rate for RatedPort {
    fn start_baud(&self) -> u32 {
        START
    }

    fn has_baud(&self, baud: u32) -> bool {
        self.rates.contains(&baud)
    }

    fn set_baud(&mut self, baud: u32) {
        self.baud.store(baud, Ordering::SeqCst);
    }

    fn now_ms(&self) -> u32 {
        self.start.elapsed().as_millis() as u32
    }

    fn poll(&mut self) -> Poll {
        while self.at == self.inbox.len() {
            match self.from.recv_timeout(Duration::from_millis(1)) {
                Ok(piece) => {
                    self.inbox = heard(piece, self.baud.load(Ordering::SeqCst));
                    self.at = 0;
                }
                Err(RecvTimeoutError::Timeout) => return Poll::Nothing,
                Err(RecvTimeoutError::Disconnected) => return Poll::Closed,
            }
        }
        self.at += 1;
        Poll::Byte(self.inbox[self.at - 1])
    }
}
