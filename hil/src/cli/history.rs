//! `hil history`: the nights before.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use mambalite::atomic_file;
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::history::{
    self, Filter, History, HistoryError, Series, Thresholds, bmf, sparkline,
};

use super::output::Output;

/// Nights that the table looks at where no number is given.
const LAST: usize = 30;

/// Where the history and its thresholds lie.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The history [default: history.sqlite in $HIL_STATE, or in $XDG_STATE_HOME/mambalite].
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Thresholds over the built-in ones; see docs/nightly.md.
    #[arg(long, value_name = "FILE")]
    thresholds: Option<PathBuf>,
}

impl Place {
    /// Returns the file of the history.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        self.history.clone().map_or_else(History::default_path, Ok)
    }

    /// Reads the thresholds.
    pub(crate) fn thresholds(&self) -> Result<Thresholds> {
        Thresholds::load(self.thresholds.as_deref())
    }
}

/// Shows what was measured night after night, newest last.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Cmd {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    choice: Choice,
    /// Writes the curves to a file, SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Which part of the history.
#[derive(Args, Debug)]
struct Choice {
    #[command(flatten)]
    place: Place,
    /// Only this rig.
    #[arg(long, value_name = "NAME")]
    rig: Option<String>,
    /// Only rigs of this board.
    #[arg(long, value_name = "NAME")]
    board: Option<String>,
    /// Only this measure, as `cycles`.
    #[arg(long, value_name = "NAME")]
    measure: Option<String>,
    /// The newest N runs [default: 30].
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Prints the newest values in a format for other programs.
    Export {
        /// Bencher's metric format, the only one there is.
        #[arg(long, required = true)]
        bmf: bool,
        #[command(flatten)]
        choice: Choice,
    },
    /// Takes the newest run of a rig as what later ones are held against.
    Accept {
        /// Name of the rig.
        #[arg(long, value_name = "NAME")]
        rig: String,
        #[command(flatten)]
        place: Place,
    },
}

impl Choice {
    fn series(&self) -> Result<Vec<Series>> {
        let history = History::open(&self.place.path()?)?;
        let series = history.series(&Filter {
            rig: self.rig.clone(),
            board: self.board.clone(),
            measure: self.measure.clone(),
            last: Some(self.last.unwrap_or(LAST)),
        })?;
        if series.is_empty() {
            let what = "nothing was recorded that fits".to_owned();
            return Err(HistoryError::Nothing { what }.into());
        }
        Ok(series)
    }
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        match self.action {
            Some(Action::Export { choice, .. }) => {
                let thresholds = choice.place.thresholds()?;
                output.line(&bmf(&choice.series()?, &thresholds).to_string());
            }
            Some(Action::Accept { rig, place }) => accept(&rig, &place, output)?,
            None => {
                let series = self.choice.series()?;
                show(&series, output);
                if let Some(path) = self.svg {
                    let svg = history::plot(&series)?;
                    atomic_file::write(&path, |out| out.write_all(svg.as_bytes()))?;
                }
            }
        }
        Ok(EXIT_PASS)
    }
}

fn accept(rig: &str, place: &Place, output: Output) -> Result<()> {
    let accepted = History::open(&place.path()?)?.accept(rig)?;
    if accepted == 0 {
        let what = format!("rig `{rig}` has no run that passed");
        return Err(HistoryError::Nothing { what }.into());
    }
    if !output.json {
        output.line(&format!(
            "accepted the newest run of {accepted} series of `{rig}`"
        ));
    }
    Ok(())
}

fn show(series: &[Series], output: Output) {
    if output.json {
        for it in series {
            output.object("series", it);
        }
        return;
    }
    let mut subject = None;
    for it in series {
        if subject != Some(&it.subject) {
            subject = Some(&it.subject);
            let it = &it.subject;
            output.line(&format!(
                "{} ({}), {} {}",
                it.rig, it.board, it.model, it.precision
            ));
        }
        output.line(&row(it));
    }
}

fn row(series: &Series) -> String {
    let values: Vec<f64> = series.points.iter().map(|it| it.value).collect();
    let newest = values.last().copied().unwrap_or_default();
    let first = values.first().copied().unwrap_or_default();
    let change = if first == 0.0 || newest == first {
        String::new()
    } else {
        format!("{:+.2} %", (newest - first) / first.abs() * 100.0)
    };
    let value = format!("{newest:.4}");
    let value = value.trim_end_matches('0').trim_end_matches('.');
    format!(
        "  {:<17} {value:>14} {:<6} {change:>10}  {}",
        series.measure,
        series.unit,
        sparkline(&values)
    )
}
