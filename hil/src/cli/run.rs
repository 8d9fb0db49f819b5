//! `hil run`: pictures through boards.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use mambalite::registry;
use mambalite::upscale::Executor;
use mambalite_hil::Result;
use mambalite_hil::backend::Wanted;
use mambalite_hil::error::{EXIT_INPUT, EXIT_MISMATCH};
use mambalite_hil::geometry::HALO_DEFAULT;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::run::{self, Nights, Order};
use mambalite_hil::state::State;
use mambalite_kernels::Precision;

use super::boards;
use super::history::Place;
use super::output::Output;
use super::progress::Bars;
use super::rigs;

/// Side of a tile where none is given, in LR pixels.
const TILE: u16 = 64;

const EXAMPLES: &str = "\
Examples:
  hil run --board qemu-mps2-an500 --input small.png --out result
  hil run --board qemu-mps2-an386 --board qemu-mps2-an500 --input pictures/ --out result
  hil run --bench virtual --input small.png --out night --jobs 2
  hil run --rig bench-m7 --rig bench-m4 --input pictures/ --out night
  hil run --board qemu-mps2-an500 --input small.png --ground-truth large.png --out result
  hil run --board qemu-mps2-an386 --input wide.png --precision w8a8 --tile 48 --out result
  hil run --board jetson-orin-nano --input small.png --backend cuda --out result";

/// Runs pictures through boards and compares every layer with the host, bit for bit.
///
/// Builds the firmware, starts and flashes each board, streams the pictures, compares, and puts
/// deliberate faults in to see that they are noticed. Writes the magnified pictures, report.json
/// and report.html; the path of the latter is printed last.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cmd {
    /// Virtual board to run on, made for this run; several run at once. See `hil boards list`.
    #[arg(long = "board", value_name = "NAME")]
    boards: Vec<String>,
    #[command(flatten)]
    choice: rigs::Choice,
    /// Picture, or folder of pictures.
    #[arg(long, value_name = "FILE|DIR")]
    input: PathBuf,
    /// What the result should look like, for the scores; with a single picture.
    #[arg(long, value_name = "FILE")]
    ground_truth: Option<PathBuf>,
    /// Name of a shipped model, or a model file.
    #[arg(long, value_name = "NAME|FILE", default_value = registry::DEFAULT)]
    model: String,
    /// Number format; several run one after the other. Without it a shipped model runs in f32
    /// and a file as it is.
    #[arg(long = "precision", value_parser = precision_parser())]
    precisions: Vec<Precision>,
    /// Row by row, or in tiles; stream unless a tile or a halo is given.
    #[arg(long)]
    executor: Option<ExecutorKind>,
    /// Side of a tile in LR pixels [default with patch: 64].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    tile: Option<u16>,
    /// LR pixels around a tile that run with it [default with patch: 8].
    #[arg(long, value_name = "N")]
    halo: Option<u16>,
    /// What runs the network: a GPU only on computers behind SSH. With it the output alone is compared,
    /// without it every layer too.
    #[arg(long, value_enum, default_value_t)]
    backend: Wanted,
    /// Folder of the results; it is made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Takes the firmware as it was built last.
    #[arg(long)]
    no_build: bool,
    /// Takes this ELF file instead of building; with boards of one kind. For `hil bisect`.
    #[arg(long, value_name = "FILE", conflicts_with = "no_build")]
    firmware: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// Neither compares with the nights before nor goes into their history.
    #[arg(long)]
    no_history: bool,
    /// Takes what passed in an earlier run into the same folder from there, where board, firmware,
    /// model and pictures are the same.
    #[arg(long)]
    resume: bool,
    /// Virtual boards that run at once [default: as many as there are processors]; real boards
    /// all run at once.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Attempts after one that failed by what stands around the board, or by the line; a pass is
    /// FLAKY then.
    #[arg(long, value_name = "N", default_value_t = 1)]
    retries: usize,
    /// How long a board that another run has is waited for.
    #[arg(long, value_name = "TIME", default_value = "1m")]
    wait: humantime::Duration,
    /// Longest time for one board with one model and precision.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    limit: humantime::Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ExecutorKind {
    Stream,
    Patch,
}

impl Cmd {
    /// Runs the command.
    pub(crate) fn run(self, output: Output) -> Result<u8> {
        let boards = boards::find()?;
        let executor = self.executor();
        let interrupt = Interrupt::on_signals()?;
        let rigs = self.choice.rigs(
            &boards,
            self.boards.is_empty(),
            self.wait.into(),
            &interrupt,
        )?;
        let mut order = Order {
            rigs: rigs.rigs.clone(),
            boards: self.boards,
            ground_truth: self.ground_truth,
            model: self.model,
            precisions: self.precisions,
            executor,
            backend: self.backend,
            build: !self.no_build,
            firmware: self.firmware,
            resume: self.resume,
            retries: self.retries,
            wait: self.wait.into(),
            limit: self.limit.into(),
            command: command_line(),
            ..Order::new(self.input, self.out, State::from_environment()?)
        };
        if let Some(jobs) = self.jobs {
            order.jobs = jobs;
        }
        if !self.no_history {
            order.history = Some(Nights {
                path: self.place.path()?,
                thresholds: self.place.thresholds()?,
            });
        }
        let outcome = run::run(&order, &boards, &interrupt, &Bars::new(output))?;
        if outcome.exit_code == EXIT_MISMATCH && !order.build {
            eprintln!(
                "note: the firmware was not built anew (--no-build); its source may be newer"
            );
        }
        rigs.release()?;
        if let Some(trouble) = &outcome.trouble {
            eprintln!("warning: the run is not in the history: {trouble}");
        }
        output.run(&outcome);
        Ok(outcome.exit_code)
    }

    /// Returns how pictures are cut; contradictions end the process.
    fn executor(&self) -> Executor {
        let tiled = self.tile.is_some() || self.halo.is_some();
        match self.executor {
            Some(ExecutorKind::Stream) if tiled => {
                eprintln!("error: --tile and --halo belong to --executor patch");
                eprintln!("\nFor more information, try '--help'.");
                std::process::exit(EXIT_INPUT.into());
            }
            None if !tiled => Executor::Stream,
            Some(ExecutorKind::Stream) => Executor::Stream,
            _ => Executor::Patch {
                tile: self.tile.unwrap_or(TILE).into(),
                halo: self.halo.map_or(HALO_DEFAULT, usize::from),
            },
        }
    }
}

/// Returns the arguments of the process as they could be typed.
pub(super) fn command_line() -> String {
    let quote = |word: String| {
        let plain = |c: char| c.is_alphanumeric() || "-_./,:=+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| quote(word.to_string_lossy().into_owned()));
    core::iter::once("hil".to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

pub(super) fn precision_parser() -> impl TypedValueParser<Value = Precision> {
    PossibleValuesParser::new(Precision::ALL.map(Precision::name))
        .try_map(|name| name.parse::<Precision>())
}
