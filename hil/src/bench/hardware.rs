//! A real microcontroller: flashed through its debug probe, spoken to over a serial port, here or at
//! another computer, or over RTT.
//!
//! Unverified: no hardware has run this yet.

use std::path::Path;
use std::time::Duration;

use super::{AnyLine, write};
use crate::board::{Board, Microcontroller};
use crate::error::{Error, Result};
use crate::firmware::Image;
use crate::flasher::Flasher;
use crate::interrupt::Interrupt;
use crate::inventory::{PortId, Rig};
use crate::link::{CANDIDATES, Link, Patience, RateTimes, tune};
use crate::log::{Line, LogReader};
use crate::observer::Watch;
use crate::probe::{Probe, ProbeError};
use crate::transport::{BAUD_DEFAULT, RFC2217, RemoteSerial, SteadySerial, Tcp, list_ports};

/// A serial port at another computer.
struct Remote {
    address: String,
    /// Its rate, which one of plain bytes has been given over there.
    baud: u32,
    /// How long the other computer is waited for.
    wait: Duration,
    interrupt: Interrupt,
}

impl Remote {
    fn open(&self) -> Result<AnyLine> {
        Ok(match self.address.strip_prefix(RFC2217) {
            Some(address) => {
                let port = RemoteSerial::open(address, self.baud, self.wait, &self.interrupt)?;
                Box::new(port)
            }
            None => Box::new(Tcp::open(&self.address, self.wait)?),
        })
    }
}

/// A board behind a debug probe.
pub(super) struct Hardware {
    pub(super) probe: Probe,
    /// Where RTT carries the frames too; a board with a serial port has its log there.
    log: Option<LogReader>,
    /// Where the line is one to another computer.
    remote: Option<Remote>,
}

impl Hardware {
    /// Flashes a board, lets it run and opens the line to it. The rate of a serial port is found by
    /// a link test where the rig does not state it.
    pub(super) fn start(
        (board, memory, rig): (&Board, &Microcontroller, &Rig),
        image: &Image,
        (model, log): (&[u8], &Path),
        (patience, interrupt): (Patience, &Interrupt),
        watch: &Watch<'_>,
    ) -> Result<(Self, Link<AnyLine>)> {
        let id = rig.probe.as_ref().ok_or_else(|| ProbeError::NoProbe {
            rig: rig.name.clone(),
        })?;
        let mut probe = Probe::open(id, board, interrupt)?;
        write(&mut probe, memory, image, model, watch)?;
        if let Some(port) = &rig.port {
            probe.reset()?;
            probe.resume()?;
            let link = serial(port, rig, (patience, interrupt))?;
            return Ok((Self::new(probe, None), link));
        }
        if let Some(address) = &rig.network_port {
            probe.reset()?;
            probe.resume()?;
            let remote = Remote {
                address: address.clone(),
                baud: rig.baud.unwrap_or(BAUD_DEFAULT),
                wait: patience.reply,
                interrupt: interrupt.clone(),
            };
            let link = Link::new(remote.open()?, patience, interrupt.clone());
            let mut hardware = Self::new(probe, None);
            hardware.remote = Some(remote);
            return Ok((hardware, link));
        }
        // Before the reset, which makes an old control block invalid.
        let (line, rtt) = probe.line(image)?;
        probe.reset()?;
        let log = LogReader::start_rtt(rtt, &image.elf, &image.path, log)?;
        probe.resume()?;
        let link = Link::new(Box::new(line) as AnyLine, patience, interrupt.clone());
        Ok((Self::new(probe, Some(log)), link))
    }

    fn new(probe: Probe, log: Option<LogReader>) -> Self {
        Self {
            probe,
            log,
            remote: None,
        }
    }

    /// Reports whether a line that breaks comes back by itself.
    pub(super) fn reopens_by_itself(&self) -> bool {
        self.remote.is_none()
    }

    /// Opens the line to another computer.
    pub(super) fn reopen(&self) -> Result<AnyLine> {
        match &self.remote {
            Some(remote) => remote.open(),
            None => Err(Error::line("it comes back by itself")),
        }
    }

    /// Returns the log.
    pub(super) fn finish(self) -> Vec<Line> {
        self.log.map_or_else(Vec::new, LogReader::finish)
    }
}

/// Opens a serial port, and finds its fastest clean rate where none is stated.
fn serial(
    port: &PortId,
    rig: &Rig,
    (patience, interrupt): (Patience, &Interrupt),
) -> Result<Link<AnyLine>> {
    let baud = rig.baud.unwrap_or(BAUD_DEFAULT);
    let wait = patience.silence;
    let line = SteadySerial::open(port.clone(), baud, Box::new(list_ports), wait, interrupt)?;
    let rate = line.rate();
    let mut link = Link::new(Box::new(line) as AnyLine, patience, interrupt.clone());
    if rig.baud.is_none() {
        link.set_rate_control(Box::new(rate), BAUD_DEFAULT, RateTimes::default());
        link.hello()?;
        tune(&mut link, &CANDIDATES)?;
    }
    Ok(link)
}
