//! The board's log: defmt frames from the second serial port or RTT, decoded with the image's table.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use defmt_decoder::{DecodeError, Frame, Locations, Table};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::probe::RttLog;
use crate::transport::{open_reader, read_all};

/// Longest time for what is under way when the log ends: a board may never stop talking.
const DRAIN: Duration = Duration::from_secs(2);

/// How often a reader that looks away looks whether it shall end.
const NAP: Duration = Duration::from_millis(10);
/// How long the reader waits before it looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(100);

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The board's time stamp, empty where it has none.
    pub time: String,
    /// Level in lower case, empty for plain prints.
    pub level: String,
    /// Text.
    pub message: String,
    /// File and line in the firmware's source, empty where unknown.
    pub place: String,
}

impl core::fmt::Display for Line {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "{} {:5} {}  [{}]",
            self.time, self.level, self.message, self.place
        )
    }
}

/// A log that is being read.
#[derive(Debug)]
pub struct LogReader {
    stop: Arc<AtomicBool>,
    ignore: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Line>>,
}

impl LogReader {
    /// Opens the port and reads until [`LogReader::finish`]; each line goes to `file` at once.
    ///
    /// # Errors
    /// [`Error::Line`] when the port cannot be opened, [`Error::Write`] when the file cannot,
    /// [`Error::Image`] when the image has a table of another defmt version.
    pub fn start(port: &Path, elf: &[u8], image: &Path, file: &Path) -> Result<Self> {
        let port = open_reader(port)?;
        Self::start_from(elf, image, file, move |take| read_all(port, take))
    }

    /// As [`LogReader::start`], from the log channel of RTT.
    ///
    /// # Errors
    /// [`Error::Write`] when the file cannot be opened, [`Error::Image`] when the image has a table
    /// of another defmt version.
    pub fn start_rtt(log: RttLog, elf: &[u8], image: &Path, file: &Path) -> Result<Self> {
        Self::start_from(elf, image, file, move |take| read_pieces(&log.pieces, take))
    }

    /// Reads from `feed`, which gives pieces to the taker, an empty one at each look, until it wants
    /// no more.
    fn start_from(
        elf: &[u8],
        image: &Path,
        file: &Path,
        feed: impl FnOnce(&mut dyn FnMut(std::io::Result<Vec<u8>>) -> bool) + Send + 'static,
    ) -> Result<Self> {
        let table = table(elf, image)?;
        let mut sink = std::fs::File::create(file).map_err(Error::write(file))?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let ignore = Arc::new(AtomicBool::new(false));
        let ignored = Arc::clone(&ignore);
        let thread = std::thread::Builder::new()
            .name("board-log".to_owned())
            .spawn(move || {
                let mut lines = Vec::new();
                let Some((table, locations)) = table else {
                    return lines;
                };
                let mut decoder = table.new_stream_decoder();
                let mut stopped = None;
                feed(&mut |piece| {
                    let Ok(piece) = piece else { return false };
                    while ignored.load(Ordering::SeqCst) && !flag.load(Ordering::SeqCst) {
                        std::thread::sleep(NAP);
                    }
                    decoder.received(&piece);
                    while let Some(line) = next(&mut *decoder, &table, locations.as_ref()) {
                        // A full disk must not end the run; the lines are in the report too.
                        let _ = writeln!(sink, "{line}");
                        lines.push(line);
                    }
                    // An empty piece: nothing more is under way.
                    let stop = flag.load(Ordering::SeqCst);
                    let since = stop.then(|| *stopped.get_or_insert_with(Instant::now));
                    !since.is_some_and(|it| piece.is_empty() || it.elapsed() > DRAIN)
                });
                lines
            })
            .map_err(Error::line)?;
        Ok(Self {
            stop,
            ignore,
            thread,
        })
    }

    /// Leaves the port open and unread until [`LogReader::finish`], as a fault on purpose.
    pub fn ignore(&self) {
        self.ignore.store(true, Ordering::SeqCst);
    }

    /// Reads what is still under way and returns all lines. The port must still be open at its
    /// other end: what a closed pseudo-terminal holds is lost.
    #[must_use]
    pub fn finish(self) -> Vec<Line> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().unwrap_or_default()
    }
}

/// Gives pieces to the taker until it wants no more, or none can come.
fn read_pieces(pieces: &Receiver<Vec<u8>>, take: &mut dyn FnMut(std::io::Result<Vec<u8>>) -> bool) {
    loop {
        let piece = match pieces.recv_timeout(LOOK) {
            Ok(piece) => piece,
            Err(RecvTimeoutError::Timeout) => Vec::new(),
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if !take(Ok(piece)) {
            return;
        }
    }
}

/// Decodes a whole recording.
///
/// # Errors
/// [`Error::Image`] when the image has a table of another defmt version.
pub fn decode(bytes: &[u8], elf: &[u8], image: &Path) -> Result<Vec<Line>> {
    let Some((table, locations)) = table(elf, image)? else {
        return Ok(Vec::new());
    };
    let mut decoder = table.new_stream_decoder();
    decoder.received(bytes);
    Ok(core::iter::from_fn(|| next(&mut *decoder, &table, locations.as_ref())).collect())
}

/// Reads the table of an image; an image without log statements has none.
fn table(elf: &[u8], image: &Path) -> Result<Option<(Table, Option<Locations>)>> {
    let fail = |cause: String| Error::Image {
        path: image.to_owned(),
        cause,
    };
    let table = Table::parse(elf).map_err(|e| fail(format!("read its defmt table: {e}")))?;
    Ok(table.map(|table| {
        let locations = table.get_locations(elf).ok().filter(|found| {
            table
                .indices()
                .all(|index| found.contains_key(&(index as u64)))
        });
        (table, locations)
    }))
}

/// Returns the next line; damaged frames become lines of their own.
fn next(
    decoder: &mut (dyn defmt_decoder::StreamDecoder + Send + Sync),
    table: &Table,
    locations: Option<&Locations>,
) -> Option<Line> {
    match decoder.decode() {
        Ok(frame) => Some(line(&frame, locations)),
        Err(DecodeError::UnexpectedEof) => None,
        Err(DecodeError::Malformed) if table.encoding().can_recover() => Some(Line {
            time: String::new(),
            level: "error".to_owned(),
            message: "(damaged log frame)".to_owned(),
            place: String::new(),
        }),
        Err(DecodeError::Malformed) => None,
    }
}

fn line(frame: &Frame<'_>, locations: Option<&Locations>) -> Line {
    let place = locations
        .and_then(|all| all.get(&frame.index()))
        .map(|location| {
            let file = location
                .file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy();
            format!("{file}:{}", location.line)
        });
    Line {
        time: frame
            .display_timestamp()
            .map(|t| t.to_string())
            .unwrap_or_default(),
        level: frame
            .level()
            .map(|level| level.as_str().to_owned())
            .unwrap_or_default(),
        message: frame.display_message().to_string(),
        place: place.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn pieces_are_given_in_order_and_an_empty_one_at_each_look() {
        let (to, pieces) = channel();
        to.send(vec![1]).unwrap();
        to.send(vec![2, 3]).unwrap();
        let mut seen = Vec::new();
        read_pieces(&pieces, &mut |piece| {
            let piece = piece.unwrap();
            let idle = piece.is_empty();
            seen.extend(piece);
            !idle
        });
        assert_eq!(seen, [1, 2, 3]);
        drop(to);
        read_pieces(&pieces, &mut |_| panic!("none can come"));
    }
}
