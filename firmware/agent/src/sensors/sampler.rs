//! Samples taken while the network runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mambalite_hil_wire::{MAX_NAME, Quantity, Reading};
use serde::Serialize;

use super::Found;

/// Time between two rounds. One of all rails of an INA3221 takes about 40 ms.
const PERIOD: Duration = Duration::from_millis(100);

/// Takes samples on a thread of its own, as long as the process runs.
pub(crate) struct Sampler {
    shared: Arc<Mutex<Window>>,
    facts: Vec<String>,
}

/// The samples since some moment.
struct Window {
    start: Instant,
    tallies: Vec<Tally>,
}

/// The samples of one sensor.
struct Tally {
    quantity: Quantity,
    name: String,
    sum: i128,
    min: i64,
    max: i64,
    samples: u32,
    /// The newest sample.
    last: Option<i64>,
}

/// What the sensors showed over a window.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    /// Version of this structure.
    schema: u32,
    /// Length of the window, milliseconds.
    pub(crate) window_ms: u32,
    /// Sensors that gave a sample, and facts.
    pub(crate) readings: Vec<Shown>,
}

/// One sensor over a window.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shown {
    quantity: Quantity,
    name: String,
    mean: i64,
    min: i64,
    max: i64,
    samples: u32,
}

impl Sampler {
    /// Takes the first samples, and more from then on.
    pub(crate) fn start(found: Found) -> Self {
        let Found { sources, facts } = found;
        let empty = |source: &super::Source| Tally::new(source.quantity, source.name.clone());
        let window = Window {
            start: Instant::now(),
            tallies: sources.iter().map(empty).collect(),
        };
        let shared = Arc::new(Mutex::new(window));
        let of_thread = Arc::clone(&shared);
        let round = move || {
            // Reading takes long; a snapshot does not wait for it.
            let samples: Vec<_> = sources.iter().map(|source| (source.read)()).collect();
            for (tally, sample) in lock(&of_thread).tallies.iter_mut().zip(samples) {
                tally.add(sample);
            }
        };
        round();
        // Without a thread the first samples are all there are, and their number says so.
        let thread = std::thread::Builder::new().name("sensors".to_owned());
        let _ = thread.spawn(move || {
            loop {
                std::thread::sleep(PERIOD);
                round();
            }
        });
        Self { shared, facts }
    }

    /// Returns what the sensors showed; with `restart` the window begins anew.
    pub(crate) fn snapshot(&self, restart: bool) -> Snapshot {
        let mut window = lock(&self.shared);
        let elapsed = window.start.elapsed().as_millis();
        let shown = window.tallies.iter().filter_map(Tally::shown);
        let readings = shown.chain(self.facts.iter().map(|fact| Shown::fact(fact)));
        let snapshot = Snapshot {
            schema: 1,
            window_ms: u32::try_from(elapsed).unwrap_or(u32::MAX),
            readings: readings.collect(),
        };
        if restart {
            window.start = Instant::now();
            for tally in &mut window.tallies {
                let last = tally.last;
                *tally = Tally::new(tally.quantity, core::mem::take(&mut tally.name));
                // What was true when it began: a window shorter than a round is not empty.
                tally.add(last);
            }
        }
        snapshot
    }
}

/// Numbers stay whole when a thread ends between two of them.
fn lock(shared: &Mutex<Window>) -> MutexGuard<'_, Window> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tally {
    fn new(quantity: Quantity, name: String) -> Self {
        Self {
            quantity,
            name,
            sum: 0,
            min: i64::MAX,
            max: i64::MIN,
            samples: 0,
            last: None,
        }
    }

    fn add(&mut self, sample: Option<i64>) {
        self.last = sample;
        let Some(sample) = sample else {
            return;
        };
        self.sum += i128::from(sample);
        self.min = self.min.min(sample);
        self.max = self.max.max(sample);
        self.samples = self.samples.saturating_add(1);
    }

    /// Returns what it comes to, if there was a sample.
    fn shown(&self) -> Option<Shown> {
        let mean = self.sum.checked_div(self.samples.into())?;
        Some(Shown {
            quantity: self.quantity,
            name: cut(&self.name),
            // Between two numbers of 64 bits.
            mean: mean as i64,
            min: self.min,
            max: self.max,
            samples: self.samples,
        })
    }
}

impl Snapshot {
    /// Returns one line of JSON.
    pub(crate) fn json(&self) -> String {
        // Numbers and texts: nothing that JSON does not have.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Shown {
    fn fact(fact: &str) -> Self {
        Self {
            quantity: Quantity::Fact,
            name: cut(fact),
            mean: 0,
            min: 0,
            max: 0,
            samples: 0,
        }
    }

    /// Returns it as the wire has it.
    pub(crate) fn on_the_wire(&self) -> Reading<'_> {
        Reading {
            quantity: self.quantity,
            name: &self.name,
            mean: self.mean,
            min: self.min,
            max: self.max,
            samples: self.samples,
        }
    }
}

/// Returns the front of a name, as long as a message takes it.
pub(crate) fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME)].to_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::sensors::Source;

    fn found(read: impl Fn() -> Option<i64> + Send + 'static) -> Found {
        let source = Source {
            quantity: Quantity::Power,
            name: "VDD_IN".to_owned(),
            read: Box::new(read),
        };
        Found {
            sources: vec![source],
            facts: vec!["µ".repeat(150)],
        }
    }

    #[test]
    fn a_window_has_mean_and_bounds_and_begins_anew() {
        let value = Arc::new(AtomicI64::new(100));
        let of_source = Arc::clone(&value);
        let sampler = Sampler::start(found(move || {
            Some(of_source.fetch_add(2, Ordering::SeqCst))
        }));
        std::thread::sleep(PERIOD * 5);
        let first = sampler.snapshot(true);
        let shown = &first.readings[0];
        assert!(shown.samples >= 2 && shown.min == 100, "{shown:?}");
        assert_eq!(shown.mean, i64::midpoint(shown.min, shown.max));
        assert!(first.window_ms >= 500);
        let at_once = sampler.snapshot(false);
        assert!(at_once.readings[0].samples >= 1 && at_once.readings[0].min == shown.max);
        std::thread::sleep(PERIOD * 3);
        let second = sampler.snapshot(false);
        let again = &second.readings[0];
        assert!(again.min == shown.max && again.max > shown.max, "{again:?}");
        assert!(second.window_ms < first.window_ms);
        assert_eq!(
            second.readings[1].name.len(),
            MAX_NAME,
            "cut between letters"
        );
        assert!(first.json().starts_with("{\"schema\":1,\"window_ms\":"));
    }

    #[test]
    fn a_sensor_without_a_sample_is_not_shown() {
        let snapshot = Sampler::start(found(|| None)).snapshot(false);
        assert_eq!(snapshot.readings.len(), 1);
    }
}
