//! A certificate of a shipped model with a small suite, accepted as it is and refused when it lies, even
//! under the trusted key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mambalite::picture::Picture;
use mambalite::registry::{self, DEFAULT};
use mambalite_hil_certificate::hash::layers_sha256;
use mambalite_hil_certificate::key::SigningKey;
use mambalite_hil_certificate::predicate::{Operator, VectorResult, Verdict};
use mambalite_hil_certificate::suite::{self, Class, Origin, Suite, Vector};
use mambalite_kernels::{Layer, Precision};
use mambalite_kernels_check::{SEEDS, cases, golden};
use tempfile::TempDir;

use super::*;
use crate::error::{EXIT_MISSING, EXIT_PASS, EXIT_REFUSED};
use crate::observer::Silent;
use crate::reference;
use crate::requirements;

/// A certificate and its suite, before they are signed and written.
struct Draft {
    predicate: Predicate,
    suite: Suite,
}

impl Draft {
    /// Of the shipped model, as the reference has it.
    fn good(precision: Precision) -> Self {
        let file = registry::load(DEFAULT, Some(precision)).unwrap();
        let model = file.model();
        let mut vectors: Vec<Vector> = Vec::new();
        let mut outputs: Vec<(Picture, String)> = Vec::new();
        for (class, width, height) in [
            (Class::Golden, 7_u16, 5_u16),
            (Class::Edge, 1, 1),
            (Class::Random, 5, 2),
            (Class::Chained, 4, 3),
            (Class::Seams, 3, 3),
            (Class::Accumulator, 3, 3),
            (Class::Real, 6, 2),
        ] {
            let (w, h) = (usize::from(width), usize::from(height));
            let (picture, after) = match class {
                Class::Chained => {
                    let (big, id) = outputs[0].clone();
                    let (x, y) = (9, 5);
                    let origin = Origin { id, x, y };
                    (big.crop(x.into(), y.into(), w, h).unwrap(), Some(origin))
                }
                _ => (noise(w, h), None),
            };
            let expected = reference::specification(&model, &picture).unwrap();
            assert_eq!(expected, reference::run(&model, &picture).unwrap());
            let id = format!("{class:?}/{width}x{height}").to_lowercase();
            vectors.push(Vector {
                id: id.clone(),
                class,
                width,
                height,
                channels: 3,
                pixels: STANDARD.encode(picture.data()),
                after,
                input_sha256: sha256(picture.data()),
                output_sha256: sha256(&expected.output),
                layers_sha256: layers_sha256(&expected.digests),
            });
            let scale = model.config().scale;
            let big = Picture::new(w * scale, h * scale, 3, expected.output).unwrap();
            outputs.push((big, id));
        }
        let suite = Suite {
            schema: suite::SCHEMA,
            model: DEFAULT.to_owned(),
            precision: precision.to_string(),
            model_sha256: hex::encode(model.sha256()),
            seed: 7,
            vectors,
            root: String::new(),
        };
        let mut predicate = requirements::tests::predicate();
        predicate.model.precision = precision.to_string();
        predicate.model.sha256 = hex::encode(model.sha256());
        predicate.model.layers = Layer::count(model.config());
        predicate.firmware.flashed[1].sha256 = sha256(file.bytes());
        predicate.firmware.flashed[1].read_back_sha256 = sha256(file.bytes());
        predicate.operators = operators();
        let mut draft = Self { predicate, suite };
        draft.fill();
        draft
    }

    /// Makes the predicate say what the suite says, sums and hashes too.
    fn fill(&mut self) {
        let (it, suite) = (&mut self.predicate, &mut self.suite);
        suite.root = hex::encode(suite.computed_root().unwrap());
        it.results = suite.vectors.iter().map(result).collect();
        it.suite.root.clone_from(&suite.root);
        it.suite.count = suite.vectors.len();
        it.suite.classes = suite.classes();
        it.suite.sha256 = sha256(serde_json::to_vec(suite).unwrap());
        it.totals.passed = it.operators.len() + it.results.len();
        it.totals.skipped = 0;
        it.soak.jobs = u64::from(it.soak.rounds) * it.results.len() as u64;
    }

    /// Signs and writes it, and verifies it.
    fn verify(&self, change: impl FnOnce(&mut Order)) -> Result<Report> {
        let folder = tempfile::tempdir().unwrap();
        let mut order = self.write(&folder);
        change(&mut order);
        run(&order, None, &Interrupt::default(), &Silent)
    }

    fn write(&self, folder: &TempDir) -> Order {
        let key = SigningKey::from_seed([3; 32]);
        let sbom = include_str!("../../certificate/fixtures/sbom.json");
        let sbom = serde_json::from_str(sbom).unwrap();
        let text = bundle::sign(&self.predicate, &sbom, &key).unwrap();
        let certificate = folder.path().join("board.intoto.jsonl");
        std::fs::write(&certificate, text).unwrap();
        let vectors = serde_json::to_vec(&self.suite).unwrap();
        std::fs::write(folder.path().join("board.vectors.json"), vectors).unwrap();
        Order {
            certificate,
            trust: Trust::in_key(key.public().clone()),
            previous: Vec::new(),
            elf: None,
            vectors: None,
            model: None,
            independent: false,
            rerun: false,
        }
    }
}

fn noise(width: usize, height: usize) -> Picture {
    let bytes = (0..width * height * 3).map(|i| (i * i * 37 + i * 11 + width * 91) as u8);
    Picture::new(width, height, 3, bytes.collect()).unwrap()
}

fn operators() -> Vec<Operator> {
    let mut all = Vec::new();
    for case in cases() {
        for (seed, digest) in SEEDS.into_iter().zip(golden(case.name).unwrap()) {
            all.push(Operator {
                name: case.name.to_owned(),
                seed,
                digest: Some(format!("{digest:016x}")),
                verdict: Verdict::Pass,
            });
        }
    }
    all
}

fn result(vector: &Vector) -> VectorResult {
    VectorResult {
        id: vector.id.clone(),
        input_sha256: vector.input_sha256.clone(),
        expected_sha256: vector.output_sha256.clone(),
        actual_sha256: vector.output_sha256.clone(),
        expected_layers_sha256: vector.layers_sha256.clone(),
        actual_layers_sha256: Some(vector.layers_sha256.clone()),
        cycles: None,
        attempts: 1,
        verdict: Verdict::Pass,
    }
}

/// Details of the step that refuses; panics where another does, or none.
fn refused(report: &Report, step: &str) -> String {
    assert_eq!(report.exit_code(), EXIT_REFUSED, "{:?}", report.steps);
    let refused: Vec<_> = report.steps.iter().collect();
    let refused = refused.iter().filter(|it| it.word == Word::Refused);
    let names: Vec<_> = refused.clone().map(|it| it.name).collect();
    assert_eq!(names, [step], "{:?}", report.steps);
    refused.flat_map(|it| it.details.clone()).collect()
}

#[test]
fn a_good_certificate_is_accepted_by_both_implementations() {
    let draft = Draft::good(Precision::W8A8);
    let report = draft.verify(|order| order.independent = true).unwrap();
    if report.exit_code() == EXIT_MISSING {
        println!("SKIP: python3 is not installed");
        return;
    }
    assert_eq!(report.exit_code(), EXIT_PASS, "{:?}", report.steps);
    let second = report.steps.iter().find(|it| it.name.starts_with("second"));
    assert_eq!(second.unwrap().word, Word::Accepted);
}

/// Board, suite and certificate agree on a wrong output: only computing it again shows that.
#[test]
fn an_output_that_the_model_does_not_give_is_refused() {
    let mut draft = Draft::good(Precision::W8A8);
    draft.suite.vectors[2].output_sha256 = "0".repeat(64);
    draft.fill();
    let report = draft.verify(|_| ()).unwrap();
    let details = refused(&report, "reference");
    assert!(
        details.contains("results[random/5x2].expected-sha256"),
        "{details}"
    );

    let mut draft = Draft::good(Precision::W8A8);
    draft.suite.vectors[2].layers_sha256 = "0".repeat(64);
    draft.fill();
    let details = refused(&draft.verify(|_| ()).unwrap(), "reference");
    assert!(details.contains("expected-layers-sha256"), "{details}");
}

#[test]
fn a_link_that_is_not_of_the_output_before_is_refused() {
    let mut draft = Draft::good(Precision::W8A8);
    draft.suite.vectors[3].after.as_mut().unwrap().x += 1;
    draft.fill();
    let details = refused(&draft.verify(|_| ()).unwrap(), "reference");
    assert!(details.contains("not cut from the output of"), "{details}");
}

#[test]
fn operators_that_are_not_the_published_ones_are_refused() {
    let mut draft = Draft::good(Precision::F32);
    draft.predicate.accumulators.clear();
    draft.predicate.ulp = Some(mambalite_hil_certificate::predicate::UlpHistogram {
        counts: [("0".to_owned(), 1)].into(),
        largest: 0,
        largest_grey: "0".to_owned(),
    });
    assert!(draft.verify(|_| ()).unwrap().is_accepted());
    draft.predicate.operators[4].digest = Some("0".repeat(16));
    let details = refused(&draft.verify(|_| ()).unwrap(), "operators");
    assert!(details.starts_with("operators["), "{details}");
    let mut draft = Draft::good(Precision::W8A8);
    let name = draft.predicate.operators[0].name.clone();
    draft.predicate.operators.retain(|it| it.name != name);
    draft.fill();
    let details = refused(&draft.verify(|_| ()).unwrap(), "operators");
    assert!(details.contains("certified is missing"), "{details}");
}

#[test]
fn another_suite_model_or_firmware_is_refused() {
    let draft = Draft::good(Precision::W8A8);
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other.json");
    let mut suite = draft.suite.clone();
    suite.seed = 8;
    std::fs::write(&other, serde_json::to_vec(&suite).unwrap()).unwrap();
    let vectors = draft.verify(|order| order.vectors = Some(other.clone()));
    let details = refused(&vectors.unwrap(), "suite");
    assert!(details.contains("suite.sha256"), "{details}");
    let mut lying = Draft::good(Precision::W8A8);
    lying.predicate.firmware.flashed[1].sha256 = "1".repeat(64);
    lying.predicate.firmware.flashed[1].read_back_sha256 = "1".repeat(64);
    refused(&lying.verify(|_| ()).unwrap(), "model");
    let program = std::env::current_exe().unwrap();
    lying = Draft::good(Precision::W8A8);
    for (index, flashed) in lying.predicate.firmware.flashed.iter_mut().enumerate() {
        flashed.address = None;
        if index == 0 {
            flashed
                .sha256
                .clone_from(&lying.predicate.firmware.elf_sha256);
            flashed.read_back_sha256.clone_from(&flashed.sha256);
        }
    }
    let report = lying.verify(|order| order.elf = Some(program)).unwrap();
    let details = refused(&report, "firmware");
    assert!(details.contains("firmware.elf-sha256"), "{details}");
}

#[test]
fn a_certificate_of_nobody_is_refused_before_anything_is_computed() {
    let draft = Draft::good(Precision::W8A8);
    let stranger = SigningKey::from_seed([4; 32]);
    let trust = Trust::in_key(stranger.public().clone());
    let report = draft.verify(|order| order.trust = trust).unwrap();
    refused(&report, "certificate");
    assert_eq!(report.steps.len(), 1);
    assert!(report.certificate.is_none());
}

#[test]
fn what_cannot_be_found_is_named() {
    let draft = Draft::good(Precision::W8A8);
    let error = draft.verify(|order| {
        let beside = order.certificate.with_file_name("board.vectors.json");
        std::fs::remove_file(beside).unwrap();
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("--vectors"), "{error}");
    let mut draft = Draft::good(Precision::W8A8);
    draft.predicate.model.sha256 = "0".repeat(64);
    let error = draft.verify(|_| ()).unwrap_err().to_string();
    assert!(error.contains("--model"), "{error}");
}

/// The page says what the certificate says, and foreign words stay words.
#[test]
fn the_page_shows_the_certificate_and_escapes_it() {
    let mut draft = Draft::good(Precision::W8A8);
    draft.predicate.board.rig = "<script>alert(1)</script>".to_owned();
    let report = draft.verify(|_| ()).unwrap();
    let certificate = report.certificate.as_ref().unwrap();
    let page = crate::report::certificate_page(certificate, &report.steps);
    assert!(!page.contains("<script"), "foreign script");
    let it = &certificate.predicate;
    for part in [&it.identity.id, &it.firmware.elf_sha256, &it.suite.root] {
        assert!(page.contains(part.as_str()), "{part}");
    }
    for requirement in requirements::all() {
        assert!(page.contains(&format!("<b>{}</b>", requirement.id)));
    }
    assert!(!page.contains("not shown</span>"));
    if let Some(path) = std::env::var_os("MAMBALITE_CERTIFICATE_PAGE") {
        std::fs::write(path, page).unwrap();
    }
}

/// Returns a certificate that follows another, which it writes to a folder; with the path of that.
fn following(folder: &TempDir) -> (Draft, std::path::PathBuf) {
    let mut before = Draft::good(Precision::W8A8);
    before.predicate.identity.id = "1".repeat(32);
    before.predicate.chain = None;
    let path = before.write(folder).certificate;
    let text = std::fs::read_to_string(&path).unwrap();
    let key = SigningKey::from_seed([3; 32]);
    let trust = Trust::in_key(key.public().clone());
    let sha256 = bundle::verify(&text, &trust).unwrap().sha256;
    let mut draft = Draft::good(Precision::W8A8);
    draft.predicate.identity.started = before.predicate.identity.finished.clone();
    draft.predicate.identity.finished = before.predicate.identity.finished.clone();
    let id = before.predicate.identity.id;
    draft.predicate.chain = Some(mambalite_hil_certificate::predicate::Previous { id, sha256 });
    (draft, path)
}

#[test]
fn a_chain_is_followed_and_a_gap_in_it_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (draft, path) = following(&folder);
    let report = draft
        .verify(|order| order.previous = vec![path.clone()])
        .unwrap();
    assert_eq!(report.exit_code(), EXIT_PASS, "{:?}", report.steps);
    // The one before is the first: it follows nothing, not itself either.
    let report = draft.verify(|order| order.previous = vec![path.clone(), path.clone()]);
    let details = refused(&report.unwrap(), "chain");
    assert!(details.contains("is the first"), "{details}");

    let mut other = Draft {
        predicate: draft.predicate.clone(),
        suite: draft.suite.clone(),
    };
    other.predicate.chain.as_mut().unwrap().sha256 = "0".repeat(64);
    let details = refused(
        &other
            .verify(|order| order.previous = vec![path.clone()])
            .unwrap(),
        "chain",
    );
    assert!(details.contains("with the hash 0000"), "{details}");

    let mut early = Draft {
        predicate: draft.predicate.clone(),
        suite: draft.suite.clone(),
    };
    early.predicate.identity.started = "2020-01-01T00:00:00Z".to_owned();
    let details = refused(
        &early
            .verify(|order| order.previous = vec![path.clone()])
            .unwrap(),
        "chain",
    );
    assert!(details.contains("began at"), "{details}");

    let mut foreign = std::fs::read(&path).unwrap();
    foreign[200] ^= 1;
    std::fs::write(&path, foreign).unwrap();
    let report = draft
        .verify(|order| order.previous = vec![path.clone()])
        .unwrap();
    refused(&report, "chain");
}
