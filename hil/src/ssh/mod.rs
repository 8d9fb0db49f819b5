//! A computer behind SSH as a board: files are copied, the agent is started, frames go through
//! its standard streams.

mod connection;
mod loopback;
mod storage;
mod tree;

use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::backend::Wanted;
use crate::board::{Board, Reach};
use crate::error::{EXIT_BUG, EXIT_INPUT, EXIT_MISSING, Error, Result};
use crate::firmware::Image;
use crate::flasher::{Flasher, Piece, Store};
use crate::interrupt::Interrupt;
use crate::log::Line;
use crate::transport::Transport;
use connection::{Connection, Process};
use sha2::{Digest, Sha256};
use storage::Storage;

pub use connection::Destination;
pub(crate) use loopback::EMULATOR;
pub use loopback::{Loopback, SERVER, missing_packages};

/// Names of the files on the far side.
const AGENT: &str = "agent";
const MODEL: &str = "model.mls";
/// Where the agent finds a driver beside it.
const DRIVER: &str = "libcuda.so";

/// Longest time that the agent may take to end once its input is closed.
const END: Duration = Duration::from_secs(10);

/// Longest path of a unix socket (`sun_path` less its final NUL), less what `ssh` and the crate
/// append to that of their folder.
const SOCKET_FOLDER_MAX: usize = 107 - 60;

/// Sends the processes that match a pattern the signal of a bad access.
const SIGNAL: &str = r#"pkill -SEGV -f -- "$1""#;

/// Lines of the agent that go into an error.
const WORDS_MAX: usize = 8;

/// A computer with agent and model on it; dropping it ends both agent and connection.
pub struct Station {
    shared: Arc<Mutex<Shared>>,
    log: PathBuf,
}

/// The agent's standard streams as a line; it stays the same when the agent is started anew.
pub struct SshLine(Arc<Mutex<Shared>>);

/// What the line and the memory of the board have in common.
struct Shared {
    /// The running agent, before the connection that it runs through.
    process: Option<Process>,
    storage: Storage,
    command_line: Vec<String>,
    backend: Wanted,
    log: PathBuf,
    /// What plays the computer, where it is a virtual one.
    _loopback: Option<Arc<Loopback>>,
}

impl Station {
    /// Connects to the computer of `board`, or plays it; no file is copied yet.
    ///
    /// # Errors
    /// [`Error::Missing`] when a program is not installed, [`Error::HostKey`],
    /// [`Error::Connect`], [`Error::Emulator`] when the computer cannot be played.
    pub fn open(board: &Board, log: &Path, interrupt: &Interrupt) -> Result<Self> {
        match &board.reach {
            Reach::Loopback(virtual_board) => {
                let loopback = Loopback::start(&board.name, &virtual_board.cpu, interrupt)?;
                Self::open_on(board, Arc::new(loopback), log, interrupt)
            }
            Reach::Ssh(remote) => {
                let destination = Destination {
                    host: remote.host.clone(),
                    config: None,
                };
                let connection = Connection::open(&destination, interrupt)?;
                let storage = Storage::new(connection, &remote.folder)?;
                let mut options = Vec::new();
                if let Some(hwmon) = &remote.hwmon {
                    options.extend(["--hwmon".to_owned(), hwmon.clone()]);
                }
                Self::new(board, storage, (&[], &options), log, None)
            }
            Reach::Flash(_) => Err(Error::Connect {
                host: board.name.clone(),
                cause: "it is a microcontroller".to_owned(),
            }),
        }
    }

    /// Connects to a computer that this one plays already.
    ///
    /// # Errors
    /// As [`Station::open`].
    pub fn open_on(
        board: &Board,
        loopback: Arc<Loopback>,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let connection = Connection::open(&loopback.destination(), interrupt)?;
        let storage = Storage::new(connection, &loopback.home())?;
        let (prefix, options) = (loopback.prefix(), loopback.options());
        Self::new(board, storage, (&prefix, &options), log, Some(loopback))
    }

    fn new(
        board: &Board,
        storage: Storage,
        (prefix, options): (&[String], &[String]),
        log: &Path,
        loopback: Option<Arc<Loopback>>,
    ) -> Result<Self> {
        // Emptied: each start of the agent appends.
        File::create(log).map_err(Error::write(log))?;
        let own = [
            storage.path(AGENT),
            "--board".to_owned(),
            board.name.clone(),
            "--model".to_owned(),
            storage.path(MODEL),
            "--arena-bytes".to_owned(),
            board.arena_bytes.to_string(),
            "--backend".to_owned(),
            board.backend.word().to_owned(),
        ];
        let command_line = [prefix, &own, options].concat();
        let shared = Shared {
            process: None,
            storage,
            command_line,
            backend: board.backend,
            log: log.to_owned(),
            _loopback: loopback,
        };
        Ok(Self {
            shared: Arc::new(Mutex::new(shared)),
            log: log.to_owned(),
        })
    }

    /// Copies agent and model, and the stand-in for a driver, where the computer has other ones; `progress` gets bytes done.
    /// Returns the number of files copied.
    ///
    /// # Errors
    /// [`Error::DiskFull`], [`Error::Remote`], [`Error::Disconnected`], [`Error::Interrupted`].
    pub fn deploy(
        &mut self,
        image: &Image,
        model: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<usize> {
        let shared = lock(&self.shared);
        let mut copied = 0;
        let driver = image.driver.as_deref().map(|driver| (DRIVER, driver));
        let files = [(AGENT, image.elf.as_slice()), (MODEL, model)];
        for (name, bytes) in files.into_iter().chain(driver) {
            copied += usize::from(shared.storage.put(name, bytes, progress)?);
        }
        Ok(copied)
    }

    /// Returns the line to the agent, which [`Flasher::resume`] starts.
    #[must_use]
    pub fn line(&self) -> SshLine {
        SshLine(Arc::clone(&self.shared))
    }

    /// Sends the agent the signal of a bad access, as a fault on purpose.
    ///
    /// # Errors
    /// [`Error::Remote`] when there is no agent or no `pkill`, those of the connection.
    pub fn crash(&mut self) -> Result<()> {
        let shared = lock(&self.shared);
        // The brackets keep the pattern from meaning the shell that runs it.
        let pattern = format!("{} --board", shared.storage.path("[a]gent"));
        let connection = shared.storage.connection();
        let answer = connection.run(SIGNAL, &[&pattern], &[], &mut |_| ())?;
        if answer.code == Some(0) {
            return Ok(());
        }
        Err(Error::Remote {
            host: connection.host().to_owned(),
            what: "send the agent a signal".to_owned(),
            cause: answer.words,
        })
    }

    /// Cuts the connection, as a fault on purpose.
    ///
    /// # Errors
    /// [`Error::Remote`] when `ssh` does not let go of it.
    pub fn cut(&mut self) -> Result<()> {
        lock(&self.shared).storage.connection().cut()
    }

    /// Ends the agent and returns what it said.
    #[must_use]
    pub fn finish(mut self) -> Vec<Line> {
        // What the agent ends with is in its words.
        let _ = self.reset();
        let words = std::fs::read_to_string(&self.log).unwrap_or_default();
        let line = |text: &str| Line {
            time: String::new(),
            level: String::new(),
            message: text.to_owned(),
            place: String::new(),
        };
        words.lines().map(line).collect()
    }
}

impl Flasher for Station {
    /// Writes into the model file at an offset; the agent reads it when it starts.
    fn write(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
        lock(&self.shared).storage.patch(MODEL, address, bytes)?;
        progress(bytes.len());
        Ok(())
    }

    fn verify(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let found = lock(&self.shared)
            .storage
            .get(MODEL, address, bytes.len())?;
        progress(bytes.len());
        if found == bytes {
            return Ok(());
        }
        Err(Error::Flash {
            address,
            len: bytes.len(),
            cause: "verify: the file has other bytes".to_owned(),
        })
    }

    fn read_back(&mut self, address: u32, len: usize) -> Result<Vec<u8>> {
        lock(&self.shared).storage.get(MODEL, address, len)
    }

    /// Of a file that is longer than the piece, one byte more, so that it is another one.
    fn digest(&mut self, piece: &Piece) -> Result<[u8; 32]> {
        let shared = lock(&self.shared);
        let bytes = shared.storage.get(file(piece), 0, piece.len + 1)?;
        Ok(Sha256::digest(bytes).into())
    }

    fn patch(&mut self, piece: &Piece, offset: u32, bytes: &[u8]) -> Result<()> {
        lock(&self.shared).storage.patch(file(piece), offset, bytes)
    }

    fn reset(&mut self) -> Result<()> {
        let mut shared = lock(&self.shared);
        match shared.process.take() {
            Some(process) => shared.storage.connection().finish(process, END).map(drop),
            None => Ok(()),
        }
    }

    fn resume(&mut self) -> Result<()> {
        let mut shared = lock(&self.shared);
        let log = OpenOptions::new().append(true).open(&shared.log);
        let log = log.map_err(Error::write(&shared.log))?;
        let connection = shared.storage.connection();
        shared.process = Some(connection.start(&shared.command_line, log)?);
        Ok(())
    }
}

impl Transport for SshLine {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let mut shared = lock(&self.0);
        let shared = &mut *shared;
        let Some(process) = &mut shared.process else {
            return Err(shared.silent());
        };
        let sent = shared.storage.connection().send(process, bytes, deadline);
        match sent {
            Err(Error::Line { .. }) => Err(shared.ended()),
            other => other,
        }
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let mut shared = lock(&self.0);
        let shared = &mut *shared;
        let Some(process) = &mut shared.process else {
            return Err(shared.silent());
        };
        let received = shared.storage.connection().receive(process, buffer, wait);
        received.ok_or_else(|| shared.ended())
    }
}

impl Shared {
    /// Returns why the agent is gone: it ended, or the connection was cut.
    fn ended(&mut self) -> Error {
        let Some(process) = self.process.take() else {
            return self.silent();
        };
        let how = match self.storage.connection().finish(process, END) {
            Ok(Some(status)) => match (status.code(), status.signal()) {
                (Some(code), _) if self.is_about_gpu(code) => return self.gpu(code),
                (Some(code), _) => format!("it ended with code {code}"),
                (None, signal) => format!("signal {} ended ssh", signal.unwrap_or(0)),
            },
            Ok(None) => "it was killed, or ended with code 255".to_owned(),
            Err(error) => return error,
        };
        self.agent(format!("{how}{}", last_words(&self.log)))
    }

    /// Reports whether the agent ended by itself because of the GPU; see docs/exit-codes.md.
    fn is_about_gpu(&self, code: i32) -> bool {
        let codes = [EXIT_BUG, EXIT_INPUT, EXIT_MISSING];
        self.backend != Wanted::Cpu && codes.map(i32::from).contains(&code)
    }

    fn gpu(&self, code: i32) -> Error {
        let words = std::fs::read_to_string(&self.log).unwrap_or_default();
        let cause = words
            .lines()
            .rev()
            .find_map(|it| it.strip_prefix("error: "));
        Error::Gpu {
            host: self.storage.connection().host().to_owned(),
            cause: cause.unwrap_or("the agent does not say why").to_owned(),
            code: u8::try_from(code).unwrap_or(EXIT_BUG),
        }
    }

    fn silent(&self) -> Error {
        self.agent("it does not run".to_owned())
    }

    fn agent(&self, cause: String) -> Error {
        Error::Agent {
            host: self.storage.connection().host().to_owned(),
            cause,
        }
    }
}

/// Returns the file that is a piece.
fn file(piece: &Piece) -> &'static str {
    match piece.store {
        Store::Program => AGENT,
        Store::Model => MODEL,
    }
}

/// Line and memory are used in turn by one thread; an error in one does not spoil the other.
fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the end of what the agent said, ready to be appended to a sentence.
fn last_words(log: &Path) -> String {
    let words = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = words.lines().collect();
    let last = lines.get(lines.len().saturating_sub(WORDS_MAX)..);
    match last.unwrap_or_default() {
        [] => String::new(),
        last => format!("; it said: {}", last.join(" | ")),
    }
}
