//! Real serial ports of this computer, with a board behind them that is as slow as a UART: a
//! pseudo-terminal, and a thread that passes bytes on at the rate of the line, ten bits a byte.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mambalite::model_file::ModelFile;
use mambalite_firmware_app::{Port, Session};
use serialport::{SerialPort, TTYPort};

use crate::in_process::Fixed;

/// Bytes between the board's core and its line: the buffer of a driver that sends by interrupt.
const SEND_BUFFER: usize = 256;

/// Most time of the line that a late thread of the test may make up for.
const LATE_MAX: Duration = Duration::from_millis(40);

/// What a line carried in one direction.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carried {
    /// Bytes carried.
    pub(crate) bytes: u64,
    /// Bytes that the line could have carried from the first of them to the last.
    pub(crate) room: u64,
    /// Room since the last byte.
    rest: u64,
}

impl Carried {
    fn note(&mut self, bytes: usize, room: u64) {
        if self.bytes == 0 && bytes == 0 {
            return;
        }
        self.rest += room;
        if bytes > 0 {
            self.bytes += bytes as u64;
            self.room += std::mem::take(&mut self.rest);
        }
    }

    /// Returns the part of the line that was used.
    pub(crate) fn share(&self) -> f64 {
        self.bytes as f64 / self.room as f64
    }
}

/// A board behind a pseudo-terminal. Dropping it closes the terminal, as unplugging does.
pub(crate) struct PacedBoard {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    line: Option<JoinHandle<()>>,
    /// What went to the board, and what came from it.
    carried: Arc<Mutex<(Carried, Carried)>>,
}

impl PacedBoard {
    /// Starts a board that says `first` before it can be spoken to.
    pub(crate) fn start(model: &ModelFile, baud: u32, first: &[u8]) -> Self {
        let (mut far, near) = TTYPort::pair().unwrap();
        let path = near.name().unwrap().into();
        far.set_timeout(Duration::ZERO).unwrap();
        far.write_all(first).unwrap();
        let (to_board, from_host) = channel();
        let (to_host, from_board) = sync_channel(SEND_BUFFER);
        let port = PacedPort {
            to: to_host,
            from: from_host,
        };
        let model = model.clone();
        thread::spawn(move || {
            let mut arena = vec![0; 1 << 14];
            Session::new(port, Fixed, model.bytes(), &mut arena).run();
        });
        let (stop, carried) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (flag, counts) = (Arc::clone(&stop), Arc::clone(&carried));
        let line = thread::spawn(move || {
            // The near end stays open here, so that the host's going is no end of the board.
            let _near = near;
            pass(far, baud, &to_board, &from_board, &flag, &counts);
        });
        Self {
            path,
            stop,
            line: Some(line),
            carried,
        }
    }

    /// Returns the device file of the host's end.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what was carried to the board and from it since the last call.
    pub(crate) fn carried(&self) -> (Carried, Carried) {
        std::mem::take(&mut *self.carried.lock().unwrap())
    }
}

impl Drop for PacedBoard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(line) = self.line.take() {
            line.join().unwrap();
        }
    }
}

/// Passes bytes on both ways at the rate of the line.
fn pass(
    mut far: TTYPort,
    baud: u32,
    to_board: &Sender<u8>,
    from_board: &Receiver<u8>,
    stop: &AtomicBool,
    counts: &Mutex<(Carried, Carried)>,
) {
    let mut last = Instant::now();
    let mut room = 0.0;
    while !stop.load(Ordering::SeqCst) {
        thread::sleep(Duration::from_millis(1));
        let late = last.elapsed().min(LATE_MAX);
        last = Instant::now();
        room += late.as_secs_f64() * f64::from(baud) / 10.0;
        let whole = room as usize;
        room -= whole as f64;
        let there = far.bytes_to_read().unwrap_or(0) as usize;
        let mut bytes = vec![0; there.min(whole)];
        if !bytes.is_empty() {
            far.read_exact(&mut bytes).unwrap();
            bytes.iter().for_each(|&byte| to_board.send(byte).unwrap());
        }
        // What finds a full terminal is late, not lost: the host reads at once.
        let out: Vec<u8> = from_board.try_iter().take(whole).collect();
        far.write_all(&out).unwrap();
        let mut counts = counts.lock().unwrap();
        counts.0.note(bytes.len(), whole as u64);
        counts.1.note(out.len(), whole as u64);
    }
}

/// The board's end: a buffer that fills while the line is slow, and one that never does, since a
/// host that has no credit sends nothing.
struct PacedPort {
    to: SyncSender<u8>,
    from: Receiver<u8>,
}

impl Port for PacedPort {
    fn read(&mut self) -> Option<u8> {
        self.from.recv().ok()
    }

    fn write(&mut self, bytes: &[u8]) {
        // A line that is gone is seen by the next read.
        let _ = bytes.iter().try_for_each(|&byte| self.to.send(byte));
    }
}
