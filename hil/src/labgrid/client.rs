//! One question to the coordinator: one run of `labgrid-client`.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mambalite_hil_toolchain::find_program;

use super::LabgridError;
use super::holder::Holder;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;

const PROGRAM: &str = "labgrid-client";

/// How long one question may take that the coordinator answers at once.
const PATIENCE: Duration = Duration::from_secs(30);
/// The least that a question needs which may take long: the client starts slowly.
pub(super) const PATIENCE_MIN: Duration = Duration::from_secs(10);
/// How often the process is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Most bytes of an answer.
const ANSWER_MAX: u64 = 4 << 20;

/// Variables that would put other words into the client's mouth.
const FOREIGN: [&str; 8] = [
    "LG_PLACE",
    "PLACE",
    "LG_STATE",
    "STATE",
    "LG_INITIAL_STATE",
    "LG_ENV",
    "LG_COORDINATOR",
    "LG_TOKEN",
];

/// A coordinator, and the program that speaks to it.
#[derive(Debug, Clone)]
pub struct Coordinator {
    address: String,
    client: PathBuf,
}

/// A process that does not outlive what waits for it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Coordinator {
    /// Takes the coordinator at `address`, `host:port`, and the `labgrid-client` of the path.
    ///
    /// # Errors
    /// [`Error::Missing`] when there is no client.
    pub fn find(address: &str) -> Result<Self> {
        let client = find_program(PROGRAM).ok_or_else(|| Error::Missing {
            purpose: format!("speak to labgrid at {address}"),
            missing: PROGRAM.to_owned(),
            command: "python3 -m pip install labgrid".to_owned(),
        })?;
        Ok(Self::with_client(address, &client))
    }

    /// Takes the client at a path.
    #[must_use]
    pub fn with_client(address: &str, client: &Path) -> Self {
        Self {
            address: address.to_owned(),
            client: client.to_owned(),
        }
    }

    /// Returns `host:port`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks; returns what the client prints.
    pub(super) fn ask(
        &self,
        place: Option<&str>,
        words: &[&str],
        holder: &Holder,
        interrupt: &Interrupt,
    ) -> Result<String> {
        self.ask_within(PATIENCE, place, words, holder, interrupt)
    }

    /// As [`Coordinator::ask`], of what may take up to `patience`.
    pub(super) fn ask_within(
        &self,
        patience: Duration,
        place: Option<&str>,
        words: &[&str],
        holder: &Holder,
        interrupt: &Interrupt,
    ) -> Result<String> {
        interrupt.check()?;
        let what = format!(
            "{PROGRAM} -x {}{} {}",
            self.address,
            place.map_or(String::new(), |place| format!(" -p {place}")),
            words.join(" ")
        );
        let fail = |cause: std::io::Error| LabgridError::Client {
            what: what.clone(),
            cause: cause.to_string(),
        };
        // Files, not pipes: nobody has to empty them while the process is waited for.
        let mut out = tempfile::tempfile().map_err(fail)?;
        let mut words_of_client = tempfile::tempfile().map_err(fail)?;
        let mut command = Command::new(&self.client);
        command.arg("-x").arg(&self.address);
        if let Some(place) = place {
            command.args(["-p", place]);
        }
        for name in FOREIGN {
            command.env_remove(name);
        }
        command
            .args(words)
            .env("LG_HOSTNAME", holder.host())
            .env("LG_USERNAME", holder.user())
            .stdin(Stdio::null())
            .stdout(out.try_clone().map_err(fail)?)
            .stderr(words_of_client.try_clone().map_err(fail)?)
            // The terminal's Ctrl-C is for this program; it ends the client where that is right.
            .process_group(0);
        let mut running = Running(command.spawn().map_err(fail)?);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = running.0.try_wait().map_err(fail)? {
                break status;
            }
            if start.elapsed() > patience {
                let after = patience;
                return Err(LabgridError::Silent { what, after }.into());
            }
            wait(POLL, interrupt)?;
        };
        if status.success() {
            return Ok(text(&mut out).map_err(fail)?);
        }
        let words = text(&mut words_of_client).map_err(fail)?;
        let cause = match words.trim() {
            "" => format!("it ended with {status}"),
            words => words.to_owned(),
        };
        Err(LabgridError::Client { what, cause }.into())
    }
}

/// Waits, and looks for Ctrl-C.
pub(super) fn wait(time: Duration, interrupt: &Interrupt) -> Result<()> {
    let end = Instant::now() + time;
    loop {
        interrupt.check()?;
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(POLL));
    }
}

fn text(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.take(ANSWER_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
