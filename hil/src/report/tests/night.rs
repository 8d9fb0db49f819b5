//! A night of ten rigs in two precisions, with everything that can happen.

use super::*;
use crate::history::{self, Series, Thresholds};
use crate::inventory::Quarantine;
use crate::recovery::{Rung, Step};

/// Name of a rig, its board and core.
const RIGS: [(&str, &str, &str); 10] = [
    ("bench-m0", "qemu-microbit", "Cortex-M0"),
    ("bench-m3", "qemu-mps2-an385", "Cortex-M3"),
    ("bench-m4-left", "qemu-mps2-an386", "Cortex-M4F"),
    ("bench-m4-right", "qemu-mps2-an386", "Cortex-M4F"),
    ("bench-m7", "qemu-mps2-an500", "Cortex-M7"),
    ("bench-m33", "qemu-mps2-an505", "Cortex-M33"),
    ("bench-m55", "qemu-mps3-an547", "Cortex-M55"),
    ("bench-rv32", "qemu-virt-rv32", "RV32IMAC"),
    ("jetson-orin-1", "jetson-orin-nano", "Cortex-A78AE"),
    ("jetson-orin-2", "jetson-orin-nano", "Cortex-A78AE"),
];
const PRECISIONS: [&str; 2] = ["f32", "w8a8"];

/// The layers of the shipped network.
fn names() -> Vec<String> {
    let parts = [
        "norm", "in_proj", "conv1d", "x_proj", "dt", "scan", "gate", "out_proj", "skip",
    ];
    let mut names = vec!["conv_first".to_owned(), "patch_embed.norm".to_owned()];
    for block in 0..2 {
        names.extend(parts.map(|part| format!("layers.0.blocks.{block}.{part}")));
    }
    let rest = [
        "layers.0.conv",
        "layers.0",
        "norm_f",
        "conv_after_body",
        "body",
        "upsample",
        "output",
    ];
    names.extend(rest.map(str::to_owned));
    names
}

fn failure(verdict: Verdict, stage: Stage, cause: &str) -> Failure {
    Failure {
        stage,
        verdict,
        cause: cause.to_owned(),
    }
}

/// One rig on night `age` before the last, that one being 0.
fn entry(rig_idx: usize, precision: &str, age: u64) -> BoardReport {
    let (rig, kind, core) = RIGS[rig_idx];
    let differs = age == 0 && rig == "bench-m55" && precision == "w8a8";
    let mut entry = board(rig, precision, true);
    (entry.board.name, entry.board.core) = (kind.to_owned(), core.to_owned());
    if rig.starts_with("jetson") {
        entry.board.machine = None;
    } else {
        entry.sensors = None;
    }
    entry.pictures[0].name = "astronaut.png".to_owned();
    let from = names()
        .iter()
        .position(|it| it == "layers.0.blocks.1.scan")
        .unwrap();
    for (tile, job) in (0_u64..).zip(&mut entry.jobs) {
        let wrong = |idx| differs && tile >= 2 && idx >= from;
        let layers = names().into_iter().enumerate();
        job.layers = layers
            .map(|(idx, name)| layer(&name, !wrong(idx)))
            .collect();
        job.output_equal = !(differs && tile >= 2);
        // A little noise, and on the last night a step on one rig.
        let noise = (age * 7 + rig_idx as u64 * 3) % 5 * 40;
        let step = if age == 0 && rig == "bench-m7" {
            40_000
        } else {
            0
        };
        job.cycles = Some(3_100_000 + tile * 1000 + noise + step);
    }
    if differs {
        let mut found = difference();
        found.layer = "layers.0.blocks.1.scan".to_owned();
        entry.first_difference = Some(found);
    }
    if age == 0 {
        tonight(rig, precision, &mut entry);
    }
    if entry.verdict == Verdict::Pass {
        entry.verdict = entry.judge();
    }
    entry
}

/// What went wrong on the last night.
fn tonight(rig: &str, precision: &str, entry: &mut BoardReport) {
    match (rig, precision) {
        ("bench-m4-left", "f32") => {
            let cause = "use the line to the board: the port vanished";
            entry.attempts = vec![failure(Verdict::Link, Stage::Stream, cause)];
            let step = |rung, detail: Option<&str>| Step {
                rung,
                helped: detail.is_none(),
                detail: detail.map(str::to_owned),
            };
            let still = "use the line to the board: the port is not there";
            entry.recovery = vec![step(Rung::Reset, Some(still)), step(Rung::Reopen, None)];
        }
        ("bench-m33", _) => {
            let cause = "wait for the handshake: nothing for 3 s";
            entry.failure = Some(failure(Verdict::Timeout, Stage::Handshake, cause));
            silent(entry);
        }
        ("bench-rv32", _) => {
            entry.quarantine = Some(QuarantineReport {
                found: Verdict::Pass,
                quarantine: Quarantine {
                    reason: "the adapter loses bytes when it is warm".to_owned(),
                    owner: "Ada".to_owned(),
                    issue: Some("bench/17".to_owned()),
                    expires: "2026-02-01".to_owned(),
                },
            });
            entry.verdict = Verdict::Quarantined;
        }
        ("jetson-orin-2", _) => {
            let cause = "connect to `orin-2`: No route to host; try `ssh orin-2 true`";
            entry.attempts = vec![failure(Verdict::Infra, Stage::Start, cause); 2];
            entry.failure = Some(failure(Verdict::Infra, Stage::Start, cause));
            silent(entry);
        }
        ("bench-m0", "w8a8") => {
            entry.verdict = Verdict::Skip;
            let cause = "borrowed by Grace until noon";
            entry.failure = Some(failure(Verdict::Skip, Stage::Lease, cause));
            silent(entry);
        }
        _ => {}
    }
}

/// Takes away what a board without a handshake cannot have.
fn silent(entry: &mut BoardReport) {
    (entry.device, entry.sensors) = (None, None);
    entry.jobs.clear();
    entry.pictures.clear();
    entry.controls.clear();
    entry.log.clear();
}

/// The whole night, closed against a history of the 13 nights before.
pub(crate) fn night() -> (RunReport, Vec<Series>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let thresholds = Thresholds::load(None).unwrap();
    let mut last = None;
    for age in (0..14).rev() {
        let rigs = (0..RIGS.len()).flat_map(|rig| PRECISIONS.map(|it| (rig, it)));
        let mut report = run(rigs.map(|(rig, it)| entry(rig, it, age)).collect());
        report.started = format!("2026-01-{:02}T01:30:00Z", 15 - age);
        report.command = "hil run --rig all --input set5/ --out nightly".to_owned();
        report.duration_s = 1325.0;
        let trends = history::close(&path, &thresholds, &mut report, &[]).unwrap();
        last = Some((report, trends));
    }
    last.unwrap()
}
