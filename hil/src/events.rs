//! The events of a run in progress, `events.jsonl`: written by the runner, read by `hil watch`.
//!
//! One object a line, appended and flushed at once, so that a reader sees whole lines only; a line
//! without its end is not there yet. Keys of a line: `schema` (1), `at_ms` since the begin of the
//! run, and `event`:
//!
//! | `event` | further keys |
//! |---|---|
//! | `run` | `started`, `rigs`: all there will be, in order |
//! | `begin` | `rig`, `stage`, `total` (0 where it is not known) |
//! | `reach` | `rig`, `done` of the total |
//! | `end` | `rig`: the stage is over |
//! | `retry` | `rig`, `verdict`, `cause`: an attempt failed, and another one follows |
//! | `board` | `rig`, `precision`, `verdict`, `cause`: one run of the rig is done |
//! | `done` | `verdict` of the whole run |

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::observer::Observer;
use crate::report::{BoardReport, Failure};
use crate::verdict::{Stage, Verdict};

/// Name of the file in the folder of a run.
pub const FILE: &str = "events.jsonl";
/// Version of the lines.
const SCHEMA: u32 = 1;
/// Progress within a stage is told no more often than this.
const REACH_INTERVAL: Duration = Duration::from_millis(200);
/// Longest line that is believed, bytes.
const LINE_MAX: usize = 1 << 16;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The run begins.
    Run {
        /// Begin of the run, RFC 3339.
        started: String,
        /// The rigs in order.
        rigs: Vec<String>,
    },
    /// A stage of a rig begins.
    Begin {
        /// Name of the rig.
        rig: String,
        /// The stage.
        stage: Stage,
        /// All of it; 0 where it is not known.
        total: u64,
    },
    /// So much of the stage is done.
    Reach {
        /// Name of the rig.
        rig: String,
        /// Part of the total.
        done: u64,
    },
    /// The stage is over.
    End {
        /// Name of the rig.
        rig: String,
    },
    /// An attempt failed, and another one follows.
    Retry {
        /// Name of the rig.
        rig: String,
        /// What the attempt amounts to.
        verdict: Verdict,
        /// Why.
        cause: String,
    },
    /// A rig is done with one precision.
    Board {
        /// Name of the rig.
        rig: String,
        /// Number format.
        precision: String,
        /// How it ended.
        verdict: Verdict,
        /// Why, where it could not be completed.
        cause: Option<String>,
    },
    /// The run is over.
    Done {
        /// The worst verdict.
        verdict: Verdict,
    },
}

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of the line.
    pub schema: u32,
    /// Milliseconds since the begin of the run.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Writes the events of all rigs of a run, from any thread.
#[derive(Debug, Clone)]
pub struct Writer {
    start: Instant,
    file: Arc<Mutex<File>>,
}

impl Writer {
    /// Begins the file in the folder `dir`, in place of an older one.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        // Whoever still reads the file of an earlier run goes on reading that one.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::write(&path)(error));
            }
            _ => {}
        }
        let file = File::options().append(true).create_new(true).open(&path);
        Ok(Self {
            start: Instant::now(),
            file: Arc::new(Mutex::new(file.map_err(Error::write(&path))?)),
        })
    }

    /// Appends an event. A full disk ends no run: the events are for looking on.
    pub fn write(&self, event: Event) {
        let entry = Entry {
            schema: SCHEMA,
            at_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            event,
        };
        let Ok(mut line) = serde_json::to_vec(&entry) else {
            return;
        };
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = file.write_all(&line);
    }

    /// Returns an observer that writes what it is told, of all rigs, and passes it on to `next`.
    pub fn observer<'a>(&self, next: &'a dyn Observer) -> Recorder<'a> {
        Recorder {
            writer: self.clone(),
            next,
            told: Mutex::default(),
        }
    }
}

/// Writes what an [`Observer`] is told, and passes it on.
pub struct Recorder<'a> {
    writer: Writer,
    next: &'a dyn Observer,
    /// When the progress of each rig was told last.
    told: Mutex<HashMap<String, Instant>>,
}

impl Recorder<'_> {
    fn told(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports whether a rig's progress is to be told again by now.
    fn is_due(&self, rig: &str) -> bool {
        let mut told = self.told();
        let due = told
            .get(rig)
            .is_none_or(|it| it.elapsed() >= REACH_INTERVAL);
        if due {
            told.insert(rig.to_owned(), Instant::now());
        }
        due
    }
}

impl Observer for Recorder<'_> {
    fn begin(&self, rig: &str, stage: Stage, total: u64) {
        self.told().remove(rig);
        self.writer.write(Event::Begin {
            rig: rig.to_owned(),
            stage,
            total,
        });
        self.next.begin(rig, stage, total);
    }

    fn reach(&self, rig: &str, done: u64) {
        if self.is_due(rig) {
            let rig = rig.to_owned();
            self.writer.write(Event::Reach { rig, done });
        }
        self.next.reach(rig, done);
    }

    fn end(&self, rig: &str) {
        self.writer.write(Event::End {
            rig: rig.to_owned(),
        });
        self.next.end(rig);
    }

    fn retry(&self, rig: &str, failure: &Failure) {
        self.writer.write(Event::Retry {
            rig: rig.to_owned(),
            verdict: failure.verdict,
            cause: failure.cause.clone(),
        });
        self.next.retry(rig, failure);
    }

    fn report(&self, report: &BoardReport) {
        self.writer.write(Event::Board {
            rig: report.rig.clone(),
            precision: report.model.precision.clone(),
            verdict: report.verdict,
            cause: report.failure.as_ref().map(|it| it.cause.clone()),
        });
        self.next.report(report);
    }
}

/// Follows a file of events while it grows.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    file: File,
    rest: Vec<u8>,
}

impl Reader {
    /// Opens the file of the run in `dir`.
    ///
    /// # Errors
    /// [`Error::Read`] when there is none.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(FILE);
        let file = File::open(&path).map_err(Error::read(&path))?;
        Ok(Self {
            path,
            file,
            rest: Vec::new(),
        })
    }

    /// Returns the events that came since the last call; lines that are none are left out.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn read(&mut self) -> Result<Vec<Entry>> {
        let read = self.file.read_to_end(&mut self.rest);
        read.map_err(Error::read(&self.path))?;
        let whole = self
            .rest
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |it| it + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        if self.rest.len() > LINE_MAX {
            self.rest.clear();
        }
        Ok(parse(&lines))
    }
}

/// Returns the events of whole lines; what is none, or of another schema, is left out.
#[must_use]
pub fn parse(lines: &[u8]) -> Vec<Entry> {
    let lines = lines
        .split(|&byte| byte == b'\n')
        .filter(|it| it.len() <= LINE_MAX);
    let entries = lines.filter_map(|line| serde_json::from_slice::<Entry>(line).ok());
    entries.filter(|it| it.schema == SCHEMA).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;
    use crate::report::tests::{board, silence};
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Reader::open(folder.path()).is_err());
        let writer = Writer::create(folder.path()).unwrap();
        let mut reader = Reader::open(folder.path()).unwrap();
        assert_eq!(reader.read().unwrap(), []);
        let observer = writer.observer(&Silent);
        observer.begin("a", Stage::Stream, 100);
        for done in 0..1000 {
            observer.reach("a", done);
        }
        observer.end("a");
        let events: Vec<Event> = reader
            .read()
            .unwrap()
            .into_iter()
            .map(|it| it.event)
            .collect();
        assert!(
            events.len() < 10,
            "progress is told now and then: {}",
            events.len()
        );
        assert!(matches!(&events[0], Event::Begin { rig, total: 100, .. } if rig == "a"));
        assert!(matches!(events.last(), Some(Event::End { .. })));

        observer.retry("b", &silence("nothing for 3 s"));
        observer.report(&board("b", "f32", false));
        writer.write(Event::Done {
            verdict: Verdict::Mismatch,
        });
        let events = reader.read().unwrap();
        assert!(matches!(
            &events[1].event,
            Event::Board {
                verdict: Verdict::Mismatch,
                ..
            }
        ));
        assert!(matches!(&events[0].event, Event::Retry { rig, .. } if rig == "b"));
        assert_eq!(reader.read().unwrap(), []);
        // A new run has a new file; the reader of the old one is not confused.
        Writer::create(folder.path()).unwrap().write(Event::Done {
            verdict: Verdict::Pass,
        });
        assert_eq!(reader.read().unwrap(), []);
        assert_eq!(
            Reader::open(folder.path()).unwrap().read().unwrap().len(),
            1
        );
    }

    #[test]
    fn threads_do_not_mix_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::create(folder.path()).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let writer = &writer;
                scope.spawn(move || {
                    for done in 0..50 {
                        let rig = format!("rig-{thread}");
                        writer.write(Event::Reach { rig, done });
                    }
                });
            }
        });
        assert_eq!(
            Reader::open(folder.path()).unwrap().read().unwrap().len(),
            400
        );
    }

    #[test]
    fn a_line_without_its_end_waits_and_garbage_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let line = r#"{"schema":1,"at_ms":5,"event":"end","rig":"a"}"#;
        let other = line.replace(":1,", ":2,");
        std::fs::write(
            &path,
            format!("{{\n\u{0}\n{other}\n{line}\n{}", &line[..20]),
        )
        .unwrap();
        let mut reader = Reader::open(folder.path()).unwrap();
        assert_eq!(reader.read().unwrap().len(), 1);
        let mut file = File::options().append(true).open(&path).unwrap();
        file.write_all(&line.as_bytes()[20..]).unwrap();
        assert_eq!(reader.read().unwrap(), []);
        file.write_all(b"\n").unwrap();
        assert_eq!(reader.read().unwrap()[0].at_ms, 5);
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_no_events_and_no_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
        ) {
            prop_assert!(parse(&bytes).is_empty());
            let mut line = br#"{"schema":1,"at_ms":5,"event":"reach","rig":"a","done":7}"#.to_vec();
            let at = at.index(line.len());
            line[at] ^= bytes.first().copied().unwrap_or(0);
            prop_assert!(parse(&line).len() <= 1);
        }
    }
}
