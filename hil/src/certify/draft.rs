//! What a certificate will say, from the first facts to the last.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use mambalite_hil_certificate::Suite;
use mambalite_hil_certificate::bundle::sbom_sha256;
use mambalite_hil_certificate::check;
use mambalite_hil_certificate::hash::sha256;
use mambalite_hil_certificate::predicate::{
    Board as BoardFacts, Firmware, Health, Identity, Link, Model as ModelFacts, Policy, Predicate,
    SCHEMA, Soak, SuiteFacts, Totals,
};
use mambalite_kernels::{Layer, Model, Precision};

use super::examine::Examined;
use super::session::Failure;
use super::{Case, Source, Work, ulp};
use crate::board::Board;
use crate::error::{EXIT_MISMATCH, EXIT_PASS, EXIT_REFUSED, Error, Result};
use crate::qemu;
use crate::run::describe;
use crate::suite;
use crate::suite::accumulators;
use crate::verdict::Stage;

/// Changes beside the commit that are named; more are counted.
const CHANGES_NAMED: usize = 20;

/// Evidence that is being gathered.
pub(super) struct Draft {
    /// What was found so far.
    pub(super) predicate: Predicate,
    /// What the board showed, which becomes part of it in the end.
    pub(super) found: Examined,
    /// Why the board did not come to the end, and where.
    pub(super) failure: Option<(Stage, Failure)>,
    /// The rules that it breaks, and everything else that speaks against a signature.
    pub(super) reasons: Vec<String>,
    source: Source,
    suite: Suite,
}

impl Draft {
    /// Begins with what is known before a board starts.
    pub(super) fn begin(work: &Work<'_>, suite: &Suite) -> Result<Self> {
        let predicate = Predicate {
            schema: SCHEMA,
            identity: identity(work.source)?,
            model: model(work),
            suite: suite_facts(suite)?,
            firmware: Firmware {
                elf_sha256: hex::encode(work.made.image.sha256()),
                // That of the firmware that runs, once it has told it.
                build_id: String::new(),
                rebuilt_sha256: work.made.rebuilt_sha256.clone(),
                flashed: Vec::new(),
            },
            toolchain: work.made.toolchain.clone(),
            board: board(work)?,
            policy: Policy {
                comparison: "bits".to_owned(),
                waivers: work.order.waivers.clone(),
            },
            operators: Vec::new(),
            results: Vec::new(),
            totals: Totals::default(),
            ulp: None,
            accumulators: Vec::new(),
            controls: Vec::new(),
            health: Health {
                firmware_sha256: String::new(),
                passed: false,
            },
            soak: Soak::default(),
            link: Link::default(),
            chain: None,
            sbom_sha256: sbom_sha256(&work.made.sbom),
            log_sha256: String::new(),
        };
        let mut draft = Self::new(predicate, work.source.clone(), suite.clone());
        draft.chain(work);
        Ok(draft)
    }

    /// Begins with a predicate whose facts of the board are missing.
    pub(super) fn new(predicate: Predicate, source: Source, suite: Suite) -> Self {
        Self {
            predicate,
            found: Examined::default(),
            failure: None,
            reasons: Vec::new(),
            source,
            suite,
        }
    }

    /// Adds the certificate before, which must be of the same thing.
    fn chain(&mut self, work: &Work<'_>) {
        let Some((before, previous)) = work.previous else {
            return;
        };
        self.reasons
            .extend(check::differs_from_before(&self.predicate, before));
        self.predicate.chain = Some(previous.clone());
    }

    /// Adds what the host computes alone.
    pub(super) fn compute(&mut self, model: &Model<'_>, cases: &[Case]) -> Result<()> {
        if model.precision() == Precision::F32 {
            let pictures = cases.iter().map(|case| &case.picture);
            self.predicate.ulp = Some(ulp::histogram(model, pictures)?);
        } else {
            self.predicate.accumulators = accumulators(model)?;
        }
        Ok(())
    }

    /// Ends it: the source must be what it was, the log is hashed, and every reason not to sign is
    /// listed.
    pub(super) fn end(&mut self, source: &Source, log: &Path) {
        let found = core::mem::take(&mut self.found);
        let predicate = &mut self.predicate;
        predicate.operators = found.operators;
        predicate.results = found.results;
        predicate.totals = found.totals;
        predicate.soak = found.soak;
        predicate.link = found.link;
        predicate.controls = found.controls;
        predicate.identity.finished = now();
        predicate.log_sha256 = match std::fs::read(log) {
            Ok(bytes) => sha256(bytes),
            Err(_) => String::new(),
        };
        let dirt = self.dirt(source);
        self.reasons.extend(dirt);
        if let Some((stage, failure)) = &self.failure {
            self.reasons.push(describe_failure(*stage, failure));
        }
        self.reasons.extend(found.faults);
        let violations = check::predicate(&self.predicate).into_iter();
        let of_suite = check::against_suite(&self.predicate, &self.suite).into_iter();
        let rules = violations.chain(of_suite).map(|it| it.to_string());
        self.reasons.extend(rules);
    }

    /// Lists what the source had beside its commit, before or after.
    fn dirt(&self, after: &Source) -> Vec<String> {
        let mut changes = self.source.changes.clone();
        changes.extend(
            after
                .changes
                .iter()
                .filter(|it| !self.source.changes.contains(it))
                .cloned(),
        );
        let mut dirt = Vec::new();
        if after.commit != self.source.commit {
            dirt.push(format!("dirty: the commit became {}", after.commit));
        }
        let named = changes.iter().take(CHANGES_NAMED);
        dirt.extend(named.map(|change| format!("dirty: {change}")));
        let more = changes.len().saturating_sub(CHANGES_NAMED);
        if more > 0 {
            dirt.push(format!("dirty: {more} more files"));
        }
        dirt
    }

    /// Returns the exit code: that of a board that failed, of one that computed wrongly, or of evidence
    /// that cannot be signed.
    pub(super) fn exit_code(&self) -> u8 {
        let totals = &self.predicate.totals;
        match &self.failure {
            Some((_, failure)) => failure.exit_code(),
            None if self.reasons.is_empty() => EXIT_PASS,
            None if totals.failed > 0 || self.predicate.soak.failed > 0 => EXIT_MISMATCH,
            None => EXIT_REFUSED,
        }
    }
}

fn describe_failure(stage: Stage, failure: &Failure) -> String {
    let crash = failure.crash.as_ref();
    let crash = crash.map_or(String::new(), |it| format!("; it crashed: {}", it.cause));
    format!(
        "the board failed at {}: {}{crash}",
        stage.word(),
        failure.error
    )
}

fn identity(source: &Source) -> Result<Identity> {
    let mut id = [0; 16];
    let random = Path::new("/dev/urandom");
    File::open(random)
        .and_then(|mut file| file.read_exact(&mut id))
        .map_err(Error::read(random))?;
    let tool = std::env::current_exe().map_err(Error::read(Path::new("/proc/self/exe")))?;
    let tool_bytes = std::fs::read(&tool).map_err(Error::read(&tool))?;
    Ok(Identity {
        id: hex::encode(id),
        started: now(),
        finished: String::new(),
        tool: concat!("hil ", env!("CARGO_PKG_VERSION")).to_owned(),
        tool_sha256: sha256(tool_bytes),
        commit: source.commit.clone(),
        kernels_tree: source.kernels_tree.clone(),
        host: [std::env::consts::OS, std::env::consts::ARCH].join(" "),
    })
}

/// Returns the time in whole seconds, RFC 3339.
fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn model(work: &Work<'_>) -> ModelFacts {
    let model = work.file.model();
    ModelFacts {
        name: suite::model_name(&work.order.model),
        sha256: hex::encode(model.sha256()),
        precision: model.precision().to_string(),
        config: describe(model.config()),
        layers: Layer::count(model.config()),
    }
}

fn suite_facts(suite: &Suite) -> Result<SuiteFacts> {
    Ok(SuiteFacts {
        root: suite.root.clone(),
        sha256: sha256(suite::to_file(suite)?),
        count: suite.vectors.len(),
        classes: suite.classes(),
        seed: suite.seed,
    })
}

fn board(work: &Work<'_>) -> Result<BoardFacts> {
    let Board {
        name, chip, core, ..
    } = &work.stand.board;
    let facts = work.boards.folder(name).join("board.toml");
    let facts = std::fs::read(&facts).map_err(Error::read(&facts))?;
    Ok(BoardFacts {
        rig: work.stand.rig.name.clone(),
        name: name.clone(),
        facts_sha256: sha256(facts),
        chip: chip.clone(),
        core: core.clone(),
        emulator: qemu::describe_emulator(&work.stand.board),
        cpuid: String::new(),
        uid: String::new(),
        clock_hz: None,
        fp_flags: String::new(),
        backend: String::new(),
    })
}
