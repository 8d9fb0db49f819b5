//! `hil certify`: signed evidence that a firmware is bit-exact on a board.

use std::path::PathBuf;

use clap::Args;
use mambalite::registry;
use mambalite_hil::Result;
use mambalite_hil::certify::{self, Order, Outcome};
use mambalite_hil::error::{EXIT_NOTHING, EXIT_PASS};
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::state::State;
use mambalite_hil::verify::trust_file;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Precision;
use serde::Serialize;

use super::output::Output;
use super::progress::Bars;
use super::run::{command_line, precision_parser};
use super::{boards, rigs};

/// Folder of the certificates where none is named: one that git ignores, so that they do not make the
/// source dirty.
pub(super) const OUT: &str = "target/certificates";

/// Name of the key in the folder of the state.
const KEY: &str = "certify.key";

const EXAMPLES: &str = "\
Examples:
  hil certify --board qemu-mps2-an386 --precision w8a8
  hil certify --bench virtual --precision w8a8 --precision w8a16 --precision f32
  hil certify --rig bench-m7 --precision w8a8 --key lab.key --out ../certificates
  hil certify --board qemu-mps2-an500 --precision w8a8 --previous ../certificates/old.intoto.jsonl
  hil certify --board qemu-mps2-an386 --waivers waivers.toml --soak 100";

/// Shows that a firmware computes on a board exactly what the reference does, and signs it.
///
/// Builds the firmware twice, flashes it and reads it back, checks every operator on the board and every
/// vector of the suite, again and again, and lets faults in that must be seen. Signs only where every
/// one of these is as it must be and the source is a commit with nothing beside it; else it lists every
/// reason, and writes what it found with `unsigned` in its name. See docs/certification.md.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Virtual board, made for this; several one after the other. See `hil boards list`.
    #[arg(long = "board", value_name = "NAME")]
    boards: Vec<String>,
    #[command(flatten)]
    choice: rigs::Choice,
    /// Name of a shipped model, or a model file.
    #[arg(long, value_name = "NAME|FILE", default_value = registry::DEFAULT)]
    model: String,
    /// Number format, one certificate for each. Without it a shipped model is taken in f32 and a file as
    /// it is.
    #[arg(long = "precision", value_parser = precision_parser())]
    precisions: Vec<Precision>,
    /// Suite of vectors to take instead of the one that `hil vectors` makes of the model.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,
    /// Folder of the certificates; it is made where it is missing.
    #[arg(long, value_name = "DIR", default_value = OUT)]
    out: PathBuf,
    /// Private key, see `hil key new` [default: certify.key in the folder of leases and history].
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The certificate before this one, of the same board, model and precision.
    #[arg(long, value_name = "CERT")]
    previous: Option<PathBuf>,
    /// Keys that may have signed it [default: the one that signs now].
    #[arg(long, value_name = "FILE", requires = "previous")]
    trust: Option<PathBuf>,
    /// Rounds through the suite after the first.
    #[arg(long, value_name = "N", default_value_t = 3)]
    soak: u32,
    /// Checks that may be skipped: TOML tables [[waiver]] of check, reason, owner, expires.
    #[arg(long, value_name = "FILE")]
    waivers: Option<PathBuf>,
    /// How long a board that another run has is waited for.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    wait: humantime::Duration,
    /// Longest time for one board with one precision.
    #[arg(long, value_name = "TIME", default_value = "2h")]
    limit: humantime::Duration,
}

/// What is printed of one certificate.
#[derive(Serialize)]
struct Line<'a> {
    rig: &'a str,
    board: &'a str,
    model: &'a str,
    precision: &'a str,
    signed: bool,
    id: &'a str,
    operators: usize,
    vectors: usize,
    passed: usize,
    skipped: usize,
    failed: usize,
    flaky: usize,
    soak_jobs: u64,
    controls_caught: usize,
    reasons: &'a [String],
    path: &'a std::path::Path,
    exit_code: u8,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let state = State::from_environment()?;
        // The key first: without it the work would be for nothing.
        let key = self.key.unwrap_or_else(|| state.root().join(KEY));
        let key = SigningKey::read(&key)?;
        let trust = match &self.trust {
            Some(path) => trust_file::load(path)?,
            None => Trust::in_key(key.public().clone()),
        };
        let waivers = match &self.waivers {
            Some(path) => certify::read_waivers(path)?,
            None => Vec::new(),
        };
        let boards = boards::find()?;
        let interrupt = Interrupt::on_signals()?;
        let wait = self.wait.into();
        let rigs = self
            .choice
            .rigs(&boards, self.boards.is_empty(), wait, &interrupt)?;
        let order = Order {
            rigs: rigs.rigs.clone(),
            boards: self.boards,
            model: self.model,
            precisions: self.precisions,
            vectors: self.vectors,
            soak: self.soak,
            waivers,
            previous: self.previous,
            trust,
            key,
            out: self.out,
            repository: boards.repository().to_owned(),
            wait,
            limit: self.limit.into(),
            state,
            command: command_line(),
        };
        let bars = Bars::new(output);
        let mut code = None;
        certify::run(&order, &boards, &interrupt, &bars, &mut |outcome| {
            // That of the first that is not signed.
            code = Some(match code {
                None | Some(EXIT_PASS) => outcome.exit_code,
                Some(code) => code,
            });
            bars.print(|| show(output, outcome));
        })?;
        rigs.release()?;
        Ok(code.unwrap_or(EXIT_NOTHING))
    }
}

fn show(output: Output, outcome: &Outcome) {
    let line = Line::new(outcome);
    if output.json {
        output.object("certificate", line);
        return;
    }
    let word = if line.signed { "SIGNED" } else { "NOT SIGNED" };
    output.line(&format!(
        "{} {} {word}: {} of {} checks passed, {} skipped, {} soak jobs, {} deliberate faults caught",
        line.rig,
        line.precision,
        line.passed,
        line.operators + line.vectors,
        line.skipped,
        line.soak_jobs,
        line.controls_caught
    ));
    for reason in line.reasons {
        output.line(&format!("  {reason}"));
    }
    output.line(&line.path.display().to_string());
}

impl<'a> Line<'a> {
    fn new(outcome: &'a Outcome) -> Self {
        let it = &outcome.predicate;
        Self {
            rig: &outcome.rig,
            board: &it.board.name,
            model: &it.model.name,
            precision: &it.model.precision,
            signed: outcome.is_signed(),
            id: &it.identity.id,
            operators: it.operators.len(),
            vectors: it.results.len(),
            passed: it.totals.passed,
            skipped: it.totals.skipped,
            failed: it.totals.failed,
            flaky: it.totals.flaky,
            soak_jobs: it.soak.jobs,
            controls_caught: it.controls.iter().filter(|it| it.caught).count(),
            reasons: &outcome.reasons,
            path: &outcome.path,
            exit_code: outcome.exit_code,
        }
    }
}
