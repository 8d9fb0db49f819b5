//! `mambalite train` and `mambalite distill`: a run of training, from its configuration.

use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mambalite::Result;
use mambalite::train::TrainError;
use mambalite::train::begin::Beginning;
use mambalite::train::config::Config;
use mambalite::train::run::folder::example;
use mambalite::train::run::log::Line;
use mambalite::train::run::observer::{Observer, Progress};
use mambalite::train::run::stop::Stop;
use mambalite::train::run::{Task, run};

use super::output::Output;
use super::progress;

const TRAIN_EXAMPLES: &str = "\
Examples:
  mambalite train --example > first.toml     # every key with its default: edit the folders
  mambalite train first.toml
  mambalite train first.toml --resume        # after Ctrl-C, a crash or a kill

The run's folder gets config.toml, run.json, log.jsonl, curve.svg, checkpoint.safetensors and
model.mls, which `mambalite eval`, `upscale` and `quantize` take.";

const DISTILL_EXAMPLES: &str = "\
Examples:
  mambalite compress teacher.mls --calibration photos/ --parameters 300000 --output small.mls
  mambalite distill --example > small.toml   # then set model.start = \"small.mls\"
  mambalite distill small.toml

The folder of a run and --resume are those of `mambalite train`.";

/// Trains a network on folders of pictures.
///
/// The configuration says everything: network, pictures, loss, optimizer, length. Ctrl-C ends
/// after the step that is under way and keeps all of it; a second Ctrl-C ends at once.
#[derive(Args, Debug)]
#[command(after_help = TRAIN_EXAMPLES)]
pub(crate) struct Train {
    #[command(flatten)]
    run: RunArgs,
}

/// Trains a network to do what a larger one does, and to be right.
///
/// As `mambalite train`, with the table [distill] in the configuration: the loss is a part of the
/// difference from the teacher's output, and the rest of that from the truth.
#[derive(Args, Debug)]
#[command(after_help = DISTILL_EXAMPLES)]
pub(crate) struct Distill {
    #[command(flatten)]
    run: RunArgs,
}

/// Arguments of the commands that run from a configuration.
#[derive(Args, Debug)]
pub(super) struct RunArgs {
    /// The configuration (TOML); paths in it are relative to the folder that the command runs in.
    #[arg(value_name = "CONFIG", required_unless_present = "example")]
    pub(super) config: Option<PathBuf>,
    /// Prints a configuration with every key, and ends.
    #[arg(long, conflicts_with_all = ["config", "resume"])]
    pub(super) example: bool,
    /// Goes on in its folder, to the same bits as without an interruption.
    #[arg(long)]
    pub(super) resume: bool,
}

impl Train {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        self.run.run(output, false)
    }
}

impl Distill {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        self.run.run(output, true)
    }
}

impl RunArgs {
    fn run(self, output: Output, teaches: bool) -> Result<()> {
        // Without a file there is the wish for an example.
        let Some(path) = self.config else {
            return output.text(|| example(teaches).trim_end().to_owned());
        };
        let (config, text) = Config::load_with_text(&path)?;
        let cause = match (teaches, config.distill.is_some()) {
            (true, false) => {
                Some("key `distill`: there is no teacher; name one, or `mambalite train`")
            }
            (false, true) => {
                Some("key `distill`: it is for `mambalite distill`; remove it, or use that")
            }
            _ => None,
        };
        if let Some(cause) = cause {
            let cause = cause.to_owned();
            return Err(TrainError::Config { path, cause }.into());
        }
        let stop = Stop::on_signals()?;
        let screen = Screen::new(output);
        let Beginning {
            network,
            start,
            kind,
        } = Beginning::new(&config)?;
        let task = Task {
            model: &network,
            values: network.initial(),
            start,
            kind,
            config: &config,
            text: &text,
            resume: self.resume,
        };
        let outcome = run(task, &screen, &stop);
        screen.bar.finish_and_clear();
        let outcome = outcome?;
        output.text(|| {
            let (folder, step) = (outcome.folder.display(), outcome.step);
            let score = outcome.psnr_y.map(|psnr| format!(", {psnr:.3} dB"));
            let score = score.unwrap_or_default();
            if outcome.finished {
                return format!("{step} steps done{score}: {folder}/model.mls, {folder}/curve.svg");
            }
            format!(
                "stopped after {step} steps{score}; go on with `mambalite {} {} --resume`",
                if teaches { "distill" } else { "train" },
                path.display()
            )
        })
    }
}

/// Shows a run: a bar and lines on stderr, or lines of JSON on stdout.
struct Screen {
    output: Output,
    bar: ProgressBar,
}

impl Screen {
    fn new(output: Output) -> Self {
        Self {
            output,
            bar: progress::bar(output, 0, "pictures"),
        }
    }
}

impl Observer for Screen {
    fn preparing(&self, what: &str, done: usize, total: usize) {
        self.bar.set_message(what.to_owned());
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
    }

    fn warn(&self, message: &str) {
        self.bar.suspend(|| eprintln!("warning: {message}"));
    }

    fn line(&self, line: &Line) -> Result<()> {
        if self.output.json {
            return self.output.print(line, String::new);
        }
        if matches!(line, Line::Start { .. }) {
            let style = "{wide_bar} {human_pos}/{human_len} steps {msg}";
            // The template is fixed; a mistake in it would leave the bar as it was.
            if let Ok(style) = ProgressStyle::with_template(style) {
                self.bar.set_style(style);
            }
        }
        if let Some(text) = text(line) {
            self.bar.suspend(|| eprintln!("{text}"));
        }
        Ok(())
    }

    fn step(&self, progress: &Progress) {
        self.bar.set_length(progress.steps.unwrap_or_default());
        self.bar.set_position(progress.step);
        let psnr = progress.psnr_y.map(|psnr| format!(", {psnr:.3} dB"));
        let left = progress.seconds_left.map(|seconds| {
            let seconds = seconds as u64;
            format!(", {}:{:02} left", seconds / 60, seconds % 60)
        });
        self.bar.set_message(format!(
            "loss {:.5}{}, {:.1} patches/s, {:.0} % waiting{}",
            progress.loss,
            psnr.unwrap_or_default(),
            progress.patches_per_second,
            100.0 * progress.waited,
            left.unwrap_or_default()
        ));
    }
}

/// Returns a line of the log in words; steps are shown by the bar.
fn text(line: &Line) -> Option<String> {
    Some(match line {
        Line::Start {
            step,
            parameters,
            pictures,
            skipped,
            ..
        } => format!(
            "{parameters} parameters, {pictures} pictures ({skipped} skipped), from step {step}"
        ),
        Line::Step { .. } => return None,
        Line::Validation {
            step,
            psnr_y,
            seconds,
        } => {
            let minutes = seconds / 60.0;
            let psnr = psnr_y.map_or("no error".to_owned(), |psnr| format!("{psnr:.3} dB"));
            format!("step {step}: {psnr} after {minutes:.1} minutes")
        }
        Line::Length { steps, .. } => format!("{steps} steps fit"),
        Line::End {
            energy_j,
            energy_reason,
            ..
        } => match (energy_j, energy_reason) {
            (Some(joules), _) => format!("energy of the processor: {joules:.0} J"),
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("no meter");
                format!("energy: unknown ({reason})")
            }
        },
    })
}
