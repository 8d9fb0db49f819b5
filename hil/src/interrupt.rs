//! The wish to stop: the user's, by Ctrl-C, or that of a deadline. It is looked at wherever a run
//! waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// A flag that all parts of a run share, and the time that a part of it has.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    flag: Arc<AtomicBool>,
    limit: Option<Limit>,
}

/// The time that something may take.
#[derive(Debug, Clone, Copy)]
struct Limit {
    start: Instant,
    length: Duration,
}

impl Interrupt {
    /// Makes a flag that Ctrl-C, SIGTERM and SIGHUP set. The second signal ends the process at
    /// once; emulators then end through their parent-death signal.
    ///
    /// # Errors
    /// [`Error::Line`] when the process has such a handler already.
    pub fn on_signals() -> Result<Self> {
        let interrupt = Self::default();
        let flag = Arc::clone(&interrupt.flag);
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(i32::from(crate::error::EXIT_INTERRUPTED));
            }
        })
        .map_err(Error::line)?;
        Ok(interrupt)
    }

    /// Returns the same flag with a deadline `length` from now. It ends what hangs although every
    /// single wait of it is short enough.
    #[must_use]
    pub fn within(&self, length: Duration) -> Self {
        let start = Instant::now();
        Self {
            flag: Arc::clone(&self.flag),
            limit: Some(Limit { start, length }),
        }
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.flag.store(true, Ordering::SeqCst);
    }

    /// Reports whether the user wants to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// Ends the caller when the run shall stop.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when the flag is set, [`Error::Timeout`] past the deadline.
    pub fn check(&self) -> Result<()> {
        if self.is_set() {
            return Err(Error::Interrupted);
        }
        match self.limit {
            Some(limit) if limit.start.elapsed() > limit.length => Err(Error::Timeout {
                what: "the end of the attempt",
                after: limit.length,
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_belongs_to_one_part_and_the_flag_to_all() {
        let whole = Interrupt::default();
        let part = whole.within(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(matches!(part.check(), Err(Error::Timeout { .. })));
        whole.check().unwrap();
        part.set();
        assert!(matches!(whole.check(), Err(Error::Interrupted)));
    }
}
