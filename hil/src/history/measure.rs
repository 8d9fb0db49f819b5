//! The numbers that are kept of each run of a board.

use serde::{Deserialize, Serialize};

use crate::board::Counter;
use crate::report::{BoardReport, JobReport, Scores};

/// Which way is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Better {
    /// More is worse.
    Lower,
    /// Less is worse.
    Higher,
}

/// A number with a name.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// Name, as in the thresholds and on the command line.
    pub name: &'static str,
    /// Unit, empty for a count.
    pub unit: &'static str,
    /// Which way is worse.
    pub better: Better,
    of: fn(&BoardReport) -> Option<f64>,
}

impl Measure {
    /// All there are: one line each, and one in `thresholds.toml`.
    pub const ALL: &'static [Self] = &[
        count("layers-compared", Better::Higher, |it| layers(it, |_| true)),
        count("layers-differing", Better::Lower, |it| {
            layers(it, |equal| !equal)
        }),
        count("tiles-differing", Better::Lower, |it| {
            number(it.jobs.iter().filter(|job| !job.is_equal()).count())
        }),
        count("faults-caught", Better::Higher, |it| {
            number(it.controls.iter().filter(|control| control.caught).count())
        }),
        lower("cycles", "cycles", |it| counted(it, Counter::Cycles)),
        lower("instructions", "instructions", |it| {
            counted(it, Counter::Instructions)
        }),
        lower("energy", "J", BoardReport::energy_j),
        lower("firmware-flash", "B", |it| {
            number(it.firmware.as_ref()?.flash_bytes)
        }),
        lower("model-flash", "B", |it| number(it.memory.flash_bytes)),
        lower("arena", "B", |it| number(it.memory.arena_used_bytes?)),
        lower("stack", "B", |it| number(it.memory.stack_used_bytes?)),
        count("frames-bad", Better::Lower, |it| {
            number(it.link.bad() + it.link.frames_lost)
        }),
        lower("bytes-resent", "B", |it| number(it.link.bytes_resent)),
        count("repeats", Better::Lower, |it| {
            let link = &it.link;
            number(link.naks + link.resends + link.requests_repeated + link.jobs_repeated)
        }),
        Self {
            name: "psnr",
            unit: "dB",
            better: Better::Higher,
            of: |it| mean_score(it, |scores| scores.psnr_y_db),
        },
        count("ssim", Better::Higher, |it| {
            mean_score(it, |scores| scores.ssim_y)
        }),
        count("attempts", Better::Lower, |it| {
            number(it.attempts.len() + 1)
        }),
        lower("wall", "ms", |it| {
            Some(it.jobs.iter().map(|job| job.wall_ms).sum())
        }),
    ];

    /// Returns the measure of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|measure| measure.name == name)
    }

    /// Returns the value in a report. Nothing where the board does not count it or the run did
    /// not come to its end: half of the cycles are no improvement.
    #[must_use]
    pub fn of(&self, report: &BoardReport) -> Option<f64> {
        if report.failure.is_some() || report.jobs.is_empty() {
            return None;
        }
        (self.of)(report).filter(|value| value.is_finite())
    }
}

const fn lower(
    name: &'static str,
    unit: &'static str,
    of: fn(&BoardReport) -> Option<f64>,
) -> Measure {
    Measure {
        name,
        unit,
        better: Better::Lower,
        of,
    }
}

const fn count(name: &'static str, better: Better, of: fn(&BoardReport) -> Option<f64>) -> Measure {
    Measure {
        name,
        unit: "",
        better,
        of,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "bytes, frames and cycles of a night lie below 2^53"
)]
fn number(value: impl TryInto<u64>) -> Option<f64> {
    value.try_into().ok().map(|value| value as f64)
}

fn layers(report: &BoardReport, wanted: fn(bool) -> bool) -> Option<f64> {
    let of_job = |job: &JobReport| job.layers.iter().filter(|it| wanted(it.equal)).count();
    number(report.jobs.iter().map(of_job).sum::<usize>())
}

/// Returns what the network took in all tiles, where the board counts in this unit.
fn counted(report: &BoardReport, counter: Counter) -> Option<f64> {
    let cycles: Option<u64> = report.jobs.iter().map(|job| job.cycles).sum();
    (report.board.counter == counter).then_some(())?;
    number(cycles?)
}

/// Returns the mean over the pictures with a ground truth.
fn mean_score(report: &BoardReport, of: fn(Scores) -> f64) -> Option<f64> {
    let scores = report.pictures.iter().filter_map(|it| it.board_scores);
    let values: Vec<f64> = scores.map(of).collect();
    Some(values.iter().sum::<f64>() / number(values.len())?)
}
