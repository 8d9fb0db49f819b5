//! A real microcontroller: flashed through its debug probe, spoken to over a serial port or RTT.
//!
//! Unverified: no hardware has run this yet.

use std::path::Path;

use super::{AnyLine, write};
use crate::board::{Board, Microcontroller};
use crate::error::Result;
use crate::firmware::Image;
use crate::flasher::Flasher;
use crate::interrupt::Interrupt;
use crate::inventory::{PortId, Rig};
use crate::link::{CANDIDATES, Link, Patience, RateTimes, tune};
use crate::log::{Line, LogReader};
use crate::observer::Watch;
use crate::probe::{Probe, ProbeError};
use crate::transport::{BAUD_DEFAULT, SteadySerial, list_ports};

/// A board behind a debug probe.
pub(super) struct Hardware {
    pub(super) probe: Probe,
    /// Where RTT carries the frames too; a board with a serial port has its log there.
    log: Option<LogReader>,
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
            return Ok((Self { probe, log: None }, link));
        }
        // Before the reset, which makes an old control block invalid.
        let (line, rtt) = probe.line(image)?;
        probe.reset()?;
        let log = LogReader::start_rtt(rtt, &image.elf, &image.path, log)?;
        probe.resume()?;
        let link = Link::new(Box::new(line) as AnyLine, patience, interrupt.clone());
        let log = Some(log);
        Ok((Self { probe, log }, link))
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
