//! The user's wish to stop.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::EXIT_INTERRUPTED;
use crate::{Error, Result};

/// A flag that a run looks at between steps.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Makes a flag that Ctrl-C and the signals to end set; a second one ends the process at once.
    ///
    /// # Errors
    /// [`Error::Signals`] where the process has such a handler already.
    pub fn on_signals() -> Result<Self> {
        let stop = Self::default();
        let flag = stop.clone();
        let handler = move || {
            if flag.0.swap(true, Ordering::SeqCst) {
                exit(EXIT_INTERRUPTED.into());
            }
        };
        ctrlc::set_handler(handler).map_err(|cause| Error::Signals {
            cause: cause.to_string(),
        })?;
        Ok(stop)
    }

    /// Sets the flag.
    pub fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Tells whether the run shall stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
