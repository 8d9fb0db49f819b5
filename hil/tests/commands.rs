//! The commands that look back: `hil history`, `bisect`, `report` and `watch`, as a user calls them.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

use std::path::Path;
use std::process::{Command, Output};

use mambalite_hil::events::{Event, Writer};
use mambalite_hil::firmware::Image;
use mambalite_hil::history::{self, Thresholds};
use mambalite_hil::report::{self, FirmwareFacts, RunReport};
use mambalite_hil::verdict::Verdict;
use serde_json::{Value, json};

/// A night of one rig with one picture; from the fifth on it is slower.
fn night(number: u64) -> (RunReport, Image) {
    let layer = json!({"name": "body", "device": "0a", "reference": "0a", "equal": true});
    let zeros = [
        "frames_sent",
        "frames_received",
        "bytes_sent",
        "bytes_received",
        "naks",
        "resends",
        "bytes_resent",
        "requests_repeated",
        "jobs_repeated",
        "frames_lost",
        "bad_overlong",
        "bad_cobs",
        "bad_length",
        "bad_crc",
        "unknown",
    ];
    let link: Value = zeros
        .iter()
        .map(|&key| (key.to_owned(), json!(0)))
        .collect();
    let cycles = 1_000_000 + if number >= 5 { 50_000 } else { number };
    let value = json!({
        "schema": 2, "tool": "hil 0.1.0", "command": "hil run", "duration_s": 1.5,
        "started": format!("2026-01-0{}T01:00:00Z", number + 1), "verdict": "pass",
        "boards": [{
            "rig": "left", "verdict": "pass", "failure": null, "attempts": [], "quarantine": null,
            "board": {"name": "b", "chip": "c", "core": "M7", "target": "t", "machine": null,
                "backend": "cpu", "counter": "cycles"},
            "device": null,
            "model": {"name": "m", "precision": "f32", "config": "x2", "sha256": "ff"},
            "executor": {"kind": "stream"},
            "memory": {
                "flash_bytes": 10, "flash_size_bytes": 20, "arena_bytes": 5, "arena_used_bytes": 5,
                "arena_size_bytes": 9, "object_bytes": 1, "stack_bytes": 8, "stack_used_bytes": 7,
                "stack_size_bytes": 9
            },
            "link": link,
            "jobs": [{
                "input": "p.png", "tile": 0, "rect": {"x": 0, "y": 0, "width": 4, "height": 4},
                "input_bytes": 48, "output_bytes": 192, "output_crc32": "0x00000001",
                "output_equal": true, "layers": [layer], "cycles": cycles, "wall_ms": 3.0,
                "attempts": 1, "device_frames_bad": 0
            }],
            "first_difference": null, "controls": [], "pictures": [], "sensors": null, "log": []
        }]
    });
    let mut report: RunReport = serde_json::from_value(value).unwrap();
    let image = Image {
        path: "none".into(),
        elf: format!("image {number}").into_bytes(),
        segments: Vec::new(),
        build_id: [0; 20],
        driver: None,
    };
    let facts = FirmwareFacts::new(&image, Some(format!("v{number}")));
    report.boards.first_mut().unwrap().firmware = Some(facts);
    (report, image)
}

/// Calls `hil` with words, of which `{}` is the folder.
fn hil(folder: &Path, words: &str) -> Output {
    let words = words
        .split(' ')
        .map(|it| it.replace("{}", &folder.to_string_lossy()));
    Command::new(env!("CARGO_BIN_EXE_hil"))
        .args(words)
        .env("XDG_STATE_HOME", folder)
        .env_remove("HOME")
        .output()
        .unwrap()
}

fn stdout(folder: &Path, words: &str) -> String {
    let output = hil(folder, words);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{words}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn record(folder: &Path, nights: u64) {
    let path = folder.join("mambalite/history.sqlite");
    let thresholds = Thresholds::load(None).unwrap();
    for number in 0..nights {
        let (mut report, image) = night(number);
        history::close(&path, &thresholds, &mut report, &[&image]).unwrap();
        let told: Vec<_> = report
            .regressions
            .iter()
            .map(|it| it.measure.as_str())
            .collect();
        let expected: &[&str] = if number >= 5 { &["cycles"] } else { &[] };
        assert_eq!(told, expected);
    }
}

#[test]
fn the_history_is_shown_plotted_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert_eq!(
        hil(folder, "history").status.code(),
        Some(4),
        "nothing was recorded"
    );
    record(folder, 7);
    let table = stdout(folder, "history --rig left");
    assert!(table.starts_with("left (b), m f32\n"), "{table}");
    let cycles = table.lines().find(|line| line.contains("cycles")).unwrap();
    assert!(
        cycles.contains("1050000 cycles") && cycles.ends_with("▁▁▁▁▁██"),
        "{cycles}"
    );
    let line = stdout(folder, "history --json --measure cycles --last 2");
    let value: Value = serde_json::from_str(line.trim()).unwrap();
    assert_eq!(value.pointer("/points/1/revision"), Some(&json!("v6")));
    assert_eq!(value.pointer("/points/2"), None);
    stdout(folder, "history --measure cycles --svg {}/cycles.svg");
    let svg = std::fs::read_to_string(folder.join("cycles.svg")).unwrap();
    assert!(svg.contains("left f32 cycles"));
    let bmf: Value = serde_json::from_str(&stdout(folder, "history export --bmf")).unwrap();
    assert_eq!(
        bmf.pointer("/left~1m~1f32/cycles/value"),
        Some(&json!(1_050_000.0))
    );
    assert!(stdout(folder, "history accept --rig left").contains("1 series of `left`"));
    let nobody = hil(folder, "history accept --rig nobody");
    assert_eq!(nobody.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("rig `nobody` has no run"));
}

#[test]
fn the_first_slow_firmware_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    record(folder, 9);
    let script = "case $(cat $1) in *[0-4]) exit 0;; *) exit 1;; esac";
    let mut command = Command::new(env!("CARGO_BIN_EXE_hil"));
    command.args([
        "bisect",
        "--rig",
        "left",
        "--measure",
        "cycles",
        "--",
        "sh",
        "-c",
        script,
    ]);
    command.args(["sh", "{elf}"]).env("XDG_STATE_HOME", folder);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        text.contains("(v4, first run 2026-01-05T01:00:00Z)"),
        "{text}"
    );
    let last = text.lines().last().unwrap();
    assert!(
        last.starts_with("first bad: ") && last.contains("(v5,"),
        "{text}"
    );
    let output = hil(folder, "bisect --rig left -- true");
    assert_eq!(output.status.code(), Some(4), "every night passed");
}

#[test]
fn a_report_is_made_again_and_a_run_is_watched() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    record(folder, 2);
    let paths = report::write(&folder.join("run"), &night(1).0, &[]).unwrap();
    std::fs::remove_file(&paths.html).unwrap();
    assert_eq!(
        stdout(folder, "report {}/run"),
        format!("{}\n", paths.html.display())
    );
    let page = std::fs::read_to_string(&paths.html).unwrap();
    assert!(
        page.contains("Night after night"),
        "the trends come from the history"
    );
    assert_eq!(hil(folder, "report {}/none").status.code(), Some(2));

    assert_eq!(
        hil(folder, "watch {}/run").status.code(),
        Some(2),
        "no run is in progress"
    );
    let verdict = Verdict::Pass;
    Writer::create(&folder.join("run"))
        .unwrap()
        .write(Event::Done { verdict });
    let line = stdout(folder, "watch {}/run");
    assert!(
        line.contains("\"event\":\"done\",\"verdict\":\"pass\""),
        "{line}"
    );
}
