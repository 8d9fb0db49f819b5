//! `hil doctor`: a board looked at step by step, from its build to a certificate.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use mambalite::registry;
use mambalite_hil::Error;
use mambalite_hil::Result;
use mambalite_hil::board::Boards;
use mambalite_hil::doctor::{self, Colour, Finding, Order, Step};
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::inventory::{self, Inventory, Rig, today};
use mambalite_hil::state::State;
use mambalite_kernels::Precision;
use serde::Serialize;

use super::boards::{self, Bench};
use super::certify::OUT;
use super::output::Output;
use super::progress::Bars;
use super::run::{command_line, precision_parser};

const EXAMPLES: &str = "\
Examples:
  hil doctor qemu-mps2-an386
  hil doctor acme-nrf                     a rig, or the board of a rig
  hil doctor acme-nrf --no-build --soak 1000
  hil doctor acme-nrf --key lab.key       up to a certificate";

/// Looks at a board step by step, and says at the first that fails what to do.
///
/// build, probe, chip, flash, hello, identity, link, arithmetic, reference, variants, network, clock,
/// gate, soak, certificate. A step that fails prints what was seen, the likely cause and the mend, and
/// the last lines of the board's log; the steps above it are not tried. See docs/porting.md.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Rig, virtual board, or board that one rig has. See `hil boards list`.
    name: String,
    #[command(flatten)]
    bench: Bench,
    /// Name of a shipped model, or a model file.
    #[arg(long, value_name = "NAME|FILE", default_value = registry::DEFAULT)]
    model: String,
    /// Number format.
    #[arg(long, value_parser = precision_parser(), default_value = "w8a8")]
    precision: Precision,
    /// Takes the firmware as it was built last.
    #[arg(long)]
    no_build: bool,
    /// How often a small picture is run.
    #[arg(long, value_name = "N", default_value_t = 100)]
    soak: u32,
    /// Private key, see `hil key new`: makes a certificate as the last step.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Folder of the certificate.
    #[arg(long, value_name = "DIR", default_value = OUT, requires = "key")]
    out: PathBuf,
    /// How long a board that another run has is waited for.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    wait: humantime::Duration,
}

/// What is printed at the end.
#[derive(Serialize)]
struct Summary<'a> {
    board: &'a str,
    rig: &'a str,
    green: usize,
    left: usize,
    red: Option<Step>,
    duration_s: f64,
    exit_code: u8,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let start = Instant::now();
        let boards = boards::find()?;
        let (rig, of_bench) = self.rig(&boards)?;
        let order = Order {
            rig,
            of_bench,
            model: self.model,
            precision: self.precision,
            build: !self.no_build,
            soak: self.soak,
            certificate: self.key.map(|key| (key, self.out)),
            wait: self.wait.into(),
            limit: std::time::Duration::from_secs(7200),
            state: State::from_environment()?,
            command: command_line(),
        };
        let interrupt = Interrupt::on_signals()?;
        let bars = Bars::new(output);
        let findings = doctor::run(&order, &boards, &interrupt, &bars, &mut |finding| {
            bars.print(|| show(output, finding));
        })?;
        let count = |colour| findings.iter().filter(|it| it.colour == colour).count();
        let red = findings.iter().find(|it| it.colour == Colour::Red);
        let summary = Summary {
            board: &order.rig.board,
            rig: &order.rig.name,
            green: count(Colour::Green),
            left: count(Colour::Left),
            red: red.map(|it| it.step),
            duration_s: start.elapsed().as_secs_f64(),
            exit_code: red.map_or(EXIT_PASS, |it| it.exit_code),
        };
        summary.show(output);
        Ok(summary.exit_code)
    }

    /// Finds the rig: the virtual board is made, a real one is the only one of its kind, and any other
    /// name is a rig's. Also tells whether a bench has it.
    fn rig(&self, boards: &Boards) -> Result<(Rig, bool)> {
        let name = &self.name;
        let is_board = boards.names()?.contains(name);
        if is_board && !self.bench.is_named() && boards.load(name)?.is_virtual() {
            return Ok((Rig::of_board(name), false));
        }
        let (inventories, _) = match self.bench.is_named() || !is_board {
            true => (self.bench.load(boards)?, Vec::new()),
            // A board that was just made is on no bench yet, and that is said below.
            false => Inventory::load_all(None, boards, today())?,
        };
        let rig = match is_board {
            true => inventory::of_board(&inventories, name)?,
            false => {
                let rigs = inventory::select(&inventories, core::slice::from_ref(name), &[])?;
                let first = rigs.into_iter().next();
                first.ok_or_else(|| Error::Bug {
                    cause: "no rig where one was found".to_owned(),
                })?
            }
        };
        Ok((rig, true))
    }
}

fn show(output: Output, finding: &Finding) {
    if output.json {
        output.object("step", finding);
        return;
    }
    let (step, seen) = (finding.step.word(), &finding.seen);
    let mark = match finding.colour {
        Colour::Green => "ok  ",
        Colour::Left => "-   ",
        Colour::Red => "RED ",
    };
    output.line(&format!("{mark} {step:<12} {seen}"));
    if finding.colour == Colour::Red {
        for line in &finding.log {
            output.line(&format!("     log: {line}"));
        }
        if let Some(crash) = &finding.crash {
            for line in crash.to_string().lines() {
                output.line(&format!("     {line}"));
            }
        }
    }
    if let Some(advice) = &finding.advice {
        if let Some(cause) = &advice.cause {
            output.line(&format!("     likely cause: {cause}"));
        }
        output.line(&format!("     what to do: {}", advice.mend));
    }
}

impl Summary<'_> {
    fn show(&self, output: Output) {
        if output.json {
            output.object("doctor", self);
            return;
        }
        let Self {
            rig, green, left, ..
        } = self;
        let left = match left {
            0 => String::new(),
            left => format!(", {left} left out"),
        };
        let end = match self.red {
            None => "nothing is wrong with it".to_owned(),
            Some(step) => format!("it stops at {}", step.word()),
        };
        let seconds = self.duration_s;
        output.line(&format!(
            "{rig}: {green} steps green{left}; {end} ({seconds:.0} s)"
        ));
    }
}
