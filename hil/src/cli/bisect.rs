//! `hil bisect`: which firmware was the first bad one.

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::history::History;
use mambalite_hil::history::bisect::{self, Candidate, CommandJudge, Order, Outcome, Ruling};
use mambalite_hil::interrupt::Interrupt;
use serde::Serialize;

use super::history::Place;
use super::output::Output;

/// Verdict as a measure.
const VERDICT: &str = "verdict";

const EXAMPLES: &str = "\
The command runs once for each firmware that is tried. {elf} stands for the image, {out} for an empty
folder. If it leaves a report.json there, that is judged; else its exit code is: 0 good, 125 cannot
tell, 1 to 124 bad.

Example:
  hil bisect --rig bench-m7 --measure cycles -- ./run-one.sh {elf} {out}";

/// Finds the first bad one of the firmware images that a rig ran.
///
/// The images lie beside the history, in the order of their first run. Both ends are tried first,
/// then as few of those between as tell the first bad one.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Name of the rig.
    #[arg(long, value_name = "NAME")]
    rig: String,
    /// What became worse: a measure, or `verdict`.
    #[arg(long, value_name = "NAME", default_value = VERDICT)]
    measure: String,
    /// Number format, where the rig runs several.
    #[arg(long, value_name = "NAME")]
    precision: Option<String>,
    /// A good firmware: begin of its SHA-256, or git's description; else the newest good one.
    #[arg(long, value_name = "NAME")]
    good: Option<String>,
    /// A bad firmware; else the newest.
    #[arg(long, value_name = "NAME")]
    bad: Option<String>,
    /// Runs that a firmware must pass to be good.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    #[command(flatten)]
    place: Place,
    /// The command that runs a firmware.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

#[derive(Serialize)]
struct BisectLine<'a> {
    first_bad: Option<&'a Candidate>,
    suspects: &'a [Candidate],
    last_good: &'a Candidate,
    runs: u32,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let history = History::open(&self.place.path()?)?;
        let order = Order {
            rig: self.rig,
            measure: (self.measure != VERDICT).then_some(self.measure),
            precision: self.precision,
            good: self.good,
            bad: self.bad,
        };
        let case = history.case(&order, &self.place.thresholds()?)?;
        let interrupt = Interrupt::on_signals()?;
        let precision = &case.subject.precision;
        let mut judge = CommandJudge::new(&order.rig, precision, self.command, interrupt);
        let store = history.store();
        let mut told = |candidate: &Candidate, ruling: Ruling| {
            let word = match ruling {
                Ruling::Good => "good",
                Ruling::Bad => "bad",
                Ruling::Skip => "cannot be told",
            };
            eprintln!("{}: {word}", name(candidate));
        };
        let outcome = bisect::bisect(&case, &store, self.repeat, &mut judge, &mut told)?;
        tell(&outcome, output);
        Ok(EXIT_PASS)
    }
}

fn tell(outcome: &Outcome, output: Output) {
    let first_bad = match outcome.suspects.as_slice() {
        [one] => Some(one),
        _ => None,
    };
    if output.json {
        let line = BisectLine {
            first_bad,
            suspects: &outcome.suspects,
            last_good: &outcome.last_good,
            runs: outcome.rulings.iter().map(|(.., runs)| runs).sum(),
        };
        output.object("bisect", line);
        return;
    }
    output.line(&format!("last good: {}", name(&outcome.last_good)));
    match first_bad {
        Some(one) => output.line(&format!("first bad: {}", name(one))),
        None => {
            output.line("first bad: one of these; all but the last cannot be told");
            for it in &outcome.suspects {
                output.line(&format!("  {}", name(it)));
            }
        }
    }
}

fn name(candidate: &Candidate) -> String {
    let revision = candidate.revision.as_deref().unwrap_or("source not known");
    format!(
        "{} ({revision}, first run {})",
        candidate.sha256, candidate.started
    )
}
