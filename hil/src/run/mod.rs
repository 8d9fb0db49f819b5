//! `hil run`: pictures through boards, compared bit for bit, with a report at the end.

mod attempts;
mod crew;
mod exercise;
mod gauge;
pub mod golden;
mod images;
mod journal;
mod permits;
mod stand;
mod task;
mod work;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use mambalite::model_file::ModelFile;
use mambalite::registry;
use mambalite::upscale::Executor;
use mambalite_kernels::Precision;

use crate::backend::Wanted;
use crate::board::Boards;
use crate::error::{
    EXIT_BUG, EXIT_CRASH, EXIT_FLAKY, EXIT_INTERRUPTED, EXIT_LINK, EXIT_MISMATCH, EXIT_NOTHING,
    EXIT_PASS, EXIT_TIMEOUT, Error, Result,
};
use crate::events::{self, Event};
use crate::fault::Scenario;
use crate::firmware;
use crate::history::{self, Series, Thresholds};
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::observer::Observer;
use crate::report::{self, Images, Paths, RunReport};
use crate::scratch;
use crate::state::State;
use crate::verdict::Verdict;
use crew::Firmware;
pub(crate) use stand::Stand;
use work::Work;
pub(crate) use work::describe;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Order {
    /// Rigs of benches. They are leased.
    pub rigs: Vec<Rig>,
    /// Names of boards that no bench has: virtual ones, made for this run.
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
    /// An ELF file to take instead of the firmware of the source, on boards of one kind.
    pub firmware: Option<PathBuf>,
    /// Whether what passed in an earlier run into the same folder is taken from there.
    pub resume: bool,
    /// Virtual boards that run at once; real ones all do.
    pub jobs: usize,
    /// Attempts after one that failed by what stands around the board, or by the line.
    pub retries: usize,
    /// How long a rig that another run has is waited for.
    pub wait: Duration,
    /// The longest time for one rig with one model and precision.
    pub limit: Duration,
    /// Faults on purpose, each for a virtual rig.
    pub faults: Vec<PlannedFault>,
    /// The nights before; nothing where they are not asked for.
    pub history: Option<Nights>,
    /// Where leases and golden firmware are.
    pub state: State,
    /// The command line, for the report.
    pub command: String,
}

impl Order {
    /// Makes an order for no rigs: a shipped model in its own precision, whole pictures.
    #[must_use]
    pub fn new(input: PathBuf, out: PathBuf, state: State) -> Self {
        Self {
            rigs: Vec::new(),
            boards: Vec::new(),
            input,
            ground_truth: None,
            model: registry::DEFAULT.to_owned(),
            precisions: Vec::new(),
            executor: Executor::Stream,
            out,
            backend: Wanted::Cpu,
            build: true,
            firmware: None,
            resume: false,
            jobs: std::thread::available_parallelism().map_or(1, Into::into),
            retries: 1,
            wait: Duration::from_secs(60),
            limit: Duration::from_secs(3600),
            faults: Vec::new(),
            history: None,
            state,
            command: String::new(),
        }
    }
}

/// What a run is compared with, and goes into.
#[derive(Debug, Clone)]
pub struct Nights {
    /// The file.
    pub path: PathBuf,
    /// How much worse a measure may be.
    pub thresholds: Thresholds,
}

/// A fault that a virtual rig is to suffer, to see what the harness makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// Name of the rig.
    pub rig: String,
    /// What happens.
    pub scenario: Scenario,
    /// Seed of its details.
    pub seed: u64,
    /// In how many attempts, from the first.
    pub attempts: usize,
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
    /// Why the history could not be used.
    pub trouble: Option<Error>,
}

/// Runs an order, all rigs at once, and writes its report.
///
/// A rig that fails does not keep the others from running; its failure is in the report. What was
/// found before the user stopped is in the report too.
///
/// # Errors
/// What makes the order impossible before the first rig starts, and those of [`report::write`].
pub fn run(
    order: &Order,
    boards: &Boards,
    interrupt: &Interrupt,
    observer: &dyn Observer,
) -> Result<Outcome> {
    let (started, start) = (SystemTime::now(), Instant::now());
    scratch::sweep();
    let stands = Stand::all(order, boards)?;
    let files = load_models(order)?;
    let models: Vec<_> = files.iter().map(ModelFile::model).collect();
    let works = files.iter().zip(&models);
    let works = works.map(|(file, model)| Work::new(order, file, model));
    let works: Vec<_> = works.collect::<Result<_>>()?;
    check(order, &stands, &works)?;
    std::fs::create_dir_all(&order.out).map_err(Error::write(&order.out))?;
    let events = events::Writer::create(&order.out)?;
    let started = humantime::format_rfc3339_seconds(started).to_string();
    events.write(Event::Run {
        started: started.clone(),
        rigs: stands.iter().map(|it| it.rig.name.clone()).collect(),
    });
    let crew = crew::Crew {
        order,
        boards,
        stands: &stands,
        works: &works,
        // Of firmware that was built before, the source is not known.
        revision: match order.firmware {
            None if order.build => firmware::revision(boards),
            _ => None,
        },
        interrupt,
        observer: &events.observer(observer),
    };
    let firmware = crew.build();
    let finished = crew.run(&firmware);
    let of_infra = finished.iter().filter_map(|it| it.code).max();
    let (reports, images) = images::gather(finished);
    let verdict = RunReport::worst(&reports);
    let mut report = RunReport {
        schema: report::SCHEMA,
        tool: concat!("hil ", env!("CARGO_PKG_VERSION")).to_owned(),
        command: order.command.clone(),
        started,
        duration_s: start.elapsed().as_secs_f64(),
        verdict,
        boards: reports,
        regressions: Vec::new(),
    };
    let (trends, trouble) = close(order, &mut report, &firmware);
    let paths = report::write_with_trends(&order.out, &report, &images, &trends)?;
    events.write(Event::Done { verdict });
    let exit_code = match exit_code(verdict, of_infra) {
        _ if interrupt.is_set() => EXIT_INTERRUPTED,
        EXIT_PASS | EXIT_FLAKY if !report.regressions.is_empty() => {
            history::exit_code(&report.regressions)
        }
        code => code,
    };
    Ok(Outcome {
        report,
        paths,
        exit_code,
        trouble,
    })
}

/// Refuses what no rig could run, before the first one starts.
fn check(order: &Order, stands: &[Stand], works: &[Work<'_>]) -> Result<()> {
    let kinds: BTreeSet<_> = stands.iter().map(|it| &it.board.name).collect();
    if let (Some(path), true) = (&order.firmware, kinds.len() > 1) {
        return Err(Error::Image {
            path: path.clone(),
            cause: "it is for one kind of board, and several are chosen".to_owned(),
        });
    }
    for stand in stands {
        let is_hurt = order.faults.iter().any(|it| it.rig == stand.rig.name);
        if is_hurt && !stand.board.is_virtual() {
            return Err(Error::RealBoard {
                board: stand.rig.name.clone(),
            });
        }
        for work in works {
            work.check_fit(order, stand)?;
        }
    }
    Ok(())
}

/// Compares with the nights before and goes into their history. One that cannot be used takes
/// nothing from what was found.
fn close(
    order: &Order,
    report: &mut RunReport,
    firmware: &Firmware<'_>,
) -> (Vec<Series>, Option<Error>) {
    let Some(nights) = &order.history else {
        return (Vec::new(), None);
    };
    let images: Vec<_> = firmware
        .values()
        .filter_map(|it| it.as_ref().ok())
        .collect();
    match history::close(&nights.path, &nights.thresholds, report, &images) {
        Ok(trends) => (trends, None),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// Returns the exit code of a run: that of its worst verdict, or of the error where what stands
/// around a board failed.
fn exit_code(verdict: Verdict, of_infra: Option<u8>) -> u8 {
    match verdict {
        Verdict::Skip | Verdict::Quarantined => EXIT_NOTHING,
        Verdict::Pass => EXIT_PASS,
        Verdict::Flaky => EXIT_FLAKY,
        Verdict::Infra => of_infra.unwrap_or(EXIT_BUG),
        Verdict::Link => EXIT_LINK,
        Verdict::Timeout => EXIT_TIMEOUT,
        Verdict::Crash => EXIT_CRASH,
        Verdict::ControlMissed => EXIT_BUG,
        Verdict::Mismatch => EXIT_MISMATCH,
    }
}

/// Loads the model in every precision asked for.
fn load_models(order: &Order) -> Result<Vec<ModelFile>> {
    if order.precisions.is_empty() {
        return Ok(vec![registry::load(&order.model, None)?]);
    }
    let load = |&precision| Ok(registry::load(&order.model, Some(precision))?);
    order.precisions.iter().map(load).collect()
}
