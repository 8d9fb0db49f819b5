//! One user of a board at a time, over all processes of a computer.
//!
//! The lease is a lock on a file that the kernel gives back when its holder ends, however it ends.
//! Who holds it and why is written into the file for people; nobody decides by that.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::state::{State, file_name};

/// Folder of the leases in the state.
const FOLDER: &str = "leases";

/// How often a lease that another one holds is asked for again.
const POLL: Duration = Duration::from_millis(50);

/// The shortest patience: [`Lease::holder`] locks for a moment too.
const PATIENCE_MIN: Duration = Duration::from_millis(200);

/// The right to use a board; dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    file: File,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process.
    pub pid: u32,
    /// Name of the user, as the environment has it.
    pub user: String,
    /// Why.
    pub reason: String,
    /// Since when, RFC 3339.
    pub since: String,
}

impl Lease {
    /// Takes the lease of `rig`, and waits for it until `patience` is over.
    ///
    /// # Errors
    /// [`Error::Busy`] when another one holds it that long, [`Error::Interrupted`],
    /// [`Error::Write`] when the lock cannot be made.
    pub fn take(
        state: &State,
        rig: &str,
        reason: &str,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let path = path(state, rig)?;
        let file = open(&path)?;
        let (start, patience) = (Instant::now(), patience.max(PATIENCE_MIN));
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                    let holder = read(&file).map_or("someone".to_owned(), |it| it.to_string());
                    let rig = rig.to_owned();
                    return Err(Error::Busy { rig, holder });
                }
                Err(TryLockError::WouldBlock) => {
                    interrupt.check()?;
                    std::thread::sleep(POLL);
                }
                Err(TryLockError::Error(error)) => return Err(Error::write(&path)(error)),
            }
        }
        let lease = Self { file };
        lease
            .note(&Holder::me(reason))
            .map_err(Error::write(&path))?;
        Ok(lease)
    }

    /// Returns who holds the lease of `rig`; nothing where nobody does.
    ///
    /// # Errors
    /// [`Error::Read`] and [`Error::Write`] when the lock cannot be looked at.
    pub fn holder(state: &State, rig: &str) -> Result<Option<Holder>> {
        let path = state.root().join(FOLDER).join(file_name(rig));
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::read(&path)(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(read(&file).unwrap_or_else(Holder::unknown))),
            Err(TryLockError::Error(error)) => Err(Error::write(&path)(error)),
        }
    }

    fn note(&self, holder: &Holder) -> std::io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        let text = serde_json::to_string(holder).map_err(std::io::Error::other)?;
        writeln!(file, "{text}")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // The file stays: to remove it would let two holders have two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

impl Holder {
    fn me(reason: &str) -> Self {
        let user = ["USER", "LOGNAME"].into_iter().find_map(std::env::var_os);
        Self {
            pid: std::process::id(),
            user: user.map_or("?".to_owned(), |it| it.to_string_lossy().into_owned()),
            reason: reason.to_owned(),
            since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// One that has not yet written who it is.
    fn unknown() -> Self {
        Self {
            pid: 0,
            user: "?".to_owned(),
            reason: String::new(),
            since: String::new(),
        }
    }
}

impl core::fmt::Display for Holder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self {
            pid,
            user,
            reason,
            since,
        } = self;
        write!(f, "{user} (process {pid}, since {since}: {reason})")
    }
}

fn path(state: &State, rig: &str) -> Result<PathBuf> {
    Ok(state.folder(FOLDER)?.join(file_name(rig)))
}

fn open(path: &std::path::Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(Error::write(path))
}

fn read(mut file: &File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(state: &State, rig: &str, patience_ms: u64) -> Result<Lease> {
        let patience = Duration::from_millis(patience_ms);
        Lease::take(state, rig, "a test", patience, &Interrupt::default())
    }

    #[test]
    fn a_lease_has_one_holder_and_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        assert_eq!(Lease::holder(&state, "m7").unwrap(), None);
        let lease = take(&state, "m7", 0).unwrap();
        let error = take(&state, "m7", 150).unwrap_err().to_string();
        assert!(error.contains("m7") && error.contains("a test"), "{error}");
        take(&state, "m4", 0).unwrap();
        let holder = Lease::holder(&state, "m7").unwrap().unwrap();
        assert_eq!(holder.pid, std::process::id());
        drop(lease);
        assert_eq!(Lease::holder(&state, "m7").unwrap(), None);
        take(&state, "m7", 0).unwrap();
    }

    #[test]
    fn who_waits_gets_it_when_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        let lease = take(&state, "m7", 0).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&state, "m7", 10_000).map(drop));
            std::thread::sleep(Duration::from_millis(150));
            drop(lease);
            waiting.join().unwrap().unwrap();
        });
    }

    #[test]
    fn a_lease_of_a_process_that_was_killed_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::at(folder.path().to_owned());
        let path = path(&state, "m7").unwrap();
        drop(open(&path).unwrap());
        // `flock` of util-linux holds the same kind of lock.
        let mut child = std::process::Command::new("flock")
            .arg("--no-fork")
            .arg(&path)
            .args(["sleep", "60"])
            .spawn()
            .unwrap();
        let start = Instant::now();
        while Lease::holder(&state, "m7").unwrap().is_none() {
            assert!(start.elapsed() < Duration::from_secs(10));
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(matches!(take(&state, "m7", 0), Err(Error::Busy { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        take(&state, "m7", 0).unwrap();
    }
}
