//! `hil verify`: a certificate checked offline, and what it says computed again.
//!
//! First the file by itself: signature, form, rules. Then what it names: firmware, model, suite. Then
//! every expected output, once with the kernels' reference, once with the second implementation, and on
//! wish the firmware once more on a virtual board.

mod again;
mod error;
mod independent;
mod material;
mod report;
mod rerun;
#[cfg(test)]
mod tests;
pub mod trust_file;

use std::path::{Path, PathBuf};
use std::time::Instant;

use mambalite_hil_certificate::check::{against_before, against_suite};
use mambalite_hil_certificate::hash::sha256;
use mambalite_hil_certificate::predicate::Operator;
use mambalite_hil_certificate::trust::Trust;
use mambalite_hil_certificate::{Certificate, Predicate, bundle};
use mambalite_kernels_check::{SEEDS, cases, golden};

use crate::board::Boards;
use crate::certify::Case;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::observer::Observer;
use again::Expected;
use material::{Elf, Material};

pub use error::VerifyError;
pub use report::{Report, Step, Word};

/// What is to be verified.
#[derive(Debug)]
pub struct Order {
    /// The certificate.
    pub certificate: PathBuf,
    /// The trusted keys.
    pub trust: Trust,
    /// The firmware, to be compared with its hash.
    pub elf: Option<PathBuf>,
    /// The suite; else the file beside the certificate, or the one that follows from the model.
    pub vectors: Option<PathBuf>,
    /// Name or file of the model; else the shipped one with its hash.
    pub model: Option<String>,
    /// The certificates before it, the latest first, signed by trusted keys too.
    pub previous: Vec<PathBuf>,
    /// Whether the second implementation computes too.
    pub independent: bool,
    /// Whether the firmware is run again, on a virtual board.
    pub rerun: bool,
}

/// Verifies a certificate.
///
/// * `boards` - the repository, for running again; nothing where there is none.
///
/// # Errors
/// What keeps it from being verified: files that there are not or that cannot be read, [`VerifyError`],
/// and with [`Order::rerun`] those of building and of the board. What speaks against the certificate is
/// in the report.
pub fn run(
    order: &Order,
    boards: Option<&Boards>,
    interrupt: &Interrupt,
    observer: &dyn Observer,
) -> Result<Report> {
    let mut report = Report::default();
    let path = &order.certificate;
    let bytes = std::fs::read(path).map_err(Error::read(path))?;
    // What is no text has no signature of any key.
    let text = String::from_utf8_lossy(&bytes);
    let certificate = match bundle::verify(&text, &order.trust) {
        Ok(certificate) => certificate,
        Err(refusal) => {
            report.refuse("certificate", &[refusal.to_string()]);
            return Ok(report);
        }
    };
    report.pass("certificate", describe(&certificate));
    let predicate = &certificate.predicate;
    chain(order, predicate, &mut report)?;
    let material = Material::find(order, predicate)?;
    firmware(predicate, material.elf.as_ref(), &mut report);
    compare(predicate, &material, &mut report);
    operators(predicate, &mut report);
    let work = Work {
        predicate,
        material: &material,
    };
    if let Some(cases) = work.cases(&mut report) {
        work.compute(&cases, order.independent, &mut report)?;
        interrupt.check()?;
        if order.rerun {
            work.rerun(&cases, boards, (interrupt, observer), &mut report)?;
        }
    }
    report.certificate = Some(certificate);
    Ok(report)
}

fn describe(certificate: &Certificate) -> String {
    let it = &certificate.predicate;
    format!(
        "{}, signed by `{}` ({}), made {} of commit {}",
        it.identity.id,
        certificate.key.name,
        certificate.key.key.id(),
        it.identity.finished,
        it.identity.commit
    )
}

/// Each of the certificates before it is the one that the next one names.
fn chain(order: &Order, predicate: &Predicate, report: &mut Report) -> Result<()> {
    let mut now = predicate.clone();
    let mut faults = Vec::new();
    for path in &order.previous {
        let bytes = std::fs::read(path).map_err(Error::read(path))?;
        match bundle::verify(&String::from_utf8_lossy(&bytes), &order.trust) {
            Ok(before) => {
                faults.extend(against_before(&now, &before.predicate, &before.sha256));
                now = before.predicate;
            }
            Err(refusal) => {
                faults.push(format!("{}: {refusal}", path.display()));
                break;
            }
        }
    }
    let (count, rest) = (order.previous.len(), now.chain);
    let rest = rest.map_or("nothing is before that".to_owned(), |it| {
        format!("{} is before that", it.id)
    });
    match count {
        0 => report.leave("chain", format!("no certificate before it given; {rest}")),
        _ => report.judge("chain", &faults, || format!("{count} before it; {rest}")),
    }
    Ok(())
}

/// The firmware given is the one certified.
fn firmware(predicate: &Predicate, elf: Option<&Elf>, report: &mut Report) {
    let certified = &predicate.firmware.elf_sha256;
    match elf {
        None => report.leave(
            "firmware",
            format!("no ELF file given; certified is {certified}"),
        ),
        Some(elf) => {
            let found = elf.image.sha256();
            let faults = differs("firmware.elf-sha256", certified, &hex::encode(found));
            let build_id = hex::encode(elf.image.build_id);
            let build_id = differs("firmware.build-id", &predicate.firmware.build_id, &build_id);
            let faults: Vec<_> = faults.into_iter().chain(build_id).collect();
            report.judge("firmware", &faults, || elf.path.display().to_string());
        }
    }
}

/// Model and suite are those certified.
fn compare(predicate: &Predicate, material: &Material, report: &mut Report) {
    let model = material.model.model();
    let named = hex::encode(model.sha256());
    let whole = sha256(material.model.bytes());
    let flashed = predicate.firmware.flashed.last();
    let flashed = flashed.map_or("", |it| it.sha256.as_str());
    let faults = [
        differs("model.sha256", &predicate.model.sha256, &named),
        differs("firmware.flashed[model].sha256", flashed, &whole),
        differs(
            "model.precision",
            &predicate.model.precision,
            &model.precision().to_string(),
        ),
    ];
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    report.judge("model", &faults, || {
        format!("{}, {named}", predicate.model.name)
    });
    let found = &material.suite_sha256;
    let of_file = differs("suite.sha256", &predicate.suite.sha256, found);
    let of_vectors = against_suite(predicate, &material.suite);
    let of_vectors = of_vectors.iter().map(ToString::to_string);
    let faults: Vec<_> = of_file.into_iter().chain(of_vectors).collect();
    report.judge("suite", &faults, || {
        let (count, root) = (predicate.suite.count, &predicate.suite.root);
        format!("{count} vectors, root {root}")
    });
}

/// Every golden case of the reference is there with its digest.
fn operators(predicate: &Predicate, report: &mut Report) {
    let mut faults = Vec::new();
    let mut equal = 0;
    for case in cases() {
        let digests = golden(case.name).unwrap_or_default();
        for (seed, digest) in SEEDS.into_iter().zip(digests) {
            let of_case = |it: &&Operator| it.name == case.name && it.seed == seed;
            let found = predicate.operators.iter().find(of_case);
            let found = found
                .and_then(|it| it.digest.as_deref())
                .unwrap_or("missing");
            let field = format!("operators[{}, seed {seed}].digest", case.name);
            match differs(&field, found, &format!("{digest:016x}")) {
                None => equal += 1,
                fault => faults.extend(fault),
            }
        }
    }
    report.judge("operators", &faults, || {
        format!("{equal} digests of the reference are the published ones")
    });
}

/// Says that the certificate has another value than was found.
fn differs(field: &str, certified: &str, found: &str) -> Option<String> {
    (certified != found).then(|| format!("{field}: certified is {certified}, found {found}"))
}

/// What is computed again.
struct Work<'a> {
    predicate: &'a Predicate,
    material: &'a Material,
}

impl Work<'_> {
    /// Decodes the vectors; nothing where something before differs, so that they would prove nothing.
    fn cases(&self, report: &mut Report) -> Option<Vec<Case>> {
        if !report.is_accepted() {
            return None;
        }
        match Case::all(&self.material.suite) {
            Ok(cases) => Some(cases),
            Err(error) => {
                report.refuse("vectors", &[error.to_string()]);
                None
            }
        }
    }

    /// Computes every vector twice, at once: here and in Python.
    fn compute(&self, cases: &[Case], independent: bool, report: &mut Report) -> Result<()> {
        let model = &self.material.model;
        let pictures: Vec<_> = cases.iter().map(Case::picture).collect();
        let started = Instant::now();
        let second = match independent {
            true => independent::start(model.bytes(), &pictures)?,
            false => None,
        };
        let ours = again::reference(model, &pictures)?;
        let outputs: Vec<Expected> = ours.iter().map(Expected::of).collect();
        let mut faults = self.faults(&outputs);
        faults.extend(again::chain_faults(&self.material.suite, &pictures, &ours));
        report.judge("reference", &faults, || {
            format!("{} outputs of the kernels' reference", outputs.len())
        });
        const NAME: &str = "second implementation";
        match (independent, second) {
            (false, _) => report.leave(NAME, "left out by --no-independent".to_owned()),
            (true, None) => report.miss(
                NAME,
                "python3 is not installed: install it, or leave this out with --no-independent"
                    .to_owned(),
            ),
            (true, Some(second)) => {
                let theirs = second.finish()?;
                let faults = self.faults(&theirs);
                report.judge(NAME, &faults, || {
                    let seconds = started.elapsed().as_secs_f64();
                    format!("{} outputs, in {seconds:.1} s", theirs.len())
                });
            }
        }
        Ok(())
    }

    /// Returns where outputs are not the certified ones.
    fn faults(&self, outputs: &[Expected]) -> Vec<String> {
        let results = &self.predicate.results;
        let mut faults = Vec::new();
        if results.len() != outputs.len() {
            faults.push(format!("{} outputs, not {}", outputs.len(), results.len()));
        }
        for (result, found) in results.iter().zip(outputs) {
            for (field, certified, found) in [
                ("expected-sha256", &result.expected_sha256, &found.output),
                (
                    "expected-layers-sha256",
                    &result.expected_layers_sha256,
                    &found.layers,
                ),
            ] {
                let field = format!("results[{}].{field}", result.id);
                faults.extend(differs(&field, certified, found));
            }
        }
        faults
    }

    /// Runs the firmware again.
    fn rerun(
        &self,
        cases: &[Case],
        boards: Option<&Boards>,
        (interrupt, observer): (&Interrupt, &dyn Observer),
        report: &mut Report,
    ) -> Result<()> {
        let boards = boards.ok_or(VerifyError::NoRepository)?;
        let rerun = rerun::Rerun {
            predicate: self.predicate,
            material: self.material,
            cases,
            boards,
        };
        let started = Instant::now();
        let faults = rerun.run(interrupt, observer)?;
        report.judge("rerun", &faults, || {
            let seconds = started.elapsed().as_secs_f64();
            let board = &self.predicate.board.name;
            format!("{} vectors on {board}, in {seconds:.1} s", cases.len())
        });
        Ok(())
    }
}

/// Returns where the suite of a certificate is written beside it.
fn beside(certificate: &Path) -> Option<PathBuf> {
    let name = certificate.file_name()?.to_str()?;
    let stem = name.strip_suffix(bundle::EXTENSION)?;
    Some(certificate.with_file_name(format!("{stem}vectors.json")))
}
