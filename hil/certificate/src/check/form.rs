//! Hashes, numbers and times that are what they are called; what is not in other files here.

use super::{Findings, PRECISIONS};
use crate::hash::{DIGITS, is_hex};
use crate::predicate::Predicate;

/// Checks identity, model, toolchain, board, chain and the remaining hashes.
pub(super) fn check(predicate: &Predicate, findings: &mut Findings) {
    identity(predicate, findings);
    model(predicate, findings);
    toolchain(predicate, findings);
    board(predicate, findings);
    sha256(&predicate.sbom_sha256, "sbom-sha256", findings);
    sha256(&predicate.log_sha256, "log-sha256", findings);
    let health = &predicate.health;
    findings.require(health.passed, "health.passed", "the board was not well");
    sha256(&health.firmware_sha256, "health.firmware-sha256", findings);
    if let Some(previous) = &predicate.chain {
        digits(&previous.id, 32, "chain.id", findings);
        sha256(&previous.sha256, "chain.sha256", findings);
        let same = previous.id == predicate.identity.id;
        findings.require(!same, "chain.id", "a certificate cannot follow itself");
    }
}

fn identity(predicate: &Predicate, findings: &mut Findings) {
    let identity = &predicate.identity;
    digits(&identity.id, 32, "identity.id", findings);
    digits(&identity.commit, 40, "identity.commit", findings);
    digits(
        &identity.kernels_tree,
        40,
        "identity.kernels-tree",
        findings,
    );
    sha256(&identity.tool_sha256, "identity.tool-sha256", findings);
    filled(&identity.tool, "identity.tool", findings);
    filled(&identity.host, "identity.host", findings);
    let mut read = |text: &str, field: &str| {
        let time = super::time(text, field);
        let cause = time.as_ref().err().map(ToString::to_string);
        findings.require(time.is_ok(), field, cause.unwrap_or_default());
        time.ok()
    };
    let started = read(&identity.started, "identity.started");
    let finished = read(&identity.finished, "identity.finished");
    let ordered = started.zip(finished).is_none_or(|(a, b)| a <= b);
    findings.require(ordered, "identity.finished", "before identity.started");
}

fn model(predicate: &Predicate, findings: &mut Findings) {
    let model = &predicate.model;
    filled(&model.name, "model.name", findings);
    filled(&model.config, "model.config", findings);
    sha256(&model.sha256, "model.sha256", findings);
    findings.require(model.layers > 0, "model.layers", "none");
    let precision = model.precision.as_str();
    let known = PRECISIONS.contains(&precision);
    let cause = format!("{precision:?} is none of {PRECISIONS:?}");
    findings.require(known, "model.precision", cause);
}

fn toolchain(predicate: &Predicate, findings: &mut Findings) {
    let toolchain = &predicate.toolchain;
    filled(&toolchain.rustc, "toolchain.rustc", findings);
    filled(&toolchain.target, "toolchain.target", findings);
    sha256(&toolchain.lock_sha256, "toolchain.lock-sha256", findings);
    for (name, hash) in &toolchain.linker_scripts {
        let field = format!("toolchain.linker-scripts[{name:?}]");
        sha256(hash, &field, findings);
    }
}

fn board(predicate: &Predicate, findings: &mut Findings) {
    let board = &predicate.board;
    for (text, field) in [
        (&board.rig, "board.rig"),
        (&board.name, "board.name"),
        (&board.chip, "board.chip"),
        (&board.core, "board.core"),
        (&board.backend, "board.backend"),
    ] {
        filled(text, field, findings);
    }
    sha256(&board.facts_sha256, "board.facts-sha256", findings);
    let register = |text: &str| {
        let digits = text.strip_prefix("0x");
        digits.is_some_and(|it| (8..=16).contains(&it.len()) && is_hex(it))
    };
    let cause = format!("{:?} is no register as 0x410fc241", board.cpuid);
    findings.require(register(&board.cpuid), "board.cpuid", cause);
    let uid = !board.uid.is_empty() && is_hex(&board.uid);
    findings.require(uid, "board.uid", format!("{:?} is not hex", board.uid));
    // Round to nearest, denormals kept, NaNs as they come: the number contract of the kernels.
    findings.equal(
        &board.fp_flags,
        "0x00000000",
        "board.fp-flags",
        "the number contract",
    );
}

fn filled(text: &str, field: &str, findings: &mut Findings) {
    findings.require(!text.trim().is_empty(), field, "empty");
}

/// Requires a SHA-256.
pub(super) fn sha256(text: &str, field: &str, findings: &mut Findings) {
    digits(text, DIGITS, field, findings);
}

/// Requires `count` hex digits.
pub(super) fn digits(text: &str, count: usize, field: &str, findings: &mut Findings) {
    let cause = format!("{text:?} is not {count} hex digits in lower case");
    findings.require(text.len() == count && is_hex(text), field, cause);
}
