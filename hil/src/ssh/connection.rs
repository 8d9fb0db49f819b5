//! A connection through the system's `ssh`, with the user's configuration.
//!
//! The crate `openssh` starts `ssh` as a master in the background and runs each command through
//! it, so that names, keys, jump hosts and known hosts are those of the user's own `ssh`. Its
//! runtime is confined to this file: outside, every call blocks, ends in time and heeds Ctrl-C.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use openssh::{
    ChildStdin, ChildStdout, ControlPersist, KnownHosts, Session, SessionBuilder, Stdio,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use super::SOCKET_FOLDER_MAX;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::scratch::Scratch;

/// Longest time for the connection to stand.
const CONNECT: Duration = Duration::from_secs(30);

/// The far side is asked for a sign of life so often; three misses end the connection.
const ALIVE: Duration = Duration::from_secs(10);

/// Longest time for a command that only looks.
const COMMAND: Duration = Duration::from_secs(60);

/// Longest wait between two looks at Ctrl-C.
const SLICE: Duration = Duration::from_millis(100);

/// Bytes given to a command at once.
const PIECE: usize = 32 << 10;

/// The background master ends by itself after so many seconds without a command, as it has to
/// when the harness is killed.
const IDLE_S: NonZeroUsize = NonZeroUsize::new(20).unwrap();

/// Whom to connect to.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Name as `ssh` takes it.
    pub host: String,
    /// Configuration of `ssh`; the user's where there is none.
    pub config: Option<PathBuf>,
}

/// A connection that stands; dropping it ends its master.
pub(super) struct Connection {
    session: Arc<Session>,
    runtime: Runtime,
    host: String,
    interrupt: Interrupt,
    /// Socket and log of the master.
    _folder: Scratch,
}

/// How a command ended.
pub(super) struct Answer {
    /// Its exit code; nothing where a signal ended it.
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(super) output: Vec<u8>,
    /// What it said about it.
    pub(super) words: String,
}

/// A program that runs on the far side; dropping it cuts it off.
pub(super) struct Process {
    child: openssh::Child<Arc<Session>>,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::HostKey`] when the key is not the known one, [`Error::Connect`] with the words of
    /// `ssh` when there is no connection, [`Error::Interrupted`].
    pub(super) fn open(destination: &Destination, interrupt: &Interrupt) -> Result<Self> {
        let host = destination.host.clone();
        let fail = |cause: String| Error::Connect {
            host: host.clone(),
            cause,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| fail(e.to_string()))?;
        let folder = Scratch::new(SOCKET_FOLDER_MAX).map_err(|e| fail(e.to_string()))?;
        let mut builder = SessionBuilder::default();
        builder
            .known_hosts_check(KnownHosts::Strict)
            .connect_timeout(CONNECT)
            .server_alive_interval(ALIVE)
            .control_persist(ControlPersist::IdleFor(IDLE_S))
            .control_directory(folder.path());
        if let Some(config) = &destination.config {
            builder.config_file(config);
        }
        // `ssh` gives up first, with its own words. One that is left alone by Ctrl-C gives up too.
        let session = within(&runtime, interrupt, 2 * CONNECT, "the connection", async {
            builder.connect(&host).await
        })?;
        let session = session.map_err(|error| explain(&host, &error))?;
        Ok(Self {
            session: Arc::new(session),
            runtime,
            host,
            interrupt: interrupt.clone(),
            _folder: folder,
        })
    }

    /// Returns the name of the far side.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Runs a script of the POSIX shell with arguments, `input` on its standard input;
    /// `progress` gets the count of each piece of it.
    ///
    /// # Errors
    /// [`Error::Disconnected`] when the connection was cut, [`Error::Timeout`],
    /// [`Error::Interrupted`].
    pub(super) fn run(
        &self,
        script: &str,
        arguments: &[&str],
        input: &[u8],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Answer> {
        // At a rate below which a network is no network.
        let limit = COMMAND + Duration::from_millis(input.len() as u64 / 10);
        let outcome = within(
            &self.runtime,
            &self.interrupt,
            limit,
            "a command by SSH",
            async {
                let mut command = Session::to_command(Arc::clone(&self.session), "sh");
                command.arg("-c").arg(script).arg("sh").args(arguments);
                command
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                let mut child = command.spawn().await?;
                let (to, from, errors) = (
                    child.stdin().take(),
                    child.stdout().take(),
                    child.stderr().take(),
                );
                let (mut output, mut words) = (Vec::new(), Vec::new());
                tokio::join!(
                    async {
                        let Some(mut to) = to else { return };
                        for piece in input.chunks(PIECE) {
                            // A command that ended early says why by its code.
                            if to.write_all(piece).await.is_err() {
                                return;
                            }
                            progress(piece.len());
                        }
                    },
                    async {
                        if let Some(mut from) = from {
                            let _ = from.read_to_end(&mut output).await;
                        }
                    },
                    async {
                        if let Some(mut errors) = errors {
                            let _ = errors.read_to_end(&mut words).await;
                        }
                    },
                );
                Ok((child.wait().await, output, words))
            },
        )?;
        let (status, output, words) = outcome.map_err(|error| self.lost(&error))?;
        let words = String::from_utf8_lossy(&words).trim().to_owned();
        let code = match status {
            Ok(status) => status.code(),
            Err(openssh::Error::RemoteProcessTerminated) => {
                self.check()?;
                None
            }
            Err(error) => return Err(self.lost(&error)),
        };
        Ok(Answer {
            code,
            output,
            words,
        })
    }

    /// Starts a program; what it says goes to the file `words`.
    ///
    /// # Errors
    /// [`Error::Disconnected`] when the connection was cut, [`Error::Interrupted`].
    pub(super) fn start(&self, command_line: &[String], words: File) -> Result<Process> {
        let (program, arguments) = command_line.split_first().ok_or_else(|| Error::Agent {
            host: self.host.clone(),
            cause: "nothing to start".to_owned(),
        })?;
        let outcome = within(
            &self.runtime,
            &self.interrupt,
            COMMAND,
            "the agent",
            async {
                let mut command = Session::to_command(Arc::clone(&self.session), program.as_str());
                command
                    .args(arguments)
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::from(OwnedFd::from(words)));
                let mut child = command.spawn().await?;
                let pipes = (child.stdin().take(), child.stdout().take());
                Ok((child, pipes))
            },
        )?;
        match outcome.map_err(|error| self.lost(&error))? {
            (child, (input, Some(output))) => Ok(Process {
                child,
                input,
                output,
            }),
            _ => Err(Error::Agent {
                host: self.host.clone(),
                cause: "it has no output".to_owned(),
            }),
        }
    }

    /// Sends bytes to a program.
    ///
    /// # Errors
    /// [`Error::Timeout`] when it does not read, [`Error::Line`] when it is gone,
    /// [`Error::Interrupted`].
    pub(super) fn send(
        &self,
        process: &mut Process,
        bytes: &[u8],
        deadline: Duration,
    ) -> Result<()> {
        let Some(input) = &mut process.input else {
            return Err(Error::line("the agent is being ended"));
        };
        let what = "the agent to read";
        let sent = within(&self.runtime, &self.interrupt, deadline, what, async {
            input.write_all(bytes).await?;
            input.flush().await
        })?;
        sent.map_err(Error::line)
    }

    /// Waits for bytes of a program; `None` when it has closed its output, 0 when none came.
    pub(super) fn receive(
        &self,
        process: &mut Process,
        buffer: &mut [u8],
        wait: Duration,
    ) -> Option<usize> {
        // The runtime must turn once, or bytes that have come are never seen.
        let wait = wait.max(Duration::from_millis(1));
        let read = self
            .runtime
            .block_on(async { tokio::time::timeout(wait, process.output.read(buffer)).await });
        match read {
            Err(_) => Some(0),
            Ok(Ok(0) | Err(_)) => None,
            Ok(Ok(count)) => Some(count),
        }
    }

    /// Closes the input of a program and waits for its end; cuts it off when it does not.
    ///
    /// # Errors
    /// [`Error::Disconnected`] when the connection was cut, [`Error::Timeout`],
    /// [`Error::Interrupted`].
    pub(super) fn finish(&self, process: Process, wait: Duration) -> Result<Option<ExitStatus>> {
        let Process {
            child,
            input,
            mut output,
        } = process;
        drop(input);
        let what = "the agent to end";
        let status = within(&self.runtime, &self.interrupt, wait, what, async {
            // A program that still writes would otherwise wait for a reader.
            let mut rest = [0; 4096];
            while output.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            child.wait().await
        })?;
        match status {
            Ok(status) => Ok(Some(status)),
            Err(openssh::Error::RemoteProcessTerminated) => self.check().map(|()| None),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Looks whether the connection stands: a program that a signal ended and one whose
    /// connection was cut end alike here.
    fn check(&self) -> Result<()> {
        let checked = within(
            &self.runtime,
            &self.interrupt,
            COMMAND,
            "a look at SSH",
            async { self.session.check().await },
        )?;
        checked.map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &openssh::Error) -> Error {
        Error::Disconnected {
            host: self.host.clone(),
            cause: cause_of(error).map_or_else(String::new, |cause| format!(" ({cause})")),
        }
    }
}

/// Runs a future until it is done, the time is over or the user stops.
fn within<T>(
    runtime: &Runtime,
    interrupt: &Interrupt,
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = T>,
) -> Result<T> {
    let stopped = async {
        while !interrupt.is_set() {
            tokio::time::sleep(SLICE).await;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = stopped => Err(Error::Interrupted),
            () = tokio::time::sleep(limit) => Err(Error::Timeout { what, after: limit }),
        }
    })
}

/// Makes the error of a connection that did not come about.
fn explain(host: &str, error: &openssh::Error) -> Error {
    let cause = cause_of(error).unwrap_or_else(|| error.to_string());
    let host = host.to_owned();
    if cause.contains("Host key verification failed") {
        // The banner before it says the same in capitals.
        let known = cause.contains("REMOTE HOST IDENTIFICATION HAS CHANGED");
        let cause = if known {
            "it has changed"
        } else {
            "none is known"
        }
        .to_owned();
        return Error::HostKey { host, cause };
    }
    let last = cause.lines().map(str::trim).rfind(|line| !line.is_empty());
    let cause = last.unwrap_or("no connection").to_owned();
    Error::Connect { host, cause }
}

/// Returns what lies behind an error of the crate: the words of `ssh`.
fn cause_of(error: &openssh::Error) -> Option<String> {
    core::error::Error::source(error).map(ToString::to_string)
}
