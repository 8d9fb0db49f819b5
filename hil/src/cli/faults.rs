//! `hil faults`: evidence that the harness tells faults apart.

use clap::Args;
use mambalite_hil::Result;
use mambalite_hil::error::{EXIT_BUG, EXIT_PASS};
use mambalite_hil::fault::{Expected, Found, Scenario, Session};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::verdict::{Stage, Verdict};

use super::boards;
use super::output::Output;

/// Board where none is named.
const BOARD: &str = "qemu-mps2-an386";

const EXAMPLES: &str = "\
Examples:
  hil faults
  hil faults --board qemu-mps2-an500 --scenario fault --scenario wrong-bits --json";

/// Lets faults into a virtual board and checks that each gets the verdict that it should.
///
/// One small job for each scenario: a damaged line, a board that hangs, crashes, resets or
/// vanishes, wrong bits. See docs/faults.md. A scenario that is told wrongly makes the exit code 1.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Virtual board. See `hil boards list`.
    #[arg(long, value_name = "NAME", default_value = BOARD)]
    board: String,
    /// Scenario; all that suit the board if none is named.
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<Scenario>,
    /// Where and when faults happen follows from it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Takes the firmware as it was built last.
    #[arg(long)]
    no_build: bool,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let interrupt = Interrupt::on_signals()?;
        let session = Session::new(&boards::find()?, &self.board, !self.no_build, &interrupt)?;
        let scenarios = if self.scenarios.is_empty() {
            session.scenarios()
        } else {
            self.scenarios
        };
        if !output.json {
            output.line(&format!(
                "{:<16} {:<22} {:<22} {:>6}",
                "SCENARIO", "EXPECTED", "FOUND", "TIME"
            ));
        }
        let mut code = EXIT_PASS;
        for scenario in scenarios {
            let found = session.run(scenario, self.seed)?;
            if !found.is_as_expected() {
                code = EXIT_BUG;
            }
            show(output, &found);
        }
        Ok(code)
    }
}

fn show(output: Output, found: &Found) {
    if output.json {
        output.object("fault", found);
        return;
    }
    let Expected { verdict, stage } = found.expected;
    let expected = describe(verdict, stage);
    output.line(&format!(
        "{:<16} {expected:<22} {:<22} {:>4.1} s{}",
        found.scenario,
        describe(found.verdict, found.stage),
        found.duration_s,
        if found.is_as_expected() {
            ""
        } else {
            "  WRONG"
        }
    ));
    if let Some(cause) = &found.not_injected {
        output.line(&format!("  {cause}"));
    }
    if !found.is_as_expected() && !found.cause.is_empty() {
        output.line(&format!("  {}", found.cause));
    }
    if let Some(crash) = &found.crash {
        for line in crash.to_string().lines() {
            output.line(&format!("  {line}"));
        }
    }
}

/// Returns verdict and stage, as `LINK at stream`.
fn describe(verdict: Verdict, stage: Option<Stage>) -> String {
    match stage {
        Some(stage) => format!("{} at {}", verdict.word(), stage.word()),
        None => verdict.word().to_owned(),
    }
}
