//! Every rule of the policy broken once, under a trusted key: each is refused by its name.

use mambalite_hil_certificate::predicate::{
    Operator, Previous, Totals, UlpHistogram, Verdict, Waiver,
};
use mambalite_hil_certificate::suite::Class;
use mambalite_hil_certificate::{Predicate, Refusal, bundle};

use crate::fixture::{Forgery, key, predicate, trust};

/// How a predicate is changed, and how the refusal of that begins.
type Case = (fn(&mut Predicate), &'static str);

const IDENTITY: &[Case] = &[
    (|it| it.schema = 2, "schema: 2"),
    (|it| it.identity.id.clear(), "identity.id"),
    (|it| it.identity.commit.truncate(39), "identity.commit"),
    (
        |it| it.identity.commit.make_ascii_uppercase(),
        "identity.commit",
    ),
    (
        |it| it.identity.kernels_tree.push('0'),
        "identity.kernels-tree",
    ),
    (|it| it.identity.tool.clear(), "identity.tool"),
    (|it| it.identity.host = " ".into(), "identity.host"),
    (|it| it.identity.tool_sha256.clear(), "identity.tool-sha256"),
    (
        |it| it.identity.started = "2026-11-29".into(),
        "identity.started",
    ),
    (
        |it| it.identity.finished = "2026-11-29T06:03:20+01:00".into(),
        "identity.finished",
    ),
    (
        |it| it.identity.finished = "2026-11-29T04:00:00Z".into(),
        "identity.finished: before",
    ),
    (|it| it.model.precision = "w4a4".into(), "model.precision"),
    (|it| it.model.layers = 0, "model.layers"),
    (|it| it.model.name.clear(), "model.name"),
    (|it| it.sbom_sha256.clear(), "sbom-sha256"),
    (|it| it.log_sha256.clear(), "log-sha256"),
    (
        |it| {
            let (id, sha256) = (it.identity.id.clone(), it.log_sha256.clone());
            it.chain = Some(Previous { id, sha256 });
        },
        "chain.id: a certificate cannot follow itself",
    ),
    (
        |it| {
            let (id, sha256) = ("0".repeat(32), "none".to_owned());
            it.chain = Some(Previous { id, sha256 });
        },
        "chain.sha256",
    ),
    (|it| it.toolchain.rustc.clear(), "toolchain.rustc"),
    (|it| it.toolchain.target.clear(), "toolchain.target"),
    (
        |it| it.toolchain.lock_sha256.clear(),
        "toolchain.lock-sha256",
    ),
    (
        |it| drop(it.toolchain.linker_scripts.insert("x".into(), "y".into())),
        "toolchain.linker-scripts[\"x\"]",
    ),
    (|it| it.board.rig.clear(), "board.rig"),
    (|it| it.board.core.clear(), "board.core"),
    (|it| it.board.backend.clear(), "board.backend"),
    (|it| it.board.cpuid = "410fc241".into(), "board.cpuid"),
    (|it| it.board.uid = "no".into(), "board.uid"),
    (
        |it| it.board.fp_flags = "0x01000000".into(),
        "board.fp-flags",
    ),
    (|it| it.board.facts_sha256.clear(), "board.facts-sha256"),
    (|it| it.health.passed = false, "health.passed"),
    (
        |it| it.health.firmware_sha256.clear(),
        "health.firmware-sha256",
    ),
];

const FIRMWARE: &[Case] = &[
    (|it| it.firmware.build_id.clear(), "firmware.build-id"),
    (
        |it| it.firmware.rebuilt_sha256 = "0".repeat(64),
        "firmware.rebuilt-sha256",
    ),
    (
        |it| it.firmware.flashed.clear(),
        "firmware.flashed: no program",
    ),
    (
        |it| it.firmware.flashed[0].read_back_sha256 = "0".repeat(64),
        "firmware.flashed[0].read-back-sha256",
    ),
    (
        |it| it.firmware.flashed[0].bytes = 0,
        "firmware.flashed[0].bytes",
    ),
    (
        |it| it.firmware.flashed[0].what = "data".into(),
        "firmware.flashed[0].what",
    ),
    (
        |it| it.firmware.flashed[0].bytes = 1 << 21,
        "firmware.flashed[1].address",
    ),
    (
        |it| it.firmware.flashed.swap(0, 1),
        "firmware.flashed[1].address",
    ),
    (
        |it| drop(it.firmware.flashed.pop()),
        "firmware.flashed: 0 models",
    ),
    (
        |it| it.firmware.flashed.push(it.firmware.flashed[1].clone()),
        "firmware.flashed: 2 models",
    ),
    (
        |it| {
            it.firmware.flashed.swap(0, 1);
            it.firmware.flashed[1].address = Some(1 << 30);
        },
        "firmware.flashed: the model is not the last",
    ),
    (
        |it| it.firmware.flashed[0].address = None,
        "firmware.flashed[0].sha256",
    ),
];

const SUITE: &[Case] = &[
    (|it| it.suite.root.clear(), "suite.root"),
    (|it| it.suite.sha256.clear(), "suite.sha256"),
    (|it| drop(it.results.pop()), "results: 13"),
    (
        |it| {
            it.results.pop();
            it.suite.count = 13;
        },
        "suite.count: 13",
    ),
    (
        |it| {
            let classes = &mut it.suite.classes;
            classes.remove(&Class::Real);
            classes.insert(Class::Edge, 4);
        },
        "suite.classes: no vector of Real",
    ),
    (
        |it| it.results[1].id = it.results[0].id.clone(),
        "results[1].id",
    ),
    (|it| it.results[1].id.clear(), "results[1].id"),
];

const RESULTS: &[Case] = &[
    (
        |it| it.policy.comparison = "ulp<=1".into(),
        "policy.comparison",
    ),
    (
        |it| it.results[3].actual_sha256 = "0".repeat(64),
        "results[3].actual-sha256",
    ),
    (
        |it| it.results[3].actual_layers_sha256 = Some("0".repeat(64)),
        "results[3].actual-layers-sha256",
    ),
    (
        |it| it.results[3].actual_layers_sha256 = None,
        "results[].actual-layers-sha256",
    ),
    (
        |it| it.results[3].input_sha256.clear(),
        "results[3].input-sha256",
    ),
    (
        |it| {
            it.results[3].expected_sha256.clear();
            it.results[3].actual_sha256.clear();
        },
        "results[3].expected-sha256",
    ),
    (
        |it| {
            it.results[3].attempts = 2;
            it.totals.flaky = 1;
        },
        "results[3].attempts",
    ),
    (
        |it| {
            it.results[3].verdict = Verdict::Skip;
            it.totals = Totals {
                passed: 22,
                skipped: 4,
                ..it.totals
            };
        },
        "results[3].verdict",
    ),
    (
        |it| {
            it.results[3].verdict = Verdict::Fail;
            it.totals = Totals {
                passed: 22,
                failed: 1,
                ..it.totals
            };
        },
        "results[3].verdict",
    ),
    (|it| it.totals.passed -= 1, "totals.passed"),
    (|it| it.totals.skipped += 1, "totals.skipped"),
    (|it| it.totals.failed = 1, "totals.failed"),
    (|it| it.totals.flaky = 1, "totals.flaky"),
    (|it| it.link.jobs_repeated = 1, "link.jobs-repeated"),
    (|it| it.controls[2].caught = false, "controls[2].caught"),
    (
        |it| drop(it.controls.remove(5)),
        "controls: no control \"firmware word\"",
    ),
    (
        |it| it.controls.push(it.controls[0].clone()),
        "controls[6].name",
    ),
    (|it| it.soak.rounds = 2, "soak.rounds"),
    (|it| it.soak.jobs -= 1, "soak.jobs"),
    (|it| it.soak.failed = 1, "soak.failed"),
    (|it| it.ulp = Some(ulp(3)), "ulp: f32 has one"),
    (
        |it| {
            it.model.precision = "f32".into();
            it.accumulators.clear();
        },
        "ulp: f32 has one",
    ),
    (
        |it| {
            it.model.precision = "f32".into();
            it.accumulators.clear();
            it.ulp = Some(ulp(0));
        },
        "ulp.counts",
    ),
    (|it| it.accumulators.clear(), "accumulators: "),
    (
        |it| it.accumulators[0].bound = 1 << 31,
        "accumulators[0].bound",
    ),
    (
        |it| it.accumulators[0].limit = u64::MAX,
        "accumulators[0].limit",
    ),
    (
        |it| it.accumulators[1].name = it.accumulators[0].name.clone(),
        "accumulators[1].name",
    ),
];

/// Index 3 of the operators is the variant that this core lacks; 0 a golden case, 2 another variant.
const OPERATORS: &[Case] = &[
    (
        |it| fail(it, 0),
        "operators[0].verdict: \"linear/w8a8\" failed",
    ),
    (|it| skip(it, 0), "operators[0].verdict"),
    (|it| skip(it, 2), "operators[2].verdict"),
    (
        |it| it.board.core = "cortex-m55".into(),
        "operators[3].verdict",
    ),
    (
        |it| it.operators[0].digest = Some("0".into()),
        "operators[0].digest",
    ),
    (
        |it| it.operators.push(it.operators[0].clone()),
        "operators[12].name",
    ),
    (|it| it.operators[0].name.clear(), "operators[0].name"),
    (|it| drop(it.operators.remove(0)), "operators[].seed"),
    (|it| it.operators.clear(), "operators: no golden case"),
    (
        |it| it.operators.iter_mut().for_each(|it| it.digest = None),
        "operators: no golden case",
    ),
];

const WAIVERS: &[Case] = &[
    (
        |it| waive(it, "2026-11-28"),
        "policy.waivers[0].expires: it expired",
    ),
    (
        |it| waive(it, "never"),
        "policy.waivers[0].expires: \"never\"",
    ),
    (|it| waive(it, ""), "policy.waivers[0].expires"),
    (|it| waive(it, "2026-12-32"), "policy.waivers[0].expires"),
    (
        |it| {
            waive(it, "2026-12-31");
            it.policy.waivers[0].reason.clear();
        },
        "policy.waivers[0]: no reason",
    ),
    (
        |it| {
            waive(it, "2026-12-31");
            it.policy.waivers[0].owner.clear();
        },
        "policy.waivers[0]: no reason, or no owner",
    ),
    (
        |it| {
            waive(it, "2026-12-31");
            it.policy.waivers[0].check = "linear/w8a8".into();
        },
        "policy.waivers[0].check",
    ),
    // A waiver lets a check be skipped, not fail.
    (
        |it| {
            waive(it, "2026-12-31");
            fail(it, 2);
        },
        "operators[2].verdict",
    ),
];

fn ulp(count: u64) -> UlpHistogram {
    UlpHistogram {
        counts: [("0".to_owned(), count)].into(),
        largest: 0,
        largest_grey: "0".to_owned(),
    }
}

fn skip(predicate: &mut Predicate, operator: usize) {
    predicate.operators[operator].verdict = Verdict::Skip;
    predicate.totals.passed -= 1;
    predicate.totals.skipped += 1;
}

fn fail(predicate: &mut Predicate, operator: usize) {
    predicate.operators[operator].verdict = Verdict::Fail;
    predicate.totals.passed -= 1;
    predicate.totals.failed += 1;
}

/// Skips all runs of a variant that the core has, with a waiver until `expires`.
fn waive(predicate: &mut Predicate, expires: &str) {
    let check = "linear/w8a8/dsp".to_owned();
    let is_it = |it: &Operator| it.name == check;
    let all = (0..predicate.operators.len()).filter(|&it| is_it(&predicate.operators[it]));
    for operator in all.collect::<Vec<_>>() {
        skip(predicate, operator);
    }
    predicate.policy.waivers.push(Waiver {
        check,
        reason: "assembler of this release".to_owned(),
        owner: "ada".to_owned(),
        expires: expires.to_owned(),
    });
}

fn refusal(change: fn(&mut Predicate)) -> Option<Refusal> {
    let mut changed = predicate();
    change(&mut changed);
    bundle::verify(&Forgery::of(&changed).sign(&key()), &trust()).err()
}

#[test]
fn each_broken_rule_is_refused_by_name() {
    let all = [IDENTITY, FIRMWARE, SUITE, RESULTS, OPERATORS, WAIVERS];
    for (change, expected) in all.into_iter().flatten() {
        let Some(Refusal::Policy(violations)) = refusal(*change) else {
            panic!("accepted: {expected}");
        };
        let found: Vec<_> = violations.iter().map(ToString::to_string).collect();
        let named = found.iter().any(|it| it.starts_with(expected));
        assert!(named, "{expected}: {found:?}");
    }
}

/// What may differ does: the rules do not refuse everything.
#[test]
fn what_is_allowed_is_accepted() {
    let allowed: &[fn(&mut Predicate)] = &[
        |_| (),
        |it| waive(it, "2026-12-31"),
        |it| waive(it, "2026-11-29"),
        |it| it.chain = None,
        |it| it.board.clock_hz = None,
        |it| it.results.iter_mut().for_each(|it| it.cycles = None),
        |it| {
            let results = it.results.iter_mut();
            results.for_each(|it| it.actual_layers_sha256 = None);
        },
        |it| {
            it.model.precision = "f32".into();
            it.accumulators.clear();
            it.ulp = Some(ulp(9));
        },
        |it| {
            // A computer: a file, which is the ELF.
            let program = &mut it.firmware.flashed[0];
            program.address = None;
            program.sha256 = it.firmware.elf_sha256.clone();
            program.read_back_sha256 = it.firmware.elf_sha256.clone();
            it.firmware.flashed[1].address = None;
        },
        |it| it.link.frames_bad = 3,
        |it| it.identity.finished = it.identity.started.clone(),
    ];
    for (index, change) in allowed.iter().enumerate() {
        let refusal = refusal(*change);
        assert!(refusal.is_none(), "{index}: {}", refusal.unwrap());
    }
}

/// Who makes a certificate learns all reasons at once.
#[test]
fn all_broken_rules_are_told() {
    let refusal = refusal(|it| {
        it.soak.failed = 2;
        it.results[0].attempts = 3;
        it.controls[0].caught = false;
    });
    let text = refusal.unwrap().to_string();
    for part in [
        "soak.failed: 2",
        "results[0].attempts",
        "controls[0].caught",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
