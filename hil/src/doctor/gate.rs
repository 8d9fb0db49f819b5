//! Looking at the gate pin while the network runs.

use crate::error::Result;
use crate::flasher::Flasher;
use crate::interrupt::Interrupt;
use crate::power::Meter;

/// What sees the gate pin of a board.
pub trait Gate {
    /// Before the job.
    ///
    /// # Errors
    /// Those of what sees it.
    fn begin(&mut self, interrupt: &Interrupt) -> Result<()>;

    /// In the middle of the job, when rows have come back and others are still to come.
    ///
    /// # Errors
    /// Those of what sees it.
    fn middle(&mut self) -> Result<()>;

    /// After the job: returns what is wrong, or `Ok` with what was seen.
    ///
    /// # Errors
    /// Those of what sees it.
    fn end(&mut self) -> Result<core::result::Result<String, String>>;
}

/// The register of a virtual board's pin, read through its debugger.
pub(super) struct Register<'a> {
    pub(super) flasher: &'a mut dyn Flasher,
    /// Its address; bit 0 is the pin.
    pub(super) address: u32,
    /// Whether it was high: before the job, in its middle.
    pub(super) before: bool,
    pub(super) during: bool,
}

impl Register<'_> {
    fn is_high(&mut self) -> Result<bool> {
        let word = self.flasher.read_back(self.address, size_of::<u32>());
        self.flasher.resume()?;
        Ok(word?.first().is_some_and(|byte| byte & 1 != 0))
    }
}

impl Gate for Register<'_> {
    fn begin(&mut self, _interrupt: &Interrupt) -> Result<()> {
        self.before = self.is_high()?;
        Ok(())
    }

    fn middle(&mut self) -> Result<()> {
        self.during = self.is_high()?;
        Ok(())
    }

    fn end(&mut self) -> Result<core::result::Result<String, String>> {
        let after = self.is_high()?;
        Ok(match (self.before, self.during, after) {
            (false, true, false) => Ok("low, high within the job, low".to_owned()),
            (before, during, after) => {
                let level = |high| if high { "high" } else { "low" };
                Err(format!(
                    "{} before the job, {} within it, {} after it",
                    level(before),
                    level(during),
                    level(after)
                ))
            }
        })
    }
}

/// The logic input of a meter.
pub(super) struct Input {
    pub(super) meter: Box<dyn Meter>,
    pub(super) input: u8,
}

impl Gate for Input {
    fn begin(&mut self, interrupt: &Interrupt) -> Result<()> {
        self.meter.begin(interrupt)?;
        self.meter.live().map(drop)
    }

    fn middle(&mut self) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<core::result::Result<String, String>> {
        let live = self.meter.live()?;
        let (meter, input) = (self.meter.facts(), self.input);
        let name = format!("input D{input} of {} {}", meter.model, meter.serial);
        let rising = live.rising.as_ref();
        let edges = rising.and_then(|it| it.get(usize::from(input)));
        Ok(match edges {
            Some(1) => Ok(format!("one pulse at {name}")),
            edges => Err(format!(
                "{} pulses at {name} in one job",
                edges.copied().unwrap_or(0)
            )),
        })
    }
}
