//! `hil certify`: evidence, signed, that a firmware computes on a board exactly what the reference does.
//!
//! Everything that a certificate says is gathered even where it cannot be signed, so that all reasons
//! are told at once. What may be signed is decided by [`mambalite_hil_certificate::check`].

mod draft;
mod error;
mod examine;
mod files;
mod made;
mod operators;
mod sbom;
mod session;
mod source;
#[cfg(test)]
mod tests;
mod ulp;
mod vectors;
mod waivers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mambalite::model_file::ModelFile;
use mambalite::registry;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::predicate::{Predicate, Previous, Waiver};
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Precision;

use crate::backend::Wanted;
use crate::board::Boards;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::inventory::Rig;
use crate::observer::{Observer, Watch};
use crate::run::Stand;
use crate::scratch::{self, Scratch};
use crate::state::State;
use crate::verdict::Stage;
use draft::Draft;
use made::Made;
use session::Session;
use vectors::suite;

pub use error::CertifyError;
pub use examine::{Examination, Examined, FIRMWARE_WORD};
pub use operators::SEEDS;
pub use source::Source;
pub use vectors::Case;
pub use waivers::read as read_waivers;

/// What is to be certified.
#[derive(Debug)]
pub struct Order {
    /// Rigs of benches. They are leased.
    pub rigs: Vec<Rig>,
    /// Names of boards that no bench has: virtual ones, made for this.
    pub boards: Vec<String>,
    /// Name of a shipped model, or a file.
    pub model: String,
    /// Number formats, one certificate each; none means that of the model.
    pub precisions: Vec<Precision>,
    /// A suite to take instead of the one that follows from the model.
    pub vectors: Option<PathBuf>,
    /// Rounds through the suite after the first.
    pub soak: u32,
    /// Checks that do not have to pass.
    pub waivers: Vec<Waiver>,
    /// The certificate before.
    pub previous: Option<PathBuf>,
    /// Who may have signed it.
    pub trust: Trust,
    /// What signs.
    pub key: SigningKey,
    /// Folder of the certificates.
    pub out: PathBuf,
    /// The checkout that the firmware is built from.
    pub repository: PathBuf,
    /// How long a rig that another run has is waited for.
    pub wait: Duration,
    /// The longest time for one rig with one precision.
    pub limit: Duration,
    /// Where leases and golden firmware are.
    pub state: State,
    /// The command line, for the lease.
    pub command: String,
}

/// What became of one certificate.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Rig.
    pub rig: String,
    /// What was gathered.
    pub predicate: Predicate,
    /// Why it was not signed; none if it was.
    pub reasons: Vec<String>,
    /// The certificate, or the evidence that is not signed.
    pub path: PathBuf,
    /// Exit code of the process.
    pub exit_code: u8,
}

impl Outcome {
    /// Reports whether there is a certificate.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.reasons.is_empty()
    }
}

/// Makes the certificates of an order, one after the other; `done` gets each when it is there.
///
/// A board that fails keeps no other from being certified.
///
/// # Errors
/// What makes the order impossible before a board starts: [`CertifyError`], models and rigs that there
/// are not, firmware that does not build; files that cannot be written.
pub fn run(
    order: &Order,
    boards: &Boards,
    interrupt: &Interrupt,
    observer: &dyn Observer,
    done: &mut dyn FnMut(&Outcome),
) -> Result<()> {
    scratch::sweep();
    let source = Source::inspect(&order.repository)?;
    let stands = stands(order, boards)?;
    let files = models(order)?;
    for (stand, file) in stands
        .iter()
        .flat_map(|it| files.iter().map(move |file| (it, file)))
    {
        stand.check_precision(&order.model, file.model().precision())?;
    }
    let previous = match &order.previous {
        Some(path) => Some(files::previous(path, &order.trust)?),
        None => None,
    };
    std::fs::create_dir_all(&order.out).map_err(Error::write(&order.out))?;
    let elsewhere = Scratch::new(usize::MAX).map_err(Error::write(&std::env::temp_dir()))?;
    let mut kinds = BTreeMap::new();
    for stand in &stands {
        let watch = Watch::new(observer, &stand.rig.name);
        if !kinds.contains_key(&stand.board.name) {
            let made = make(boards, stand, &elsewhere, (interrupt, &watch))?;
            kinds.insert(stand.board.name.clone(), made);
        }
        let Some(made) = kinds.get(&stand.board.name) else {
            continue;
        };
        watch.begin(Stage::Lease, 0);
        let limits = (order.command.as_str(), order.wait);
        let _lease = stand.lease(&order.state, limits, interrupt)?;
        watch.end();
        for file in &files {
            let work = Work {
                order,
                boards,
                stand,
                made,
                file,
                source: &source,
                previous: previous.as_ref(),
            };
            done(&work.certify(interrupt, &watch)?);
            interrupt.check()?;
        }
    }
    Ok(())
}

/// One certificate to be made.
struct Work<'a> {
    order: &'a Order,
    boards: &'a Boards,
    stand: &'a Stand,
    made: &'a Made,
    file: &'a ModelFile,
    source: &'a Source,
    previous: Option<&'a (Predicate, Previous)>,
}

impl Work<'_> {
    /// Gathers, signs and writes.
    fn certify(&self, interrupt: &Interrupt, watch: &Watch<'_>) -> Result<Outcome> {
        let (order, model) = (self.order, self.file.model());
        let suite = suite(order.vectors.as_deref(), &order.model, self.file)?;
        let cases = Case::all(&suite)?;
        let mut draft = Draft::begin(self, &suite)?;
        draft.compute(&model, &cases)?;
        let names = files::Names::new(order, self.stand, &model);
        let interrupt = interrupt.within(order.limit.mul_f64(self.stand.rig.timeout_multiplier));
        let session = Session {
            order,
            stand: self.stand,
            image: &self.made.image,
            file: self.file,
            model: &model,
            cases: &cases,
            log: names.unsigned_log(),
            interrupt: &interrupt,
        };
        let failure = session.run(&mut draft.predicate, &mut draft.found, watch);
        watch.end();
        if let Some(failure) = failure {
            if matches!(failure.error, Error::Interrupted) {
                return Err(failure.error);
            }
            draft.failure = Some((watch.stage(), failure));
        }
        draft.end(&Source::inspect(&order.repository)?, &names.unsigned_log());
        files::write(draft, &suite, (&self.made.sbom, &order.key), &names)
    }
}

/// Returns the rigs of an order, those of benches first.
fn stands(order: &Order, boards: &Boards) -> Result<Vec<Stand>> {
    let benches = order.rigs.iter().map(|rig| (rig.clone(), true));
    let alone = order.boards.iter().map(|name| (Rig::of_board(name), false));
    let all = benches.chain(alone);
    all.map(|(rig, of_bench)| Stand::new(rig, of_bench, (boards, Wanted::Cpu)))
        .collect()
}

fn models(order: &Order) -> Result<Vec<ModelFile>> {
    if order.precisions.is_empty() {
        return Ok(vec![registry::load(&order.model, None)?]);
    }
    let load = |&precision| Ok(registry::load(&order.model, Some(precision))?);
    order.precisions.iter().map(load).collect()
}

fn make(
    boards: &Boards,
    stand: &Stand,
    elsewhere: &Scratch,
    (interrupt, watch): (&Interrupt, &Watch<'_>),
) -> Result<Made> {
    watch.begin(Stage::Build, 0);
    let mut crates = 0;
    let made = made::make(
        boards,
        &stand.board,
        elsewhere.path(),
        interrupt,
        &mut |_| {
            crates += 1;
            watch.reach(crates);
        },
    );
    watch.end();
    made
}
