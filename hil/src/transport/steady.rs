//! A serial port that is opened again when it vanishes: a board that resets takes its own USB with
//! it, and comes back under another name.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serialport::SerialPort;

use super::ports::{PortList, find_port};
use super::serial::Serial;
use super::{BaudPort, Transport};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::inventory::PortId;

/// First pause between two attempts to open the port; each next one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// A serial port by its USB identity, opened again when it vanishes.
///
/// What was under way meanwhile is lost; the link above it sends again.
pub struct SteadySerial {
    id: PortId,
    list: PortList,
    /// How long it may be gone.
    patience: Duration,
    shared: Arc<Shared>,
    line: Option<Serial>,
    gone: Gone,
    interrupt: Interrupt,
}

/// Since when the port is gone, and what was tried.
struct Gone {
    since: Instant,
    next: Instant,
    pause: Duration,
}

/// What the line and the control of its rate share.
#[derive(Debug)]
struct Shared {
    baud: AtomicU32,
    /// A handle of the open port.
    port: Mutex<Option<Box<dyn SerialPort>>>,
}

/// The rate of a [`SteadySerial`]; it stays over a loss of the port.
#[derive(Debug, Clone)]
pub struct SteadySerialRate(Arc<Shared>);

impl SteadySerial {
    /// Opens a port at `baud`; it may take up to `patience` to appear, then and at each loss.
    ///
    /// # Errors
    /// [`Error::Port`] with the last reason when it does not appear in time,
    /// [`Error::Interrupted`].
    pub fn open(
        id: PortId,
        baud: u32,
        list: PortList,
        patience: Duration,
        interrupt: &Interrupt,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            baud: AtomicU32::new(baud),
            port: Mutex::new(None),
        });
        let mut port = Self {
            id,
            list,
            patience,
            shared,
            line: None,
            gone: Gone::now(),
            interrupt: interrupt.clone(),
        };
        while port.line.is_none() {
            port.reopen(PAUSE_MAX)?;
        }
        Ok(port)
    }

    /// Returns the control of the rate.
    #[must_use]
    pub fn rate(&self) -> SteadySerialRate {
        SteadySerialRate(Arc::clone(&self.shared))
    }

    /// Tries to open the port if it is time to, after a wait of at most `wait`.
    fn reopen(&mut self, wait: Duration) -> Result<()> {
        self.interrupt.check()?;
        let left = self.gone.next.saturating_duration_since(Instant::now());
        std::thread::sleep(left.min(wait));
        if left > wait {
            return Ok(());
        }
        match self.try_open() {
            Ok(line) => self.line = Some(line),
            Err(error) if self.gone.since.elapsed() >= self.patience => return Err(error),
            Err(_) => {
                self.gone.next = Instant::now() + self.gone.pause;
                self.gone.pause = (self.gone.pause * 2).min(PAUSE_MAX);
            }
        }
        Ok(())
    }

    fn try_open(&self) -> Result<Serial> {
        let path = find_port(&self.id, &(self.list)()?)?;
        let line = Serial::open_at(&path, self.shared.baud.load(Ordering::SeqCst))?;
        *self.shared.lock() = Some(line.handle()?);
        Ok(line)
    }

    /// Lets go of the port, so that its name is free when it comes back.
    fn close(&mut self) {
        self.line = None;
        *self.shared.lock() = None;
        self.gone = Gone::now();
    }
}

impl Gone {
    fn now() -> Self {
        Self {
            since: Instant::now(),
            next: Instant::now(),
            pause: PAUSE_MIN,
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Box<dyn SerialPort>>> {
        // A handle is whole whatever panicked beside it.
        self.port.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl core::fmt::Debug for SteadySerial {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SteadySerial")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Drop for SteadySerial {
    fn drop(&mut self) {
        // The control of the rate may live on; the port must not.
        self.close();
    }
}

impl Transport for SteadySerial {
    fn send(&mut self, bytes: &[u8], deadline: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let Some(line) = &mut self.line else {
                if start.elapsed() > deadline {
                    return Err(Error::Timeout {
                        what: "the serial port to come back",
                        after: deadline,
                    });
                }
                self.reopen(PAUSE_MAX)?;
                continue;
            };
            match line.send(bytes, deadline.saturating_sub(start.elapsed())) {
                Err(Error::Line { .. }) => self.close(),
                other => return other,
            }
        }
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> Result<usize> {
        let Some(line) = &mut self.line else {
            self.reopen(wait)?;
            return Ok(0);
        };
        match line.receive(buffer, wait) {
            Err(Error::Line { .. }) => {
                self.close();
                Ok(0)
            }
            other => other,
        }
    }
}

impl BaudPort for SteadySerialRate {
    fn set_baud(&mut self, baud: u32) -> Result<()> {
        self.0.baud.store(baud, Ordering::SeqCst);
        match self.0.lock().as_mut() {
            Some(port) => port
                .set_baud_rate(baud)
                .map_err(|cause| Error::line(format!("set {baud} baud: {cause}"))),
            // It is opened at this rate.
            None => Ok(()),
        }
    }
}
