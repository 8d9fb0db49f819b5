//! The samples of a kit, read by a thread of their own.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serialport::SerialPort;

use super::super::energy::{Gated, Sample};
use super::super::{Live, PowerError};
use super::convert::Converter;
use super::decoder::{Decoder, Event, Raw};
use super::metadata::Calibration;
use super::{SAMPLE_S, Settings, name};
use crate::error::Result;
use crate::interrupt::Interrupt;
use crate::transport::read_all;

/// Lost samples from which Nordic's program warns: 5 ms.
pub(super) const LOST_WARNING: u64 = 500;

/// A kit that sends nothing for this long is silent.
const SILENCE: Duration = Duration::from_secs(2);
/// How long samples of the last job may be on their way.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a waiting thread sleeps.
const NAP: Duration = Duration::from_millis(10);

/// Share and number of samples by which a run may seem too short by the computer's clock.
const CLOCK_SHARE: f64 = 0.02;
const CLOCK_SAMPLES: f64 = 50_000.0;

/// Samples that are read, converted and summed up.
#[derive(Debug)]
pub(super) struct Stream {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    serial: String,
}

#[derive(Debug)]
struct Shared {
    is_stopped: AtomicBool,
    sums: Mutex<Sums>,
}

#[derive(Debug)]
struct Sums {
    decoder: Decoder,
    converter: Converter,
    supply_v: f64,
    gate: u8,
    gated: Gated,
    live: LiveSums,
    logic: Option<u8>,
    /// When the first sample came.
    since: Option<Instant>,
    failure: Option<String>,
}

#[derive(Debug, Clone, Copy)]
struct LiveSums {
    samples: u64,
    lost: u64,
    sum_w: f64,
    min_w: f64,
    max_w: f64,
    rising: [u32; 8],
}

impl Stream {
    /// Begins to read; the kit is started by the caller.
    pub(super) fn start(
        port: Box<dyn SerialPort>,
        settings: &Settings,
        calibration: Calibration,
    ) -> io::Result<Self> {
        let supply_v = settings.supply_v();
        let idle_samples = Duration::from_secs_f64(settings.idle_s).as_micros() / 10;
        let idle_samples = u64::try_from(idle_samples).unwrap_or(u64::MAX);
        let shared = Arc::new(Shared {
            is_stopped: AtomicBool::new(false),
            sums: Mutex::new(Sums {
                decoder: Decoder::default(),
                converter: Converter::new(calibration, supply_v),
                supply_v,
                gate: settings.gate,
                gated: Gated::new(SAMPLE_S, settings.gate, idle_samples),
                live: LiveSums::EMPTY,
                logic: None,
                since: None,
                failure: None,
            }),
        });
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("ppk2-read".to_owned())
            .spawn(move || read_all(port, |piece| own.take(piece)))?;
        Ok(Self {
            shared,
            thread: Some(thread),
            serial: settings.serial.clone(),
        })
    }

    /// Waits until the idle power is known, or until twice as many samples came as it takes:
    /// then the gate was high.
    pub(super) fn await_idle(&self, interrupt: &Interrupt) -> Result<()> {
        let (mut last, mut since) = (self.sums()?.gated.counts().0, Instant::now());
        let end = last.saturating_add(self.sums()?.gated.idle_samples().saturating_mul(2));
        loop {
            interrupt.check()?;
            let sums = self.sums()?;
            let samples = sums.gated.counts().0;
            if sums.gated.is_idle_known() || samples >= end {
                return Ok(());
            }
            drop(sums);
            if samples != last {
                (last, since) = (samples, Instant::now());
            } else if since.elapsed() > SILENCE {
                return Err(self.silent().into());
            }
            std::thread::sleep(NAP);
        }
    }

    /// Says that the jobs begin.
    pub(super) fn begin_work(&self) -> Result<(), PowerError> {
        let mut sums = self.sums()?;
        sums.gated.begin_work();
        Ok(())
    }

    /// Says that the jobs are done, once their last sample must be here.
    pub(super) fn end_work(&self, interrupt: &Interrupt) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < SETTLE {
            interrupt.check()?;
            std::thread::sleep(NAP);
        }
        self.sums()?.gated.end_work();
        Ok(())
    }

    /// Returns what came since the last call.
    pub(super) fn live(&self) -> Result<Live, PowerError> {
        let mut sums = self.sums()?;
        Ok(std::mem::replace(&mut sums.live, LiveSums::EMPTY).live())
    }

    /// Returns the sums of the whole run, samples counted in that only a clock misses.
    pub(super) fn gated(&self) -> Result<Gated, PowerError> {
        let sums = self.sums()?;
        let mut gated = sums.gated.clone();
        let elapsed = sums.since.map_or(Duration::ZERO, |it| it.elapsed());
        let (samples, lost) = gated.counts();
        gated.count_unplaced(unplaced(elapsed, samples + lost));
        Ok(gated)
    }

    /// Locks the sums; an error when the kit is gone.
    fn sums(&self) -> Result<MutexGuard<'_, Sums>, PowerError> {
        let sums = self.shared.lock();
        match &sums.failure {
            None => Ok(sums),
            Some(cause) => Err(PowerError::Gone {
                meter: name(&self.serial),
                cause: cause.clone(),
            }),
        }
    }

    fn silent(&self) -> PowerError {
        PowerError::Silent {
            meter: name(&self.serial),
            what: "samples",
            after: SILENCE,
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        // The thread looks at the flag after each read, and a read has an end.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// Takes a piece from the port; returns whether more is wanted.
    fn take(&self, piece: io::Result<Vec<u8>>) -> bool {
        match piece {
            Ok(bytes) => self.lock().feed(&bytes),
            Err(cause) => self.lock().failure = Some(cause.to_string()),
        }
        !self.is_stopped.load(Ordering::SeqCst)
    }

    /// Locks the sums. They are whole even after a panic elsewhere: numbers without a bond.
    fn lock(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sums {
    fn feed(&mut self, bytes: &[u8]) {
        let mut decoder = std::mem::take(&mut self.decoder);
        decoder.feed(bytes, |event| self.event(event));
        self.decoder = decoder;
    }

    fn event(&mut self, event: Event) {
        self.since.get_or_insert_with(Instant::now);
        match event {
            Event::Sample(raw) => self.sample(raw),
            Event::Missing(count) => {
                self.live.lost += u64::from(count);
                self.gated.push_lost(u64::from(count));
            }
        }
    }

    fn sample(&mut self, raw: Raw) {
        let current = self.converter.convert(raw);
        let filtered_w = current.filtered_a * self.supply_v;
        let rising = raw.logic & !self.logic.replace(raw.logic).unwrap_or(raw.logic);
        self.live.push(filtered_w, rising);
        self.gated.push(Sample {
            filtered_w,
            unfiltered_w: current.unfiltered_a * self.supply_v,
            step_w: current.step_a * self.supply_v,
            is_saturated: current.is_saturated,
            gate: raw.logic >> self.gate & 1 == 1,
        });
    }
}

impl LiveSums {
    const EMPTY: Self = Self {
        samples: 0,
        lost: 0,
        sum_w: 0.0,
        min_w: f64::INFINITY,
        max_w: f64::NEG_INFINITY,
        rising: [0; 8],
    };

    fn push(&mut self, power_w: f64, rising: u8) {
        self.samples += 1;
        self.sum_w += power_w;
        self.min_w = self.min_w.min(power_w);
        self.max_w = self.max_w.max(power_w);
        for (input, count) in self.rising.iter_mut().enumerate() {
            *count += u32::from(rising >> input & 1);
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of samples lie far below 2^53"
    )]
    fn live(&self) -> Live {
        let any = |value: f64| (self.samples > 0).then_some(value);
        Live {
            length_s: (self.samples + self.lost) as f64 * SAMPLE_S,
            mean_w: any(self.sum_w / self.samples as f64),
            min_w: any(self.min_w),
            max_w: any(self.max_w),
            samples: self.samples,
            lost_samples: self.lost,
            rising: Some(self.rising),
        }
    }
}

/// Returns how many samples too few there are for the time, 0 within the tolerance: a loss of a
/// multiple of 64 shows in no counter.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "the difference is checked to be positive"
)]
fn unplaced(elapsed: Duration, places: u64) -> u64 {
    let due = elapsed.as_secs_f64() / SAMPLE_S;
    let short = due - places as f64;
    let is_beyond = short > CLOCK_SAMPLES && short > CLOCK_SHARE * due;
    if is_beyond { short as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_sees_what_the_counter_does_not() {
        let ten_s = Duration::from_secs(10);
        assert_eq!(unplaced(ten_s, 1_000_000), 0);
        assert_eq!(
            unplaced(ten_s, 955_000),
            0,
            "half a second may be on its way"
        );
        assert!((99_999..=100_000).contains(&unplaced(ten_s, 900_000)));
        assert_eq!(unplaced(ten_s, 2_000_000), 0);
    }
}
