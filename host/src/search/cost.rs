//! What a network costs, known before it is trained.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use mambalite_kernels::{Model, Plan};
use serde::{Deserialize, Serialize};

use super::SearchError;
use super::config::Budget;
use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, upscale};
use crate::{Result, parallel};

/// Times that a network is run on this machine; the shortest counts.
const RUNS: usize = 20;
/// Stands for the path of the model in a command that measures.
const MODEL: &str = "{model}";

/// What a network costs in a number format.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Cost {
    /// Trained numbers.
    pub parameters: usize,
    /// Multiply-accumulates of an LR pixel.
    pub macs_per_lr_pixel: usize,
    /// Bytes of the model, in flash.
    pub flash_bytes: usize,
    /// Bytes of the arena and of the bound of the stack on a board, for rows of the budget's width.
    pub ram_bytes: usize,
    /// Milliseconds of a square of the budget's width: what the budget's command says, or the
    /// shortest of twenty runs on one thread of this machine.
    pub milliseconds: f64,
}

impl Cost {
    /// Measures a network; `path` is that of its file.
    ///
    /// # Errors
    /// [`SearchError::Measure`]; [`crate::Error::Run`] for a network that cannot be run.
    pub fn measure(file: &ModelFile, path: &Path, budget: &Budget) -> Result<Self> {
        let model = file.model();
        let config = model.config();
        let plan = Plan::microcontroller(&model, budget.row_width.into());
        Ok(Self {
            parameters: config.parameters(model.forms()),
            macs_per_lr_pixel: config.macs_per_pixel(model.forms()),
            flash_bytes: plan.flash_bytes,
            ram_bytes: plan.arena_bytes + plan.stack_bytes,
            milliseconds: match &budget.measure {
                Some(command) => asked(command, path)?,
                None => timed(&model, budget.row_width.into())?,
            },
        })
    }

    /// Names what is more than the budget allows, with both numbers.
    pub fn exceeds(&self, budget: &Budget) -> Option<String> {
        let bytes = [
            ("flash", self.flash_bytes, budget.flash),
            ("ram", self.ram_bytes, budget.ram),
            ("macs", self.macs_per_lr_pixel, budget.macs),
        ];
        let bytes = bytes.into_iter().find_map(|(key, found, limit)| {
            let limit = limit.filter(|&limit| found > limit)?;
            Some(format!("{key} {found}, the budget {limit}"))
        });
        bytes.or_else(|| {
            let found = self.milliseconds;
            let limit = budget.milliseconds.filter(|&limit| found > limit)?;
            Some(format!("milliseconds {found:.2}, the budget {limit}"))
        })
    }
}

/// Takes the time on one thread of this machine.
fn timed(model: &Model<'_>, side: usize) -> Result<f64> {
    let config = model.config();
    // Its values decide nothing: no kernel's work depends on them.
    let samples = (0..side * side * config.channels).map(|i| (i * 37 % 251) as u8);
    let picture = Picture::new(side, side, config.channels, samples.collect())?;
    parallel::pool(1)?.install(|| {
        let mut least = f64::INFINITY;
        for _ in 0..RUNS {
            let began = Instant::now();
            upscale(model, &picture, Executor::Stream)?;
            least = least.min(began.elapsed().as_secs_f64());
        }
        Ok(least * 1e3)
    })
}

/// Asks the budget's command.
fn asked(command: &[String], path: &Path) -> Result<f64> {
    let refused = |cause: String| SearchError::Measure {
        command: command.join(" "),
        cause,
    };
    let path = path.display().to_string();
    let mut words = command.iter().map(|word| word.replace(MODEL, &path));
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .output()
        .map_err(|cause| refused(cause.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refused(format!("{}: {}", output.status, said.trim())).into());
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.trim().lines().last().unwrap_or_default().trim();
    let number: Option<f64> = last.parse().ok();
    match number.filter(|it| it.is_finite() && *it >= 0.0) {
        Some(number) => Ok(number),
        None => Err(refused(format!("its last line is `{last}`, not a number")).into()),
    }
}
