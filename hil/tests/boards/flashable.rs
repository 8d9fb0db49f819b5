//! The firmware's logic as a board inside the process: a thread that can be flashed and reset.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mambalite_firmware_app::{Port, Session};
use mambalite_hil::Result;
use mambalite_hil::flasher::Flasher;
use mambalite_hil::transport::{Pipe, Transport};

use crate::in_process::Fixed;

/// Where the model lies.
pub(crate) const MODEL_ADDRESS: u32 = 0x0020_0000;
/// The program that a board is flashed with. Nothing runs it: the logic is this process's own.
pub(crate) const PROGRAM: [u8; 64] = [0xa5; 64];
/// Working memory, bytes.
const ARENA_BYTES: usize = 8 * mambalite_kernels_check::MEMORY_WORDS;

/// The board's end of the line; it closes when the board is switched off.
struct Line {
    pipe: Arc<Mutex<Pipe>>,
    off: Arc<AtomicBool>,
    buffer: Vec<u8>,
    at: usize,
}

impl Port for Line {
    fn read(&mut self) -> Option<u8> {
        while self.at == self.buffer.len() {
            if self.off.load(Ordering::SeqCst) {
                return None;
            }
            let mut piece = [0; 2048];
            let mut pipe = self.pipe.lock().unwrap();
            let n = pipe.receive(&mut piece, Duration::from_millis(5)).ok()?;
            self.buffer = piece[..n].to_vec();
            self.at = 0;
        }
        self.at += 1;
        Some(self.buffer[self.at - 1])
    }

    fn write(&mut self, bytes: &[u8]) {
        // A host that is gone reads nothing.
        let _ = self.pipe.lock().unwrap().send(bytes, Duration::ZERO);
    }
}

/// A board that is on.
pub(crate) struct Flashable {
    program: [u8; PROGRAM.len()],
    model: Vec<u8>,
    pipe: Arc<Mutex<Pipe>>,
    off: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flashable {
    /// Switches a board on, with `model` in its memory; returns the host's end of its line too.
    pub(crate) fn start(model: &[u8]) -> (Self, Pipe) {
        let (near, far) = Pipe::pair();
        let mut board = Self {
            program: PROGRAM,
            model: model.to_vec(),
            pipe: Arc::new(Mutex::new(far)),
            off: Arc::default(),
            thread: None,
        };
        board.resume().unwrap();
        (board, near)
    }

    /// Returns the memory at an address.
    fn memory(&mut self, address: u32, len: usize) -> &mut [u8] {
        match address.checked_sub(MODEL_ADDRESS) {
            Some(at) => &mut self.model[at as usize..][..len],
            None => &mut self.program[address as usize..][..len],
        }
    }

    fn halt(&mut self) {
        self.off.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Flashable {
    fn drop(&mut self) {
        self.halt();
    }
}

impl Flasher for Flashable {
    fn write(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
        self.memory(address, bytes.len()).copy_from_slice(bytes);
        progress(bytes.len());
        Ok(())
    }

    fn verify(&mut self, at: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
        assert_eq!(self.memory(at, bytes.len()), bytes);
        progress(bytes.len());
        Ok(())
    }

    fn read_back(&mut self, at: u32, len: usize) -> Result<Vec<u8>> {
        Ok(self.memory(at, len).to_vec())
    }

    fn reset(&mut self) -> Result<()> {
        self.halt();
        Ok(())
    }

    fn resume(&mut self) -> Result<()> {
        self.off = Arc::default();
        let line = Line {
            pipe: Arc::clone(&self.pipe),
            off: Arc::clone(&self.off),
            buffer: Vec::new(),
            at: 0,
        };
        let flash: &'static mut [u128] = vec![0; self.model.len().div_ceil(16)].leak();
        let flash: &'static mut [u8] = bytemuck::cast_slice_mut(flash);
        flash[..self.model.len()].copy_from_slice(&self.model);
        let arena = vec![0; ARENA_BYTES / 8].leak();
        let thread = move || Session::new(line, Fixed, flash, arena).run();
        self.thread = Some(std::thread::spawn(thread));
        Ok(())
    }
}
