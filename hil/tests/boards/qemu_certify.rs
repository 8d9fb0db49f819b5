//! A virtual board certified, and the certificate verified, once more in the emulator too.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mambalite::registry;
use mambalite_hil::board::Boards;
use mambalite_hil::certify::{self, Order, Outcome};
use mambalite_hil::error::EXIT_PASS;
use mambalite_hil::interrupt::Interrupt;
use mambalite_hil::observer::Silent;
use mambalite_hil::state::State;
use mambalite_hil_certificate::key::{SigningKey, public_path};
use mambalite_hil_certificate::trust::Trust;
use mambalite_kernels::Precision;

use crate::qemu_run::can_run;

const BOARD: &str = "qemu-mps2-an386";

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

/// Certifies the board with the shipped model in 8 bits.
fn certify(folder: &Path, key: SigningKey) -> Outcome {
    let repository = folder.join("repository");
    clean_repository(&repository);
    let order = Order {
        rigs: Vec::new(),
        boards: vec![BOARD.to_owned()],
        model: registry::DEFAULT.to_owned(),
        precisions: vec![Precision::W8A8],
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
    let boards = Boards::find(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut outcomes = Vec::new();
    certify::run(&order, &boards, &Interrupt::default(), &Silent, &mut |it| {
        outcomes.push(it.clone());
    })
    .unwrap();
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

#[test]
fn a_board_is_certified_and_the_certificate_verified() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.key");
    let key = SigningKey::generate().unwrap();
    key.write(&path).unwrap();
    let outcome = certify(folder.path(), key);
    assert!(outcome.is_signed(), "{:#?}", outcome.reasons);
    assert_eq!(outcome.exit_code, EXIT_PASS);
    let it = &outcome.predicate;
    assert_eq!(it.board.core, "cortex-m4f");
    assert!(it.board.clock_hz.is_some() && it.board.emulator.is_some());
    assert!(it.toolchain.linker_scripts.len() > 1, "{:?}", it.toolchain);
    assert!(!it.accumulators.is_empty() && it.ulp.is_none());

    let verified = Command::new(env!("CARGO_BIN_EXE_hil"))
        .arg("verify")
        .arg(&outcome.path)
        .arg("--key")
        .arg(public_path(&path))
        .arg("--rerun")
        .env("HIL_STATE", folder.path().join("state"))
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
