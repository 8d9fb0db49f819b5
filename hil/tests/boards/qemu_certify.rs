//! Every virtual board with room for the operator checks certified in every precision, and the certificates
//! verified, once more in the emulator too.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mambalite::registry;
use mambalite_hil::board::{Board, Boards};
use mambalite_hil::certify::{self, Order, Outcome};
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::observer::Silent;
use mambalite_hil::state::State;
use mambalite_hil_certificate::key::{SigningKey, public_path};
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Precision;

use crate::jetson;
use crate::qemu_run::can_run_on;

const PRECISIONS: [Precision; 3] = [Precision::W8A8, Precision::W8A16, Precision::F32];

/// Boards that are certified.
const CERTIFIED: [&str; 7] = [M3, M4F, M7, M33, M55, RISCV, JETSON];
const M3: &str = "qemu-mps2-an385";
const M4F: &str = "qemu-mps2-an386";
const M7: &str = "qemu-mps2-an500";
const M33: &str = "qemu-mps2-an505";
const M55: &str = "qemu-mps3-an547";
const RISCV: &str = "qemu-riscv32-virt";
const JETSON: &str = jetson::BOARD;

/// Boards that no certificate can speak for: one has no room for the arrays of the largest operator checks,
/// the other's firmware has no checks at all.
const TOO_SMALL: [&str; 2] = ["qemu-netduinoplus2", "qemu-mps2-an386-small"];

/// Makes a repository with nothing beside its commit: this one may have, while one works on it.
fn clean_repository(folder: &Path) {
    std::fs::create_dir_all(folder.join("kernels")).unwrap();
    std::fs::write(folder.join("kernels/a"), "a").unwrap();
    let identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"];
    for arguments in [
        ["init", "--quiet"].as_slice(),
        &["add", "."],
        &["commit", "--quiet", "--message", "a"],
    ] {
        let mut git = Command::new("git");
        git.args(identity).args(arguments).current_dir(folder);
        assert!(git.status().unwrap().success());
    }
}

/// Certifies a board with the shipped model.
fn certify(folder: &Path, board: &str, key: SigningKey) -> Vec<Outcome> {
    let repository = folder.join("repository");
    clean_repository(&repository);
    let order = Order {
        rigs: Vec::new(),
        boards: vec![board.to_owned()],
        model: registry::DEFAULT.to_owned(),
        precisions: PRECISIONS.to_vec(),
        vectors: None,
        soak: 3,
        waivers: Vec::new(),
        previous: None,
        trust: Trust::in_key(key.public().clone()),
        key,
        out: folder.join("out"),
        repository,
        wait: Duration::ZERO,
        limit: Duration::from_secs(3600),
        state: State::at(folder.join("state")),
        command: "a test".to_owned(),
    };
    let mut outcomes = Vec::new();
    certify::run(
        &order,
        &inventory(),
        &Interrupt::default(),
        &Silent,
        &mut |it| {
            outcomes.push(it.clone());
        },
    )
    .unwrap();
    outcomes
}

fn inventory() -> Boards {
    Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// Certifies a board in every precision, and verifies what that gives in a program of its own.
fn certified_and_verified(board: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.key");
    let key = SigningKey::generate().unwrap();
    key.write(&path).unwrap();
    let outcomes = certify(folder.path(), board, key);
    assert_eq!(outcomes.len(), PRECISIONS.len());
    let board = inventory().load(board).unwrap();
    for (outcome, precision) in outcomes.iter().zip(PRECISIONS) {
        check(outcome, &board, precision);
        verify(&outcome.path, &public_path(&path), folder.path());
    }
}

/// Checks what a certificate says of its board.
fn check(outcome: &Outcome, board: &Board, precision: Precision) {
    assert!(outcome.is_signed(), "{:#?}", outcome.reasons);
    assert_eq!(outcome.exit_code, EXIT_PASS);
    let it = &outcome.predicate;
    assert_eq!(it.board.core, board.core);
    assert!(it.board.emulator.is_some());
    // A computer has a clock that changes, and its program no linker script of ours.
    if board.memory().is_some() {
        assert!(it.board.clock_hz.is_some());
        assert!(it.toolchain.linker_scripts.len() > 1, "{:?}", it.toolchain);
    }
    // Sums have no bound to come near in floating point, and whole numbers no units in the last place.
    let is_float = precision == Precision::F32;
    assert_eq!(
        (it.accumulators.is_empty(), it.ulp.is_some()),
        (is_float, is_float)
    );
}

/// Verifies a certificate, in the emulator too.
fn verify(certificate: &Path, key: &Path, folder: &Path) {
    let verified = Command::new(env!("CARGO_BIN_EXE_hil"))
        .arg("verify")
        .arg(certificate)
        .arg("--key")
        .arg(key)
        .arg("--rerun")
        .env("HIL_STATE", folder.join("state"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&verified.stderr);
    let lines = String::from_utf8_lossy(&verified.stdout);
    assert_eq!(
        verified.status.code(),
        Some(EXIT_PASS.into()),
        "{lines}{words}"
    );
}

fn certified_in_qemu(board: &str) {
    if can_run_on(&inventory().load(board).unwrap()) {
        certified_and_verified(board);
    }
}

#[test]
fn a_cortex_m3_is_certified() {
    certified_in_qemu(M3);
}

#[test]
fn a_cortex_m4f_is_certified() {
    certified_in_qemu(M4F);
}

#[test]
fn a_cortex_m7_is_certified() {
    certified_in_qemu(M7);
}

#[test]
fn a_cortex_m33_is_certified() {
    certified_in_qemu(M33);
}

#[test]
fn a_cortex_m55_is_certified() {
    certified_in_qemu(M55);
}

#[test]
fn a_risc_v_core_is_certified() {
    certified_in_qemu(RISCV);
}

#[test]
fn a_jetson_is_certified() {
    if jetson::can_run() {
        certified_and_verified(JETSON);
    }
}

#[test]
fn no_virtual_board_is_left_out() {
    let boards = inventory();
    let names = boards.names().unwrap();
    let is_virtual = |name: &&String| boards.load(name).unwrap().is_virtual();
    let found: Vec<_> = names.iter().filter(is_virtual).collect();
    let mut known: Vec<_> = CERTIFIED.into_iter().chain(TOO_SMALL).collect();
    known.sort_unstable();
    assert_eq!(found, known);
}
