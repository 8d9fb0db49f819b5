//! How long a network takes: on this machine, or where a command runs it, such as on a board.

use std::process::Command;
use std::time::Instant;

use mambalite_kernels::Model;

use crate::model_file::ModelFile;
use crate::picture::Picture;
use crate::upscale::{Executor, upscale};
use crate::{Error, Result, parallel};

/// Times that a network is run on this machine; the shortest counts.
const RUNS: usize = 20;
/// Stands for the path of the model in a command.
const MODEL: &str = "{model}";

/// Takes the time of networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// A program and its arguments, which prints the milliseconds of the model file `{model}` in its
    /// last line; one thread of this machine runs the network where there is none.
    pub command: Option<Vec<String>>,
    /// Side of the square picture that this machine runs it on, in LR pixels.
    pub side: usize,
}

impl Clock {
    /// Returns the milliseconds of a network: what the command says, or the shortest of twenty runs.
    ///
    /// # Errors
    /// [`Error::Measure`]; [`Error::Run`] for a network that cannot be run.
    pub fn milliseconds(&self, file: &ModelFile) -> Result<f64> {
        match &self.command {
            Some(command) => asked(command, file),
            None => timed(&file.model(), self.side),
        }
    }
}

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

fn asked(command: &[String], file: &ModelFile) -> Result<f64> {
    let refused = |cause: String| Error::Measure {
        command: command.join(" "),
        cause,
    };
    let folder = tempfile::tempdir().map_err(|cause| refused(cause.to_string()))?;
    let path = folder.path().join("model.mls");
    file.save(&path)?;
    let path = path.display().to_string();
    let mut words = command.iter().map(|word| word.replace(MODEL, &path));
    let output = Command::new(words.next().unwrap_or_default())
        .args(words)
        .output()
        .map_err(|cause| refused(cause.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refused(format!("{}: {}", output.status, said.trim())));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.trim().lines().last().unwrap_or_default().trim();
    let number: Option<f64> = last.parse().ok();
    match number.filter(|it| it.is_finite() && *it >= 0.0) {
        Some(number) => Ok(number),
        None => Err(refused(format!("its last line is `{last}`, not a number"))),
    }
}
