//! `hil run`: pictures through boards, compared bit for bit, with a report at the end.

mod exercise;
mod task;

use std::path::PathBuf;
use std::time::{Instant, SystemTime};

use mambalite::model_file::ModelFile;
use mambalite::registry;
use mambalite::upscale::Executor;
use mambalite_kernels::{Config, Model, Plan, Precision};

use crate::backend::Wanted;
use crate::board::{Board, Boards};
use crate::error::{EXIT_BUG, EXIT_MISMATCH, EXIT_NOTHING, EXIT_PASS, Error, Result};
use crate::firmware::{self, Image};
use crate::geometry;
use crate::interrupt::Interrupt;
use crate::link::Counters;
use crate::observer::Observer;
use crate::report::{
    self, BoardFacts, BoardReport, Failure, Images, Memory, ModelFacts, Paths, RunReport,
};
use crate::verdict::{Stage, Verdict};
use exercise::Exercise;
use task::Task;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// Names of the boards, run one after the other.
    pub boards: Vec<String>,
    /// A picture, or a folder of pictures.
    pub input: PathBuf,
    /// The true SR picture of a single input.
    pub ground_truth: Option<PathBuf>,
    /// Name of a shipped model, or a file.
    pub model: String,
    /// Number formats, run one after the other; none means that of the model.
    pub precisions: Vec<Precision>,
    /// How pictures are cut.
    pub executor: Executor,
    /// What is to run the network.
    pub backend: Wanted,
    /// Folder of the results.
    pub out: PathBuf,
    /// Whether the firmware is built first.
    pub build: bool,
    /// The command line, for the report.
    pub command: String,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was found.
    pub report: RunReport,
    /// Where it was written.
    pub paths: Paths,
    /// Exit code of the process.
    pub exit_code: u8,
}

/// Runs an order and writes its report.
///
/// A board that fails does not keep the next ones from running; its failure is in the report.
///
/// # Errors
/// What makes the order impossible before the first board starts, [`Error::Interrupted`], and
/// those of [`report::write`].
pub fn run(
    order: &Order,
    boards: &Boards,
    interrupt: &Interrupt,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let (started, start) = (SystemTime::now(), Instant::now());
    let chosen: Vec<Board> = order
        .boards
        .iter()
        .map(|name| boards.load(name)?.on(order.backend))
        .collect::<Result<_>>()?;
    let files = load_models(order)?;
    let mut works = Vec::new();
    for file in &files {
        works.push(Work::new(order, file)?);
    }
    for board in &chosen {
        for work in &works {
            work.check_fit(order, board)?;
        }
    }
    std::fs::create_dir_all(&order.out).map_err(Error::write(&order.out))?;

    let mut reports = Vec::new();
    let mut images = Vec::new();
    let mut failed = EXIT_PASS;
    for board in &chosen {
        let image = build(order, boards, board, interrupt, observer);
        for work in &works {
            let mut report = work.report(order, board);
            let outcome = match &image {
                Ok(image) => {
                    let exercise = Exercise::new(order, board, image, work, interrupt);
                    exercise.run(reports.len(), &mut report, &mut images, observer)
                }
                Err(failure) => Err(Error::Prepare {
                    cause: failure.to_string(),
                    code: failure.exit_code(),
                }),
            };
            observer.end();
            match outcome {
                Ok(()) => {}
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => {
                    failed = failed.max(error.exit_code());
                    report.failure = Some(Failure {
                        stage: Stage::Stream,
                        verdict: Verdict::of(&error),
                        cause: error.to_string(),
                    });
                }
            }
            interrupt.check()?;
            report.verdict = report.judge();
            observer.board(&report);
            reports.push(report);
        }
    }
    let report = RunReport {
        schema: report::SCHEMA,
        tool: concat!("hil ", env!("CARGO_PKG_VERSION")).to_owned(),
        command: order.command.clone(),
        started: humantime::format_rfc3339_seconds(started).to_string(),
        duration_s: start.elapsed().as_secs_f64(),
        verdict: RunReport::worst(&reports),
        boards: reports,
    };
    finish(order, report, &images, failed)
}

/// Writes the report.
fn finish(order: &Order, report: RunReport, images: &[Images], failed: u8) -> Result<Outcome> {
    let paths = report::write(&order.out, &report, images)?;
    let exit_code = match report.verdict {
        Verdict::Pass => EXIT_PASS,
        Verdict::ControlMissed => EXIT_BUG,
        Verdict::Mismatch => EXIT_MISMATCH,
        Verdict::Skip | Verdict::Quarantined => EXIT_NOTHING,
        _ => failed.max(EXIT_BUG),
    };
    Ok(Outcome {
        report,
        paths,
        exit_code,
    })
}

/// Loads the model in every precision asked for.
fn load_models(order: &Order) -> Result<Vec<ModelFile>> {
    if order.precisions.is_empty() {
        return Ok(vec![registry::load(&order.model, None)?]);
    }
    let load = |&precision| Ok(registry::load(&order.model, Some(precision))?);
    order.precisions.iter().map(load).collect()
}

fn build(
    order: &Order,
    boards: &Boards,
    board: &Board,
    interrupt: &Interrupt,
    observer: &mut dyn Observer,
) -> Result<Image> {
    observer.begin(&board.name, Stage::Build, 0);
    let mut crates = 0;
    let image = firmware::build(boards, board, order.build, interrupt, &mut |_| {
        crates += 1;
        observer.reach(crates);
    });
    observer.end();
    image
}

/// A model and what goes through it.
struct Work<'a> {
    file: &'a ModelFile,
    model: Model<'a>,
    tasks: Vec<Task>,
}

impl<'a> Work<'a> {
    fn new(order: &Order, file: &'a ModelFile) -> Result<Self> {
        let model = file.model();
        let tasks = task::load(order, model.config())?;
        Ok(Self { file, model, tasks })
    }

    /// Checks that every picture fits the memory of a board.
    fn check_fit(&self, order: &Order, board: &Board) -> Result<()> {
        for task in &self.tasks {
            let size = (task.lr.width(), task.lr.height());
            geometry::check(board, &self.model, &task.path, size, order.executor)?;
        }
        Ok(())
    }

    /// Begins the report of a board: what is known before it runs.
    fn report(&self, order: &Order, board: &Board) -> BoardReport {
        let config = self.model.config();
        let widths = self.tasks.iter().map(|task| {
            let (width, height) = (task.lr.width(), task.lr.height());
            geometry::tiles(width, height, order.executor).padded_width_max()
        });
        let width = widths.max().unwrap_or(1);
        let plan = Plan::microcontroller(&self.model, width);
        // The firmware gathers one input row in front of the network's buffers.
        let row_bytes = (width * config.channels).next_multiple_of(size_of::<u64>());
        BoardReport {
            rig: board.name.clone(),
            verdict: Verdict::Skip,
            failure: None,
            attempts: Vec::new(),
            quarantine: None,
            board: BoardFacts::from(board),
            device: None,
            model: ModelFacts {
                name: order.model.clone(),
                precision: self.model.precision().to_string(),
                config: describe(config),
                sha256: hex::encode(self.model.sha256()),
            },
            executor: match order.executor {
                Executor::Stream => report::Executor::Stream,
                Executor::Patch { tile, halo } => report::Executor::Patch { tile, halo },
            },
            memory: Memory {
                flash_bytes: plan.flash_bytes,
                flash_size_bytes: board
                    .memory()
                    .map_or(0, |it| it.model.capacity_bytes as usize),
                arena_bytes: plan.arena_bytes + row_bytes,
                arena_used_bytes: None,
                arena_size_bytes: board.arena_bytes as usize,
                object_bytes: plan.object_bytes,
                stack_bytes: plan.stack_bytes,
                stack_used_bytes: None,
                stack_size_bytes: board.memory().map_or(0, |it| it.stack_bytes as usize),
            },
            link: Counters::default(),
            jobs: Vec::new(),
            first_difference: None,
            controls: Vec::new(),
            pictures: Vec::new(),
            sensors: None,
            log: Vec::new(),
        }
    }
}

/// Returns the shape of a network in one line.
fn describe(config: &Config) -> String {
    format!(
        "x{}, {} channels, C {}, E {}, G {}, B {}, N {}, R {}, {:?} decay, {:?} anchor",
        config.scale,
        config.channels,
        config.width,
        config.inner,
        config.groups,
        config.blocks,
        config.states,
        config.dt_rank,
        config.decay,
        config.anchor
    )
    .to_lowercase()
}
