//! Debug probes: writing a chip's memory, looking into it, and the frames and the log through RTT.
//!
//! A thread has each probe, since all of that shares one cable; the rest of the harness sends it
//! what is to be done. What it does with a chip is the trait [`Chip`]: `probe-rs` behind the
//! feature `probe`, and memory in the tests.

mod core_id;
mod error;
mod rtt;
#[cfg(feature = "probe")]
mod session;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::board::Board;
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::flasher::{Flasher, Inspector};
use crate::interrupt::Interrupt;
use crate::inventory::ProbeId;
use crate::transport::RttLine;

pub use core_id::core_name;
pub use error::{ProbeError, udev_rule};
pub use rtt::{FRAMES, LOG, control_block};
use worker::{Desk, Work};

/// Without a word from the probe, before it counts as hung. Erasing a large sector takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest single wait, so that Ctrl-C is noticed.
const SLICE: Duration = Duration::from_millis(100);

/// How long the end of the probe's thread is awaited.
const FAREWELL: Duration = Duration::from_secs(5);

/// Pieces of the log that may wait to be read; what comes beyond them is dropped and counted.
const LOG_PIECES: usize = 1024;

/// A chip behind a probe.
pub trait Chip {
    /// Makes the memory at `address` hold `bytes`, and leaves what lies around them; `progress`
    /// gets the count of each piece, of `bytes.len()` in all.
    ///
    /// # Errors
    /// [`Error::Flash`], [`Error::Probe`].
    fn program(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()>;

    /// Tells whether flash holds `bytes` at `address`, by what programs it.
    ///
    /// # Errors
    /// [`Error::Flash`].
    fn is_programmed(&mut self, address: u32, bytes: &[u8]) -> Result<bool>;

    /// Fills `buffer` with the memory at `address`, as the core sees it.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn read(&mut self, address: u32, buffer: &mut [u8]) -> Result<()>;

    /// Writes a word of RAM.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn write_word(&mut self, address: u32, word: u32) -> Result<()>;

    /// Resets the chip and halts it before its first instruction.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn reset(&mut self) -> Result<()>;

    /// Halts the core.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn halt(&mut self) -> Result<()>;

    /// Lets the core run.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn resume(&mut self) -> Result<()>;

    /// Returns the registers of the halted core by name.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn registers(&mut self) -> Result<Vec<(String, u32)>>;

    /// Reads the RTT control block at `address`; nothing is read or written through it before. Has
    /// the board wait where the buffer of the frames is full, and drop where that of the log is.
    /// Returns false while the firmware has not made the block yet.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn attach_rtt(&mut self, address: u32) -> Result<bool>;

    /// Fills the front of `buffer` with what the board has put into a channel; returns the count.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn read_rtt(&mut self, channel: usize, buffer: &mut [u8]) -> Result<usize>;

    /// Puts as much of `bytes` into a channel to the board as there is room for; returns the count.
    ///
    /// # Errors
    /// [`Error::Probe`].
    fn write_rtt(&mut self, channel: usize, bytes: &[u8]) -> Result<usize>;
}

/// A probe with a chip. Dropping it ends its thread and lets go of the probe.
#[derive(Debug)]
pub struct Probe {
    /// There until `drop`.
    work: Option<Sender<Work>>,
    /// Closes when the thread ends.
    ended: Receiver<()>,
    thread: Option<JoinHandle<()>>,
    interrupt: Interrupt,
}

/// What comes back while the thread works.
enum News<R> {
    /// So many bytes more are done.
    Progress(usize),
    /// All is done.
    Done(Result<R>),
}

/// The log of a board through RTT.
#[derive(Debug)]
pub struct RttLog {
    /// Pieces as they come.
    pub pieces: Receiver<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl RttLog {
    /// Returns the bytes dropped because nobody read them in time. What the board itself drops
    /// shows as damaged frames of the log.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Probe {
    /// Opens the probe `id` and attaches to the chip of `board`.
    ///
    /// # Errors
    /// [`Error::Probe`] when the probe is not there or may not be opened, or the chip is unknown,
    /// another one, locked or silent; [`Error::Interrupted`].
    pub fn open(id: &ProbeId, board: &Board, interrupt: &Interrupt) -> Result<Self> {
        let chip = board.memory().and_then(|memory| memory.probe_chip.clone());
        let chip = chip.ok_or_else(|| ProbeError::NoChip {
            board: board.name.clone(),
        })?;
        let (id, core) = (id.clone(), board.core.clone());
        let name = format!("probe-{}", id.serial);
        let probe = Self::start(&name, interrupt, move || attach(&id, &chip, &core))?;
        probe.set_memory(board)?;
        Ok(probe)
    }

    /// Has the thread put flash where the probe has it.
    fn set_memory(&self, board: &Board) -> Result<()> {
        let memory = board.memory().cloned();
        self.call("open the probe", move |desk, _| {
            desk.memory = memory;
            Ok(())
        })
    }

    /// Starts the thread of a probe; `make` opens it there.
    ///
    /// # Errors
    /// Those of `make`, [`Error::Interrupted`], and [`ProbeError::Hung`].
    pub fn start(
        name: &str,
        interrupt: &Interrupt,
        make: impl FnOnce() -> Result<Box<dyn Chip>> + Send + 'static,
    ) -> Result<Self> {
        let (work, orders) = channel();
        let (end, ended) = channel::<()>();
        let (tell, told) = channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let _end = end;
                match make() {
                    Ok(chip) => {
                        let _ = tell.send(News::Done(Ok(())));
                        worker::run(Desk::new(chip), &orders);
                    }
                    Err(error) => drop(tell.send(News::Done(Err(error)))),
                }
            })
            .map_err(Error::line)?;
        let probe = Self {
            work: Some(work),
            ended,
            thread: Some(thread),
            interrupt: interrupt.clone(),
        };
        probe.await_news("open the probe", &told, &mut |_| ())?;
        Ok(probe)
    }

    /// Starts to carry the frames and the log of the firmware `image` through RTT: from the next
    /// reset on, and anew after each one.
    ///
    /// # Errors
    /// [`ProbeError::NoRtt`] when the image has no control block.
    pub fn line(&mut self, image: &Image) -> Result<(RttLine, RttLog)> {
        let address = control_block(&image.elf, &image.path)?;
        let (line, ends) = RttLine::new();
        let (log, pieces) = sync_channel(LOG_PIECES);
        let dropped = Arc::default();
        let carrier = rtt::Carrier::new(address, ends, log, Arc::clone(&dropped));
        self.call("start RTT", move |desk, _| {
            desk.carrier = Some(carrier);
            Ok(())
        })?;
        Ok((line, RttLog { pieces, dropped }))
    }

    /// Has the thread do something, and waits for it.
    fn call<R: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Desk, &mut dyn FnMut(usize)) -> Result<R> + Send + 'static,
    ) -> Result<R> {
        self.call_with(what, work, &mut |_| ())
    }

    fn call_with<R: Send + 'static>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Desk, &mut dyn FnMut(usize)) -> Result<R> + Send + 'static,
        progress: &mut dyn FnMut(usize),
    ) -> Result<R> {
        let (tell, told) = channel();
        let work: Work = Box::new(move |desk| {
            // A caller that gave up is told nothing more.
            let outcome = work(desk, &mut |n| drop(tell.send(News::Progress(n))));
            let _ = tell.send(News::Done(outcome));
        });
        let sent = self.work.as_ref().is_some_and(|to| to.send(work).is_ok());
        if !sent {
            return Err(ended(what));
        }
        self.await_news(what, &told, progress)
    }

    fn await_news<R>(
        &self,
        what: &'static str,
        told: &Receiver<News<R>>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<R> {
        let mut heard = Instant::now();
        loop {
            match told.recv_timeout(SLICE) {
                Ok(News::Done(outcome)) => return outcome,
                Ok(News::Progress(n)) => {
                    heard = Instant::now();
                    progress(n);
                }
                Err(RecvTimeoutError::Disconnected) => return Err(ended(what)),
                Err(RecvTimeoutError::Timeout) if heard.elapsed() > PATIENCE => {
                    let seconds = PATIENCE.as_secs();
                    return Err(ProbeError::Hung { what, seconds }.into());
                }
                Err(RecvTimeoutError::Timeout) => self.interrupt.check()?,
            }
        }
    }
}

fn ended(what: &'static str) -> Error {
    let cause = "the thread of the probe has ended".to_owned();
    ProbeError::Operation { what, cause }.into()
}

#[cfg(feature = "probe")]
fn attach(id: &ProbeId, chip: &str, core: &str) -> Result<Box<dyn Chip>> {
    session::add_chips();
    let lister = probe_rs::probe::list::Lister::new();
    Ok(Box::new(session::attach(&lister, id, chip, core)?))
}

#[cfg(not(feature = "probe"))]
fn attach(id: &ProbeId, _chip: &str, _core: &str) -> Result<Box<dyn Chip>> {
    let probe = format!("{}:{}:{}", id.vid, id.pid, id.serial);
    Err(ProbeError::NotBuilt { probe }.into())
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.work = None;
        // A probe that hangs cannot be stopped; its thread ends with the program.
        let ended = self.ended.recv_timeout(FAREWELL);
        if let (Err(RecvTimeoutError::Disconnected), Some(thread)) = (ended, self.thread.take()) {
            // A panic in it has been reported already.
            let _ = thread.join();
        }
    }
}

impl Flasher for Probe {
    fn write(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
        let bytes = bytes.to_vec();
        let work =
            move |desk: &mut Desk, told: &mut dyn FnMut(usize)| desk.program(address, &bytes, told);
        self.call_with("write the memory", work, progress)
    }

    fn verify(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let bytes = bytes.to_vec();
        let work =
            move |desk: &mut Desk, told: &mut dyn FnMut(usize)| desk.verify(address, &bytes, told);
        self.call_with("read the memory back", work, progress)
    }

    fn read_back(&mut self, address: u32, len: usize) -> Result<Vec<u8>> {
        self.call("read the memory", move |desk, _| {
            let mut bytes = vec![0; len];
            desk.chip.read(address, &mut bytes)?;
            Ok(bytes)
        })
    }

    fn reset(&mut self) -> Result<()> {
        self.call("reset the chip", |desk, _| desk.reset())
    }

    fn resume(&mut self) -> Result<()> {
        self.call("let the chip run", |desk, _| desk.resume())
    }
}

impl Inspector for Probe {
    fn halt(&mut self) -> Result<()> {
        self.call("halt the chip", |desk, _| desk.chip.halt())
    }

    fn registers(&mut self) -> Result<Vec<(String, u32)>> {
        self.call("read the registers", |desk, _| desk.chip.registers())
    }

    fn read(&mut self, address: u32, buffer: &mut [u8]) -> Result<()> {
        let bytes = self.read_back(address, buffer.len())?;
        buffer.copy_from_slice(&bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
