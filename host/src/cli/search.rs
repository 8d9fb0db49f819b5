//! `mambalite search`: the network for a budget.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use mambalite::Result;
use mambalite::search::config::{EXAMPLE, SearchConfig};
use mambalite::search::trial::Scores;
use mambalite::search::{SearchObserver, Trial, search};
use mambalite::train::run::log::Line;
use mambalite::train::run::observer::{Observer, Progress};
use mambalite::train::run::stop::Stop;
use serde::Serialize;

use super::output::Output;
use super::progress;
use super::train::RunArgs;

const EXAMPLES: &str = "\
Examples:
  mambalite train --example > first.toml     # what is not varied: edit the folders
  mambalite search --example > search.toml   # what is varied, and the budget
  mambalite search search.toml
  mambalite search search.toml --resume      # after Ctrl-C, a crash or a kill

The search's folder gets report.json, pareto.svg and the folder of each run with its models.";

/// Chooses width, depth, rank, states, teacher's weight and number format for a budget.
///
/// Networks within the budget are trained for a short time, the best by PSNR and milliseconds
/// again for a longer one, and so on (successive halving). The table marks those of the last rung
/// that none beats in both.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    #[command(flatten)]
    run: RunArgs,
}

/// A run that is done, as `--json` prints it.
#[derive(Serialize)]
struct Done<'a> {
    event: &'static str,
    #[serde(flatten)]
    trial: &'a Trial,
    #[serde(flatten)]
    scores: &'a Scores,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<()> {
        // Without a file there is the wish for an example.
        let Some(path) = self.run.config else {
            return output.text(|| EXAMPLE.trim_end().to_owned());
        };
        let (config, base) = SearchConfig::load(&path)?;
        let stop = Stop::on_signals()?;
        let screen = Screen::new(output);
        let report = search(&config, &base, self.run.resume, &screen, &stop);
        screen.bar.finish_and_clear();
        let report = report?;
        output.print(&report, || {
            let (table, folder) = (report.text(), config.run.folder.display());
            match report.finished {
                true => format!("{table}\n{folder}/report.json, {folder}/pareto.svg"),
                false => {
                    let path = path.display();
                    format!("{table}\nstopped; go on with `mambalite search {path} --resume`")
                }
            }
        })
    }
}

/// Shows a search: a bar and lines on stderr, or lines of JSON on stdout.
struct Screen {
    output: Output,
    bar: ProgressBar,
}

impl Screen {
    fn new(output: Output) -> Self {
        let bar = progress::bar(output, 0, "runs");
        // The template is fixed; a mistake in it would leave the bar as it was.
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} runs {msg}") {
            bar.set_style(style);
        }
        Self { output, bar }
    }
}

impl Observer for Screen {
    fn preparing(&self, _what: &str, _done: usize, _total: usize) {}

    fn warn(&self, message: &str) {
        self.bar.suspend(|| eprintln!("warning: {message}"));
    }

    fn line(&self, _line: &Line) -> Result<()> {
        Ok(())
    }

    fn step(&self, progress: &Progress) {
        let steps = progress.steps.unwrap_or_default();
        let (step, loss) = (progress.step, progress.loss);
        self.bar
            .set_message(format!("{step}/{steps} steps, loss {loss:.5}"));
    }
}

impl SearchObserver for Screen {
    fn planned(&self, runs: u64) {
        self.bar.set_length(runs);
    }

    fn begins(&self, run: &str) {
        if !self.output.json {
            self.bar.suspend(|| eprintln!("{run}"));
        }
    }

    fn done(&self, trial: &Trial, scores: &Scores) -> Result<()> {
        self.bar.inc(1);
        if self.output.json {
            let event = "run";
            let line = Done {
                event,
                trial,
                scores,
            };
            return self.output.print(&line, String::new);
        }
        let psnrs = scores.psnr_y.iter();
        let psnrs: Vec<_> = psnrs
            .map(|(it, psnr)| format!("{it} {psnr:.3} dB"))
            .collect();
        self.bar.suspend(|| {
            eprintln!("  seed {}: {}", trial.seed + 1, psnrs.join(", "));
        });
        Ok(())
    }
}
