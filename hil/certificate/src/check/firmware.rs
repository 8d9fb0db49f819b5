//! That the firmware is what its source gives, and that the board had it and the model.

use super::Findings;
use super::form::{digits, sha256};
use crate::predicate::{Flashed, Predicate};

/// Checks the ELF file, its second build, and what was flashed.
pub(super) fn check(predicate: &Predicate, findings: &mut Findings) {
    let firmware = &predicate.firmware;
    sha256(&firmware.elf_sha256, "firmware.elf-sha256", findings);
    digits(&firmware.build_id, 40, "firmware.build-id", findings);
    findings.equal(
        &firmware.rebuilt_sha256,
        &firmware.elf_sha256,
        "firmware.rebuilt-sha256",
        "firmware.elf-sha256",
    );
    for (index, flashed) in firmware.flashed.iter().enumerate() {
        let field = format!("firmware.flashed[{index}]");
        stretch(flashed, &field, findings);
        program(flashed, &firmware.elf_sha256, &field, findings);
    }
    order(&firmware.flashed, findings);
    let (programs, models) = (count(predicate, "program"), count(predicate, "model"));
    let field = "firmware.flashed";
    findings.require(programs > 0, field, "no program");
    findings.require(models == 1, field, format!("{models} models, not one"));
    let last = firmware.flashed.last();
    let is_model = last.is_none_or(|last| last.what == "model");
    findings.require(is_model, field, "the model is not the last");
}

fn count(predicate: &Predicate, what: &str) -> usize {
    let flashed = predicate.firmware.flashed.iter();
    flashed.filter(|it| it.what == what).count()
}

fn stretch(flashed: &Flashed, field: &str, findings: &mut Findings) {
    let known = matches!(flashed.what.as_str(), "program" | "model");
    let cause = format!("{:?}, not program or model", flashed.what);
    findings.require(known, format!("{field}.what"), cause);
    findings.require(flashed.bytes > 0, format!("{field}.bytes"), "none");
    sha256(&flashed.sha256, &format!("{field}.sha256"), findings);
    findings.equal(
        &flashed.read_back_sha256,
        &flashed.sha256,
        format!("{field}.read-back-sha256"),
        "its sha256",
    );
}

/// On a computer the program is the ELF file itself.
fn program(flashed: &Flashed, elf_sha256: &str, field: &str, findings: &mut Findings) {
    if flashed.what == "program" && flashed.address.is_none() {
        let field = format!("{field}.sha256");
        findings.equal(&flashed.sha256, elf_sha256, field, "firmware.elf-sha256");
    }
}

/// By rising address, none over another.
fn order(flashed: &[Flashed], findings: &mut Findings) {
    let mut end = 0;
    for (index, it) in flashed.iter().enumerate() {
        let Some(address) = it.address else { continue };
        let start = u64::from(address);
        let field = format!("firmware.flashed[{index}].address");
        let cause = format!("{address:#010x} is within or before the stretch before it");
        findings.require(start >= end, field, cause);
        end = start.saturating_add(it.bytes as u64);
    }
}
