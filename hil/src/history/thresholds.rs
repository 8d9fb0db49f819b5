//! How much worse a measure may be: `hil/thresholds.toml`, and a file of the user over it.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::{HistoryError, Measure, Subject};
use crate::error::{Error, Result};

/// What the program brings along.
const DEFAULTS: &str = include_str!("../../thresholds.toml");
/// Version of the file.
const SCHEMA: u32 = 1;
/// Firmware images that are kept of each board where no file says otherwise.
const FIRMWARE_KEPT: usize = 50;

/// How a value is held against the nights before.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "test", deny_unknown_fields)]
pub enum Test {
    /// No worse than the best of the window.
    Exact,
    /// No worse than the median of the window by more than so much.
    #[serde(rename_all = "kebab-case")]
    NearExact {
        /// Part of the median.
        #[serde(default)]
        relative: f64,
        /// In the measure's unit; added to the former.
        #[serde(default)]
        absolute: f64,
    },
    /// Within the one-sided prediction interval of Student's t over the window, or worse than its
    /// mean by less than the least change that matters.
    #[serde(rename_all = "kebab-case")]
    Statistical {
        /// Chance of a false alarm, per night and measure.
        significance: f64,
        /// Nights that it takes; with fewer there is no verdict.
        samples_min: usize,
        /// Least change that matters, part of the mean.
        #[serde(default)]
        relative_min: f64,
        /// Least change that matters, in the measure's unit; the larger of both counts.
        #[serde(default)]
        absolute_min: f64,
    },
    /// Shown and never judged.
    Informative,
}

/// The thresholds of all rigs and measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    window: usize,
    firmware_kept: usize,
    measures: BTreeMap<String, Test>,
    overrides: Vec<Override>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct File {
    schema: u32,
    window: Option<usize>,
    firmware_kept: Option<usize>,
    #[serde(default)]
    measures: BTreeMap<String, Test>,
    #[serde(default)]
    overrides: Vec<Override>,
}

/// Another test for some rigs.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Override {
    rig: Option<String>,
    board: Option<String>,
    precision: Option<String>,
    measure: String,
    threshold: Test,
}

impl Thresholds {
    /// Reads the defaults and, over them, the file at `path`: its measures replace those of the
    /// defaults, of its overrides the last that fits counts.
    ///
    /// # Errors
    /// [`HistoryError::Thresholds`], [`Error::Read`].
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let mut all = Self {
            window: 30,
            firmware_kept: FIRMWARE_KEPT,
            measures: BTreeMap::new(),
            overrides: Vec::new(),
        };
        all.add(DEFAULTS)
            .map_err(|cause| HistoryError::Thresholds {
                path: "hil/thresholds.toml".into(),
                cause,
            })?;
        if let Some(path) = path {
            let text = std::fs::read_to_string(path).map_err(Error::read(path))?;
            all.add(&text).map_err(|cause| HistoryError::Thresholds {
                path: path.to_owned(),
                cause,
            })?;
        }
        Ok(all)
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != SCHEMA {
            return Err(format!("its schema is {}, known is {SCHEMA}", file.schema));
        }
        let of_overrides = file.overrides.iter().map(|it| (&it.measure, &it.threshold));
        for (measure, test) in file.measures.iter().chain(of_overrides) {
            if Measure::find(measure).is_none() {
                let known: Vec<_> = Measure::ALL.iter().map(|it| it.name).collect();
                let known = known.join(", ");
                return Err(format!(
                    "there is no measure `{measure}`; there are: {known}"
                ));
            }
            check(test).map_err(|cause| format!("measure `{measure}`: {cause}"))?;
        }
        if file.window == Some(0) || file.firmware_kept == Some(0) {
            return Err("`window` and `firmware-kept` begin at 1".to_owned());
        }
        self.window = file.window.unwrap_or(self.window);
        self.firmware_kept = file.firmware_kept.unwrap_or(self.firmware_kept);
        self.measures.extend(file.measures);
        self.overrides.extend(file.overrides);
        Ok(())
    }

    /// Returns the test of a measure; what no file names is informative.
    #[must_use]
    pub fn test(&self, subject: &Subject, measure: &str) -> Test {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|it| it == is);
        let special = self.overrides.iter().rev().find(|it| {
            it.measure == measure
                && fits(&it.rig, &subject.rig)
                && fits(&it.board, &subject.board)
                && fits(&it.precision, &subject.precision)
        });
        match special {
            Some(found) => found.threshold,
            None => *self.measures.get(measure).unwrap_or(&Test::Informative),
        }
    }

    /// Returns the number of nights that a value is held against.
    #[must_use]
    pub fn window(&self) -> usize {
        self.window
    }

    /// Returns the number of firmware images that are kept of each board.
    #[must_use]
    pub fn firmware_kept(&self) -> usize {
        self.firmware_kept
    }
}

fn check(test: &Test) -> Result<(), String> {
    let (shares, samples) = match *test {
        Test::Exact | Test::Informative => return Ok(()),
        Test::NearExact { relative, absolute } => ([relative, absolute], 2),
        Test::Statistical {
            significance,
            samples_min,
            relative_min,
            absolute_min,
        } => {
            if !(significance > 0.0 && significance < 0.5) {
                return Err("`significance` lies between 0 and 0.5".to_owned());
            }
            ([relative_min, absolute_min], samples_min)
        }
    };
    if samples < 2 {
        return Err("`samples-min` is at least 2: one value has no spread".to_owned());
    }
    if shares.iter().any(|it| !it.is_finite() || *it < 0.0) {
        return Err("a change that is allowed is 0 or more".to_owned());
    }
    Ok(())
}
