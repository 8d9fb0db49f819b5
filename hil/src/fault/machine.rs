//! What can be done to a machine from outside.

use crate::bench::Bench;
use crate::error::{Error, Result};
use crate::flasher::Flasher;

/// A machine that faults are let into. What it cannot do is an error.
///
/// Each method fails with [`Error::Machine`] where the machine cannot do it, else with what
/// went wrong.
pub trait Machine {
    /// Stops the core for ever.
    ///
    /// # Errors
    /// As said at the trait.
    fn pause(&mut self) -> Result<()> {
        cannot("be stopped")
    }

    /// Resets the machine and lets it run.
    ///
    /// # Errors
    /// As said at the trait.
    fn restart(&mut self) -> Result<()> {
        cannot("be reset")
    }

    /// Resets the machine and keeps it from running.
    ///
    /// # Errors
    /// As said at the trait.
    fn hold_in_reset(&mut self) -> Result<()> {
        cannot("be held in reset")
    }

    /// Ends the machine at once, as the loss of power or of the connection does.
    ///
    /// # Errors
    /// As said at the trait.
    fn kill(&mut self) -> Result<()> {
        cannot("be ended")
    }

    /// Ends the board's program by a signal, where it is one.
    ///
    /// # Errors
    /// As said at the trait.
    fn crash(&mut self) -> Result<()> {
        cannot("be sent a signal")
    }

    /// Writes memory while the machine runs.
    ///
    /// # Errors
    /// As said at the trait.
    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        let _ = (address, bytes);
        cannot("be written to")
    }

    /// Leaves the log unread from now on.
    ///
    /// # Errors
    /// As said at the trait.
    fn ignore_log(&mut self) -> Result<()> {
        cannot("have its log left unread")
    }
}

fn cannot(what: &'static str) -> Result<()> {
    Err(Error::Machine { what })
}

impl Machine for Bench {
    fn pause(&mut self) -> Result<()> {
        match self.qemu() {
            Some((qemu, _)) => qemu.pause(),
            None => cannot("be stopped"),
        }
    }

    fn restart(&mut self) -> Result<()> {
        Self::restart(self)
    }

    fn hold_in_reset(&mut self) -> Result<()> {
        match self.qemu() {
            Some((qemu, _)) => qemu.reset(),
            None => cannot("be held in reset"),
        }
    }

    fn kill(&mut self) -> Result<()> {
        if let Some((qemu, _)) = self.qemu() {
            qemu.kill();
            return Ok(());
        }
        match self.station() {
            Some(station) => station.cut(),
            None => cannot("be ended"),
        }
    }

    fn crash(&mut self) -> Result<()> {
        match self.station() {
            Some(station) => station.crash(),
            None => cannot("be sent a signal"),
        }
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Result<()> {
        match self.qemu() {
            Some((qemu, _)) => {
                qemu.write(address, bytes, &mut |_| ())?;
                qemu.verify(address, bytes, &mut |_| ())?;
                qemu.resume()
            }
            None => cannot("be written to while it runs"),
        }
    }

    fn ignore_log(&mut self) -> Result<()> {
        match self.qemu() {
            Some((_, log)) => {
                log.ignore();
                Ok(())
            }
            None => cannot("have its log left unread"),
        }
    }
}
