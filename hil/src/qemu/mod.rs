//! QEMU as a board: starts empty and paused, is flashed, reset and talked to like hardware.

mod command;
mod gdb;
mod qmp;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::board::{Board, Emulator};
use crate::error::{Error, Result};
use crate::flasher::Flasher;
use crate::interrupt::Interrupt;
use crate::scratch::Scratch;
use gdb::{BLOCK, Gdb};
use qmp::Qmp;

/// How long the emulator may take to open its sockets.
const START: Duration = Duration::from_secs(20);

/// Longest path of a folder with sockets: that of a unix socket (`sun_path` less its final NUL)
/// less the socket's own name.
const SOCKET_FOLDER_MAX: usize = 107 - 4;

/// Returns machine and version of the emulator that plays a board, as `mps2-an386, QEMU emulator version
/// 7.2.0`; nothing for a real board.
#[must_use]
pub fn describe_emulator(board: &Board) -> Option<String> {
    let machine = board.emulated()?;
    let program = match board.memory() {
        Some(_) => command::program(&board.target).name(),
        None => crate::ssh::EMULATOR,
    };
    let output = Command::new(program).arg("--version").output().ok();
    let words = output.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let version = words.as_deref().and_then(|it| it.lines().next());
    Some(format!("{machine}, {}", version.unwrap_or(program)))
}

/// A running emulator; dropping it ends it.
///
/// It is bound to the thread that started it: when that thread ends, so does the emulator.
#[derive(Debug)]
pub struct Qemu {
    board: String,
    child: Child,
    folder: Scratch,
    qmp: Qmp,
    gdb: Option<Gdb>,
    ports: Vec<PathBuf>,
    emulator: Emulator,
    interrupt: Interrupt,
}

impl Qemu {
    /// Starts the emulator of `board`, empty and paused.
    ///
    /// # Errors
    /// [`Error::Missing`] when QEMU is not installed or the board is no virtual one,
    /// [`Error::Emulator`] when it does not start.
    pub fn start(board: &Board, interrupt: &Interrupt) -> Result<Self> {
        let emulator = board.memory().and_then(|memory| memory.emulator.as_ref());
        let emulator = emulator.ok_or_else(|| Error::Emulator {
            board: board.name.clone(),
            cause: "its board file has no [virtual] table".to_owned(),
        })?;
        let fail = |cause: String| Error::Emulator {
            board: board.name.clone(),
            cause,
        };
        let folder =
            Scratch::new(SOCKET_FOLDER_MAX).map_err(|e| fail(format!("make a folder: {e}")))?;
        let child = command::spawn(board, emulator, folder.path())?;
        // From here on the child is owned by a guard, so that no error path leaves it behind.
        let mut child = Guard(Some(child));
        let mut qmp = connect(&mut child, folder.path(), interrupt, &fail)?;
        let ports = ports(&mut qmp).map_err(fail)?;
        let child = child
            .0
            .take()
            .ok_or_else(|| fail("it is gone".to_owned()))?;
        Ok(Self {
            board: board.name.clone(),
            child,
            folder,
            qmp,
            gdb: None,
            ports,
            emulator: emulator.clone(),
            interrupt: interrupt.clone(),
        })
    }

    /// Returns the path of the port that carries the frames.
    ///
    /// # Errors
    /// [`Error::Emulator`] when the machine has no such port.
    pub fn wire_port(&self) -> Result<&Path> {
        self.port(self.emulator.wire_uart)
    }

    /// Returns the path of the port that carries the defmt log.
    ///
    /// # Errors
    /// [`Error::Emulator`] when the machine has no such port.
    pub fn log_port(&self) -> Result<&Path> {
        self.port(self.emulator.log_uart)
    }

    /// Returns the process id.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// Stops the core until [`Flasher::resume`].
    ///
    /// # Errors
    /// [`Error::Emulator`] when the emulator does not take the order.
    pub fn pause(&mut self) -> Result<()> {
        let stopped = self.qmp.command("stop", json!({}));
        stopped.map(drop).map_err(|cause| self.failed(cause))
    }

    /// Ends the emulator at once.
    pub fn kill(&mut self) {
        end(&mut self.child);
    }

    fn port(&self, index: u8) -> Result<&Path> {
        self.ports
            .get(usize::from(index))
            .map(PathBuf::as_path)
            .ok_or_else(|| Error::Emulator {
                board: self.board.clone(),
                cause: format!("the machine has no serial port {index}"),
            })
    }

    /// Makes the error of a failed operation, with the emulator's own last words.
    fn failed(&mut self, cause: String) -> Error {
        let ended = match self.child.try_wait() {
            Ok(Some(status)) => format!("; {}", describe(status)),
            _ => String::new(),
        };
        let words = last_words(self.folder.path());
        Error::Emulator {
            board: self.board.clone(),
            cause: format!("{cause}{ended}{words}"),
        }
    }

    /// Returns the stub connection; the machine stands still from then on.
    fn stub(&mut self) -> core::result::Result<&mut Gdb, String> {
        if self.gdb.is_none() {
            self.qmp.command("stop", json!({}))?;
            self.gdb = Some(Gdb::connect(&gdb_socket(self.folder.path()))?);
        }
        self.gdb.as_mut().ok_or_else(|| "no gdb stub".to_owned())
    }
}

impl Flasher for Qemu {
    fn write(&mut self, address: u32, bytes: &[u8], progress: &mut dyn FnMut(usize)) -> Result<()> {
        let fail = |cause| Error::Flash {
            address,
            len: bytes.len(),
            cause,
        };
        let mut at = address;
        for block in bytes.chunks(BLOCK) {
            self.interrupt.check()?;
            self.stub()
                .and_then(|gdb| gdb.write(at, block))
                .map_err(fail)?;
            progress(block.len());
            at = at.wrapping_add(block.len() as u32);
        }
        Ok(())
    }

    fn verify(
        &mut self,
        address: u32,
        bytes: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<()> {
        let fail = |cause| Error::Flash {
            address,
            len: bytes.len(),
            cause,
        };
        let mut at = address;
        for block in bytes.chunks(BLOCK) {
            let found = self.read_back(at, block.len())?;
            if let Some(i) = found.iter().zip(block).position(|(a, b)| a != b) {
                let place = at.wrapping_add(i as u32);
                return Err(fail(format!("verify: wrong byte at {place:#010x}")));
            }
            progress(block.len());
            at = at.wrapping_add(block.len() as u32);
        }
        Ok(())
    }

    fn read_back(&mut self, address: u32, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            self.interrupt.check()?;
            let at = address.wrapping_add(bytes.len() as u32);
            let block = (len - bytes.len()).min(BLOCK);
            let read = self.stub().and_then(|gdb| gdb.read(at, block));
            bytes.extend(read.map_err(|cause| Error::Flash {
                address: at,
                len: block,
                cause,
            })?);
        }
        Ok(bytes)
    }

    fn reset(&mut self) -> Result<()> {
        // Resuming before the reset would run from an empty vector table and lock the core up.
        let reset = self.stub().map(drop).and_then(|()| self.qmp.reset());
        reset.map_err(|cause| self.failed(cause))
    }

    fn resume(&mut self) -> Result<()> {
        let resumed = match self.gdb.take() {
            Some(gdb) => gdb.detach(),
            None => Ok(()),
        };
        resumed
            .and_then(|()| self.qmp.command("cont", json!({})).map(drop))
            .map_err(|cause| self.failed(cause))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A child that ends with its owner.
struct Guard(Option<Child>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            end(child);
        }
    }
}

/// Ends a process. It holds nothing that needs a soft end; errors mean it is gone already.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn connect(
    child: &mut Guard,
    folder: &Path,
    interrupt: &Interrupt,
    fail: &impl Fn(String) -> Error,
) -> Result<Qmp> {
    let start = Instant::now();
    loop {
        interrupt.check()?;
        let child = child
            .0
            .as_mut()
            .ok_or_else(|| fail("it is gone".to_owned()))?;
        if let Ok(Some(status)) = child.try_wait() {
            return Err(fail(format!("{}{}", describe(status), last_words(folder))));
        }
        match Qmp::connect(&qmp_socket(folder)) {
            Ok(qmp) => return Ok(qmp),
            Err(cause) if start.elapsed() > START => return Err(fail(cause)),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Returns the paths of the serial ports, by number; unused ones are empty.
fn ports(qmp: &mut Qmp) -> core::result::Result<Vec<PathBuf>, String> {
    let devices = qmp.command("query-chardev", json!({}))?;
    let devices = devices.as_array().ok_or("query-chardev: no list")?;
    let file = |label: String| {
        devices
            .iter()
            .find(|device| device.get("label").and_then(Value::as_str) == Some(&label))
            .and_then(|device| device.get("filename").and_then(Value::as_str))
            .map(|name| PathBuf::from(name.strip_prefix("pty:").unwrap_or_default()))
    };
    Ok((0..4)
        .map_while(|port| file(format!("serial{port}")))
        .collect())
}

fn qmp_socket(folder: &Path) -> PathBuf {
    folder.join("qmp")
}

fn gdb_socket(folder: &Path) -> PathBuf {
    folder.join("gdb")
}

fn words_file(folder: &Path) -> PathBuf {
    folder.join("stderr")
}

/// Returns what the emulator said on its error output, ready to be appended to a sentence.
fn last_words(folder: &Path) -> String {
    let words = std::fs::read_to_string(words_file(folder)).unwrap_or_default();
    // QEMU prints all registers when a core locks up; the first lines say why.
    let head: Vec<&str> = words.trim().lines().take(8).collect();
    if head.is_empty() {
        String::new()
    } else {
        format!("; it said: {}", head.join(" | "))
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(6), _) | (_, Some(134)) => {
            "it aborted: the board locked up (fault inside a fault handler)".to_owned()
        }
        (Some(signal), _) => format!("it was ended by signal {signal}"),
        (None, code) => format!("it ended with code {}", code.unwrap_or(-1)),
    }
}
