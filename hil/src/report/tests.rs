//! Tests of both files of a report, over a run made up for them.

mod browser;
mod files;
mod night;

use std::collections::BTreeSet;

use mambalite::picture::Picture;

use super::*;
use crate::backend::{Backend, Wanted};
use crate::board::Counter;
use crate::link::Counters;
use crate::log::Line;
use crate::verdict::{Stage, Verdict};

const HOSTILE: &str = "<script>alert(\"1\")</script> & 'x'";

fn layer(name: &str, equal: bool) -> LayerReport {
    LayerReport {
        name: name.to_owned(),
        device: "9ae16a3b2f90404f".to_owned(),
        reference: if equal {
            "9ae16a3b2f90404f"
        } else {
            "c3a5c85c97cb3127"
        }
        .to_owned(),
        equal,
    }
}

fn job(tile: usize, equal: bool) -> JobReport {
    let mut layers = vec![layer("conv_first", true)];
    for block in 0..8 {
        for stage in ["norm", "mixer.in_proj", "mixer.scan", "mixer.out_proj"] {
            layers.push(layer(
                &format!("layers.{block}.{stage}"),
                equal || block < 5,
            ));
        }
    }
    JobReport {
        input: "astronaut.png".to_owned(),
        tile,
        rect: Rect {
            x: tile * 32,
            y: 0,
            width: 48,
            height: 32,
        },
        input_bytes: 48 * 32 * 3,
        output_bytes: 192 * 128 * 3,
        output_crc32: "0x1234abcd".to_owned(),
        output_equal: equal,
        layers,
        cycles: None,
        wall_ms: 1840.0,
        attempts: 1,
        device_frames_bad: 0,
    }
}

fn control(name: &str, what: &str, caught: bool) -> ControlReport {
    ControlReport {
        name: name.to_owned(),
        what: what.to_owned(),
        caught,
        how: if caught {
            "digest of conv_first differs"
        } else {
            "nothing differed"
        }
        .to_owned(),
    }
}

fn controls() -> Vec<ControlReport> {
    vec![
        control("input bit", "bit 3 of sample 1,201 of the LR picture", true),
        control(
            "weight bit",
            "bit 6 of byte 4,400 of the model in flash",
            true,
        ),
        control(
            "expected bit",
            "bit 0 of sample 77 of the expected output",
            true,
        ),
        control("frame bit", "bit 900 of data frame 2 on the line", true),
    ]
}

pub(crate) fn silence(cause: &str) -> Failure {
    Failure {
        stage: Stage::Handshake,
        verdict: Verdict::Timeout,
        cause: cause.to_owned(),
    }
}

pub(crate) fn board(name: &str, precision: &str, equal: bool) -> BoardReport {
    let sha256 = "6f1ed002ab5595859014ebf0951522d9f0b2a1a2b1b0f5a8b6d5a4c3e2f10011";
    let mut entry = BoardReport {
        rig: name.to_owned(),
        verdict: Verdict::Pass,
        failure: None,
        attempts: Vec::new(),
        recovery: Vec::new(),
        crash: None,
        quarantine: None,
        board: facts(name),
        firmware: Some(firmware()),
        device: Some(device(sha256)),
        model: ModelFacts {
            name: "student-x4".to_owned(),
            precision: precision.to_owned(),
            config: "x4, 3 channels, C 24, E 48, G 2, B 2, N 8".to_owned(),
            sha256: sha256.to_owned(),
        },
        executor: Executor::Patch { tile: 32, halo: 8 },
        memory: memory(),
        link: Counters {
            frames_sent: 412,
            frames_received: 2210,
            bytes_sent: 198_232,
            bytes_received: 1_243_882,
            naks: 1,
            bytes_resent: 1984,
            ..Counters::default()
        },
        jobs: (0..4).map(|tile| job(tile, equal || tile != 2)).collect(),
        first_difference: (!equal).then(difference),
        controls: controls(),
        pictures: vec![PictureReport {
            name: "astronaut".to_owned(),
            lr_size: [32, 24],
            sr_size: [128, 96],
            board_scores: Some(Scores {
                psnr_y_db: 29.534,
                ssim_y: 0.8412,
            }),
            bicubic_scores: Some(Scores {
                psnr_y_db: 28.42,
                ssim_y: 0.8101,
            }),
            files: vec!["astronaut_x4.png".to_owned()],
        }],
        sensors: Some(sensors()),
        energy: None,
        energy_failure: None,
        log: vec![
            log_line("info", "boot: build 2ef7bde6, arena 1048576"),
            log_line("warn", "frame dropped: checksum"),
        ],
    };
    entry.verdict = entry.judge();
    entry
}

fn firmware() -> FirmwareFacts {
    FirmwareFacts {
        sha256: "0f".repeat(32),
        build_id: "2ef7bde608ce5404e97d5f042f95f89f1c232871".to_owned(),
        flash_bytes: 91_344,
        revision: Some("a1b2c3d4e5f6".to_owned()),
    }
}

fn facts(name: &str) -> BoardFacts {
    BoardFacts {
        name: name.to_owned(),
        chip: "Arm MPS2+ AN500".to_owned(),
        core: "Cortex-M7".to_owned(),
        target: "thumbv7em-none-eabihf".to_owned(),
        machine: Some("mps2-an500".to_owned()),
        backend: Wanted::Auto,
        counter: Counter::Cycles,
    }
}

fn device(sha256: &str) -> DeviceFacts {
    DeviceFacts {
        protocol: 1,
        build_id: "2ef7bde608ce5404e97d5f042f95f89f1c232871".to_owned(),
        model_sha256: Some(sha256.to_owned()),
        cpuid: "0x410fc270".to_owned(),
        uid: "00000000000000000000000000000000".to_owned(),
        fp_flags: "0x00000000".to_owned(),
        arena_bytes: 1 << 20,
        backend: Backend::Cpu {
            note: Some("no driver".to_owned()),
        },
        clock_hz: Some(7_812_500),
    }
}

fn sensors() -> SensorReport {
    SensorReport {
        window_s: 12.5,
        made_up: false,
        readings: vec![ReadingReport {
            name: "VDD_IN".to_owned(),
            quantity: "power".to_owned(),
            unit: "mW".to_owned(),
            mean: 5040.4,
            min: 4800.0,
            max: 5200.0,
            samples: 120,
        }],
        facts: vec!["NV Power Mode: 25W 1".to_owned()],
        notes: vec!["VDD_IN feeds the other rails".to_owned()],
    }
}

fn memory() -> Memory {
    Memory {
        flash_bytes: 181_248,
        flash_size_bytes: 2 << 20,
        arena_bytes: 412_672,
        arena_used_bytes: Some(412_672),
        arena_size_bytes: 1 << 20,
        object_bytes: 2312,
        stack_bytes: 8192,
        stack_used_bytes: Some(5304),
        stack_size_bytes: 16_384,
    }
}

fn log_line(level: &str, message: &str) -> Line {
    Line {
        time: "0.001204".to_owned(),
        level: level.to_owned(),
        message: message.to_owned(),
        place: "app/src/main.rs:41".to_owned(),
    }
}

fn difference() -> Difference {
    Difference {
        picture: "astronaut.png".to_owned(),
        tile: 2,
        layer: "layers.5.norm".to_owned(),
        element: 10_321,
        position: Some(Position {
            x: 14,
            y: 8,
            channel: 1,
        }),
        device_value: f64::from(0.173_512_4_f32),
        reference_value: f64::from(0.173_512_3_f32),
        device_bits: "0x3e31ad3f".to_owned(),
        reference_bits: "0x3e31ad39".to_owned(),
    }
}

pub(crate) fn run(boards: Vec<BoardReport>) -> RunReport {
    RunReport {
        schema: SCHEMA,
        tool: "hil 0.1.0".to_owned(),
        command: "hil run --board qemu-mps2-an500 astronaut.png".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        duration_s: 42.1,
        verdict: RunReport::worst(&boards),
        boards,
        regressions: Vec::new(),
    }
}

/// A picture of rings, coarse or fine, so that there is something to compare.
fn rings(width: usize, height: usize, step: usize) -> Picture {
    let mut data = Vec::new();
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        let (x, y) = (x / step * step * 96 / height, y / step * step * 96 / height);
        let far = (x * x + y * y) / 24;
        data.extend([far % 256, (x * 2) % 256, (y * 2) % 256].map(|v| u8::try_from(v).unwrap()));
    }
    Picture::new(width, height, 3, data).unwrap()
}

fn images(board_idx: usize, equal: bool) -> Images {
    let sr = rings(128, 96, 1);
    let mut data = sr.data().to_vec();
    if !equal {
        data[20_000] ^= 4;
    }
    Images {
        board_idx,
        picture_idx: 0,
        lr: rings(32, 24, 1),
        reference: Picture::new(128, 96, 3, data).unwrap(),
        bicubic: rings(128, 96, 3),
        sr,
    }
}

fn page(report: &RunReport, images: &[Images]) -> String {
    html::render(report, images, &[]).unwrap().into_string()
}

#[test]
fn both_files_appear_and_the_json_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    // MAMBALITE_REPORT_DIR keeps the pages of this test, for a look at them.
    let kept = std::env::var_os("MAMBALITE_REPORT_DIR").map(PathBuf::from);
    let dir = kept.unwrap_or_else(|| folder.path().join("new"));
    let good = run(vec![
        board("qemu-mps2-an500", "f32", true),
        board("qemu-mps2-an386", "w8a8", true),
    ]);
    let paths = write(
        &dir.join("pass"),
        &good,
        &[images(0, true), images(1, true)],
    )
    .unwrap();
    let value: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&paths.json).unwrap()).unwrap();
    assert_eq!(value, serde_json::to_value(&good).unwrap());
    assert_eq!(value["verdict"], "pass");
    assert!(
        std::fs::read_to_string(&paths.html)
            .unwrap()
            .ends_with("</html>")
    );

    let mut bad = run(vec![board("qemu-mps2-an500", "f32", false)]);
    bad.boards[0].controls[1].caught = false;
    let paths = write(&dir.join("mismatch"), &bad, &[images(0, false)]).unwrap();
    let text = std::fs::read_to_string(&paths.json).unwrap();
    assert!(text.contains("\"verdict\": \"mismatch\"") && text.ends_with("}\n"));
}

fn regression() -> crate::history::Regression {
    crate::history::Regression {
        rig: "a".to_owned(),
        model: "m".to_owned(),
        precision: "f32".to_owned(),
        measure: "cycles".to_owned(),
        unit: "cycles".to_owned(),
        value: 12.0,
        baseline: 10.0,
        limit: 10.5,
        samples: 7,
        text: "a f32: cycles 12".to_owned(),
    }
}

/// Everything that is written is read back: history, rebuilt pages and resumed runs depend on it.
#[test]
fn the_json_is_read_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = run(vec![
        board("a", "f32", true),
        board("b", "w8a8", false),
        board("c", "f32", true),
    ]);
    let [first, second, third] = report.boards.get_disjoint_mut([0, 1, 2]).unwrap();
    first.executor = Executor::Stream;
    first.pictures[0].board_scores.as_mut().unwrap().psnr_y_db = f64::INFINITY;
    first.attempts = vec![silence("nothing for 3 s")];
    second.first_difference.as_mut().unwrap().device_value = f64::NAN;
    second.quarantine = Some(QuarantineReport {
        found: Verdict::Mismatch,
        quarantine: crate::inventory::Quarantine {
            reason: "loose cable".to_owned(),
            owner: "Ada".to_owned(),
            issue: None,
            expires: "2026-12-31".to_owned(),
        },
    });
    third.failure = Some(silence("nothing for 3 s"));
    (third.device, third.firmware, third.sensors) = (None, None, None);
    report.regressions.push(regression());
    let paths = write(folder.path(), &report, &[]).unwrap();
    let back = read(&paths.json).unwrap();
    let json = |report: &RunReport| serde_json::to_value(report).unwrap();
    assert_eq!(json(&back), json(&report));
    assert!(
        back.boards[0].pictures[0]
            .board_scores
            .unwrap()
            .psnr_y_db
            .is_infinite()
    );
    assert!(
        back.boards[1]
            .first_difference
            .as_ref()
            .unwrap()
            .device_value
            .is_nan()
    );
    assert_eq!(back.boards[1].quarantine, report.boards[1].quarantine);

    let text = std::fs::read_to_string(&paths.json).unwrap();
    for (wrong, word) in [
        (
            text.replacen("\"schema\": 2", "\"schema\": 9", 1),
            "schema is 9",
        ),
        (text[..text.len() / 2].to_owned(), "EOF"),
        ("{}".to_owned(), "missing field"),
    ] {
        std::fs::write(&paths.json, wrong).unwrap();
        let error = read(&paths.json).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(error.exit_code(), crate::error::EXIT_INPUT);
    }
}

/// The keys are what other programs read: a change here is a new schema.
#[test]
fn the_keys_of_the_json_are_fixed() {
    fn collect(value: &serde_json::Value, path: &str, keys: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    collect(value, &format!("{path}.{key}"), keys);
                }
            }
            serde_json::Value::Array(list) => {
                list.iter()
                    .for_each(|value| collect(value, &format!("{path}[]"), keys));
            }
            _ => {
                keys.insert(path.trim_start_matches('.').to_owned());
            }
        }
    }
    let mut keys = BTreeSet::new();
    let value = serde_json::to_value(run(vec![board("a", "f32", false)])).unwrap();
    collect(&value, "", &mut keys);
    let found = keys.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(found, include_str!("keys.txt"), "found:\n{found}");
}

#[test]
fn all_text_is_escaped() {
    let mut report = run(vec![board(HOSTILE, HOSTILE, false)]);
    report.command = HOSTILE.to_owned();
    let entry = &mut report.boards[0];
    entry.failure = Some(silence(HOSTILE));
    entry.board.machine = Some(HOSTILE.to_owned());
    entry.model.config = HOSTILE.to_owned();
    entry.log[0].message = HOSTILE.to_owned();
    entry.controls[0].how = HOSTILE.to_owned();
    entry.pictures[0].name = HOSTILE.to_owned();
    entry.jobs[0].layers[0].name = HOSTILE.to_owned();
    entry.first_difference.as_mut().unwrap().layer = HOSTILE.to_owned();
    let sensors = entry.sensors.as_mut().unwrap();
    sensors.readings[0].name = HOSTILE.to_owned();
    sensors.facts[0] = HOSTILE.to_owned();
    let page = page(&report, &[images(0, false)]);
    assert!(!page.contains("<script>alert"), "raw text got through");
    assert!(page.matches("&lt;script&gt;alert(&quot;1&quot;)").count() >= 11);
    assert!(page.contains("alt=\"&lt;script&gt;alert(&quot;1&quot;)"));
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let report = run(vec![board("a", "f32", true), board("b", "f32", true)]);
    let page = page(&report, &[images(0, true), images(1, true)]);
    for address in ["http:", "https:", "@import", "url(", "<link", "<iframe"] {
        assert!(!page.contains(address), "found {address}");
    }
    let sources: Vec<&str> = page.split("src=\"").skip(1).collect();
    assert_eq!(sources.len(), 10, "five pictures a board");
    assert!(
        sources
            .iter()
            .all(|it| it.starts_with("data:image/png;base64,"))
    );
    assert!(page.split("href=\"").skip(1).all(|it| it.starts_with('#')));
}

#[test]
fn before_and_after_work_with_and_without_a_script() {
    let page = page(&run(vec![board("a", "f32", true)]), &[images(0, true)]);
    // Hidden until the script shows it; without one both pictures stand side by side.
    assert!(page.contains("<input type=\"range\"") && page.contains("hidden"));
    assert!(page.contains("figure class=\"before\"") && page.contains("figure class=\"after\""));
    assert!(page.contains("classList.add(\"live\")"));
}

#[test]
fn a_mismatch_is_named_to_the_bit() {
    let mut report = run(vec![board("a", "f32", false)]);
    report.boards[0].controls[1].caught = false;
    assert_eq!(report.verdict, Verdict::Mismatch);
    let page = page(&report, &[images(0, false)]);
    for text in [
        "The board differs from the reference",
        "<code>layers.5.norm</code>",
        "10,321",
        "x 14, y 8, channel 1",
        "0x3e31ad3f",
        "0x3e31ad39",
        "12 of 33</dd>",
        "1 of 36,864 samples differ",
        "NOT CAUGHT",
    ] {
        assert!(page.contains(text), "lacks {text}");
    }
}

#[test]
fn a_run_without_pictures_or_handshake_still_makes_a_page() {
    let mut entry = board("a", "f32", true);
    entry.failure = Some(silence("wait for the handshake: nothing for 3 s"));
    entry.device = None;
    entry.jobs.clear();
    entry.controls.clear();
    entry.pictures.clear();
    entry.log.clear();
    entry.memory = Memory::default();
    entry.verdict = entry.judge();
    assert_eq!(entry.verdict, Verdict::Timeout);
    let page = page(&run(vec![entry]), &[]);
    assert!(page.contains("did not answer in time") && page.contains("nothing for 3 s"));
    assert!(page.contains("None was planted."));
}

#[test]
fn the_worst_verdict_decides() {
    let mut missed = board("a", "f32", true);
    assert_eq!(missed.judge(), Verdict::Pass);
    missed.controls[0].caught = false;
    missed.verdict = missed.judge();
    assert_eq!(missed.verdict, Verdict::ControlMissed);
    let mut silent = board("b", "f32", true);
    silent.jobs[3].output_equal = false;
    assert_eq!(silent.judge(), Verdict::Mismatch);
    silent.jobs.clear();
    silent.verdict = silent.judge();
    assert_eq!(silent.verdict, Verdict::Infra);
    assert_eq!(RunReport::worst(&[]), Verdict::Skip);
    assert_eq!(RunReport::worst(&[silent, missed]), Verdict::ControlMissed);
}
