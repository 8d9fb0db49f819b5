//! What a run says: one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result, atomic_file, json};

/// A line; `step` counts finished steps, `seconds` run from the start or the last resumption.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line {
    /// The run begins or goes on.
    Start {
        /// Steps done before.
        step: u64,
        /// Steps of the run, where they are known.
        steps: Option<u64>,
        /// Parameters of the network.
        parameters: usize,
        /// Pictures to train on.
        pictures: usize,
        /// Pictures that were skipped.
        skipped: usize,
        /// Threads.
        threads: usize,
    },
    /// Means over the steps since the last such line.
    Step {
        /// The last of them.
        step: u64,
        /// Loss.
        loss: f64,
        /// Norm of the gradient before it was cut.
        gradient_norm: f64,
        /// Learning rate of the last step.
        rate: f64,
        /// Patches a second, validations left out.
        patches_per_second: f64,
        /// Part of the time that went by waiting for patches.
        waited: f64,
        /// Seconds.
        seconds: f64,
    },
    /// Scores of the average of the parameters.
    Validation {
        /// After this step.
        step: u64,
        /// Mean PSNR on luma in dB; null where it is infinite.
        psnr_y: Option<f64>,
        /// Seconds.
        seconds: f64,
    },
    /// The number of steps of a run of some minutes was measured.
    Length {
        /// After this step.
        step: u64,
        /// Steps of the run.
        steps: u64,
    },
    /// The run ends, or is interrupted.
    End {
        /// Steps done.
        step: u64,
        /// Whether these are all.
        finished: bool,
        /// Seconds.
        seconds: f64,
        /// Part of them that went by waiting for patches.
        waited: f64,
        /// Energy of the processor packages in joules, of the whole machine.
        energy_j: Option<f64>,
        /// Why that is null.
        energy_reason: Option<String>,
    },
}

impl Line {
    /// Takes a line of the file; nothing where it is none.
    ///
    /// By way of a [`serde_json::Value`]: where another crate of the build turns on
    /// `serde_json/arbitrary_precision`, tagged enums with numbers cannot be read at once.
    pub fn parse(text: &str) -> Option<Self> {
        let value = serde_json::from_str::<serde_json::Value>(text).ok()?;
        serde_json::from_value(value).ok()
    }

    /// Returns the steps that were done when it was written.
    pub fn step(&self) -> u64 {
        match *self {
            Self::Start { step, .. }
            | Self::Step { step, .. }
            | Self::Validation { step, .. }
            | Self::Length { step, .. }
            | Self::End { step, .. } => step,
        }
    }
}

/// The file.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens a file and returns its lines; those after `step`, which will be done again, and what
    /// is no line, as the rest of one, are removed.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Write`].
    pub fn open(path: &Path, step: u64) -> Result<(Self, Vec<Line>)> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => String::new(),
            Err(cause) => {
                let path = path.to_path_buf();
                return Err(Error::Read { path, cause });
            }
        };
        let parsed = text
            .lines()
            .filter_map(|text| Some((text, Line::parse(text)?)));
        let kept: Vec<_> = parsed.filter(|(_, line)| line.step() <= step).collect();
        atomic_file::write(path, |file| {
            kept.iter()
                .try_for_each(|(text, _)| writeln!(file, "{text}"))
        })?;
        let file = OpenOptions::new().append(true).open(path);
        let log = Self {
            file: file.map_err(|cause| write_error(path, cause))?,
            path: path.to_path_buf(),
        };
        Ok((log, kept.into_iter().map(|(_, line)| line).collect()))
    }

    /// Writes a line.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, line: &Line) -> Result<()> {
        let written =
            json::line(line).and_then(|text| self.file.write_all(format!("{text}\n").as_bytes()));
        written.map_err(|cause| write_error(&self.path, cause))
    }
}

fn write_error(path: &Path, cause: io::Error) -> Error {
    Error::Write {
        path: path.to_path_buf(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_and_torn_ones_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let line = |step| Line::Validation {
            step,
            psnr_y: (step != 4).then_some(30.1),
            seconds: 1.5,
        };
        let (mut log, lines) = Log::open(&path, 0).unwrap();
        assert!(lines.is_empty());
        for step in [2, 4, 6] {
            log.write(&line(step)).unwrap();
        }
        log.file.write_all(b"{\"event\":\"vali").unwrap();
        let (mut log, lines) = Log::open(&path, 4).unwrap();
        assert_eq!(lines, [line(2), line(4)]);
        log.write(&line(5)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 3);
        assert!(
            text.lines()
                .all(|it| it.starts_with("{\"schema\":1,\"event\":\"validation\""))
        );
    }
}
