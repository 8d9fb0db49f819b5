//! Training and distilling a small network.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mambalite::train::config::Config;
use serde_json::Value;

use crate::bench::{Bench, names};

/// A run of the bench's network on its pictures, x2, in folder `NAME`.
const RUN: &str = r#"
schema = 1
[model]
start = "net.mls"
[data]
train = [{ folder = "high" }]
validation = "high"
patch = 10
batch = 2
min-pictures = 3
[optimizer]
warm-up = 2
length = { steps = 30 }
[run]
folder = "NAME"
threads = 2
log-every = 5
validate-every = 15
checkpoint-every = 4
"#;

const FILES: [&str; 6] = [
    "checkpoint.safetensors",
    "config.toml",
    "curve.svg",
    "log.jsonl",
    "model.mls",
    "run.json",
];

fn configure(bench: &Bench, name: &str, change: impl FnOnce(String) -> String) {
    let text = change(RUN.replace("NAME", name));
    std::fs::write(bench.path(&format!("{name}.toml")), text).unwrap();
}

fn bytes(bench: &Bench, file: &str) -> Vec<u8> {
    std::fs::read(bench.path(file)).unwrap()
}

/// Starts a run and waits until its log says that `step` steps are done.
fn start_until(bench: &Bench, arguments: &[&str], step: u64) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mambalite"))
        .args(arguments)
        .arg("--json")
        .current_dir(bench.path(""))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let steps = lines.map(|line| {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        line["step"].as_u64().unwrap()
    });
    assert!(
        steps.into_iter().any(|it| it >= step),
        "the run ended before"
    );
    child
}

#[test]
fn examples_are_configurations() {
    let bench = Bench::new();
    for command in ["train", "distill"] {
        let text = bench.text(&[command, "--example"]);
        let config = Config::parse(&text, Path::new("example.toml")).unwrap();
        assert_eq!(config.distill.is_some(), command == "distill");
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let bench = Bench::new();
    for name in ["whole", "killed"] {
        configure(&bench, name, |text| text);
    }
    let text = bench.text(&["train", "whole.toml"]);
    assert!(text.starts_with("30 steps done, "), "{text}");
    assert_eq!(names(&bench.path("whole")), FILES);
    let mut child = start_until(&bench, &["train", "killed.toml"], 10);
    child.kill().unwrap();
    child.wait().unwrap();

    bench.refuses(&["train", "killed.toml"], &["killed", "--resume"]);
    let lines = bench.json(&["train", "killed.toml", "--resume"]);
    assert_eq!(lines[0]["event"], "start");
    assert!(lines[0]["step"].as_u64().unwrap() >= 8, "{}", lines[0]);
    let last = lines.last().unwrap();
    assert_eq!(
        (&last["event"], &last["finished"]),
        (&"end".into(), &true.into())
    );
    assert_eq!(
        bytes(&bench, "killed/model.mls"),
        bytes(&bench, "whole/model.mls")
    );
    // The folder's name is all that differs.
    let checkpoint = |name: &str, length: usize| {
        let bytes = bytes(&bench, &format!("{name}/checkpoint.safetensors"));
        let mut places = bytes.windows(length).enumerate();
        let (at, _) = places.find(|(_, it)| *it == name.as_bytes()).unwrap();
        // The length of the header is padded, so the arrays are compared.
        let arrays = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        assert!(at < arrays);
        bytes[arrays..].to_vec()
    };
    assert_eq!(checkpoint("killed", 6), checkpoint("whole", 5));
    let scored = bench.json(&[
        "eval",
        "--dataset",
        "high",
        "--scale",
        "2",
        "--model",
        "killed/model.mls",
    ]);
    let score = scored.last().unwrap()["psnr_y"].as_f64().unwrap();
    let validated = lines
        .iter()
        .rfind(|it| it["event"] == "validation")
        .unwrap();
    assert!((validated["psnr_y"].as_f64().unwrap() - score).abs() < 1e-9);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_every_step() {
    let bench = Bench::new();
    configure(&bench, "stopped", |text| {
        text.replace("steps = 30", "steps = 1000000")
    });
    let child = start_until(&bench, &["train", "stopped.toml"], 10);
    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let log = String::from_utf8(bytes(&bench, "stopped/log.jsonl")).unwrap();
    let last: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["event"], &last["finished"]),
        (&"end".into(), &false.into())
    );
    // It goes on where it stopped, not at an older checkpoint.
    let child = start_until(&bench, &["train", "stopped.toml", "--resume"], 0);
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let log = String::from_utf8(bytes(&bench, "stopped/log.jsonl")).unwrap();
    let starts = log
        .lines()
        .map(|it| serde_json::from_str::<Value>(it).unwrap());
    let starts: Vec<Value> = starts.filter(|it| it["event"] == "start").collect();
    let start = starts.last().unwrap();
    assert_eq!(start["step"], last["step"]);
}

#[test]
fn distilling_needs_a_teacher_of_the_same_kind() {
    let bench = Bench::new();
    configure(&bench, "run", |text| text);
    bench.refuses(&["distill", "run.toml"], &["run.toml", "distill"]);
    let with = |teacher: &str| {
        let section = format!("[distill]\nteacher = \"{teacher}\"\n[optimizer]");
        configure(&bench, "run", |text| text.replace("[optimizer]", &section));
    };
    with("mambalite-x4-tiny");
    bench.refuses(&["train", "run.toml"], &["run.toml", "distill"]);
    bench.refuses(&["distill", "run.toml"], &["x4", "x2"]);
    assert!(!bench.path("run").exists());
    with("net.mls");
    bench.text(&["distill", "run.toml"]);
    assert_eq!(names(&bench.path("run")), FILES);
}

/// A student that is its teacher has nothing to learn of the features.
#[test]
fn features_are_distilled_where_the_widths_are_one() {
    let bench = Bench::new();
    let first_loss = |name: &str, teacher: &str, features: &str| {
        let section =
            format!("[distill]\nteacher = \"{teacher}\"\nfeatures = {features}\n[optimizer]");
        configure(&bench, name, |text| {
            let text = text.replace("log-every = 5", "log-every = 1");
            text.replace("[optimizer]", &section)
        });
        let lines = bench.json(&["distill", &format!("{name}.toml")]);
        let mut losses = lines.iter().filter_map(|line| line["loss"].as_f64());
        losses.next().unwrap()
    };
    bench.text(&[
        "compress",
        "net.mls",
        "--calibration",
        "high",
        "--parameters",
        "700",
        "--patch",
        "18",
        "--output",
        "small.mls",
    ]);
    let same = ["0.0", "9.0"].map(|it| first_loss(&format!("same-{it}"), "net.mls", it));
    assert_eq!(same[0], same[1]);
    let other = ["0.0", "9.0"].map(|it| first_loss(&format!("other-{it}"), "small.mls", it));
    assert!(other[1] > other[0], "{other:?}");

    let wide = "[distill]\nteacher = \"mambalite-x4-tiny\"\nfeatures = 1.0\n[optimizer]";
    configure(&bench, "wide", |text| text.replace("[optimizer]", wide));
    bench.refuses(&["distill", "wide.toml"], &["width", "distill.features"]);
    let cached = wide.replace("features", "where = \"picture\"\nfeatures");
    configure(&bench, "wide", |text| text.replace("[optimizer]", &cached));
    bench.refuses(&["distill", "wide.toml"], &["distill.features", "crop"]);
}

#[test]
fn configurations_that_cannot_be_used_are_refused() {
    let bench = Bench::new();
    bench.refuses(&["train", "none.toml"], &["none.toml"]);
    configure(&bench, "run", |text| text.replace("batch", "batches"));
    bench.refuses(&["train", "run.toml"], &["line 9", "batches", "batch"]);
    configure(&bench, "run", |text| {
        text.replace("patch = 10", "patch = 5")
    });
    bench.refuses(
        &["train", "run.toml"],
        &["line 8", "data.patch", "8 to 1024"],
    );
    configure(&bench, "run", |text| {
        text.replace("\"high\" }", "\"low\" }")
    });
    bench.refuses(&["train", "run.toml"], &["low"]);
    configure(&bench, "run", |text| {
        text.replace("patch = 10", "patch = 32")
    });
    bench.refuses(&["train", "run.toml"], &["64x64"]);
    configure(&bench, "run", |text| text);
    bench.refuses(&["train", "run.toml", "--resume"], &["no checkpoint"]);
    assert!(!bench.path("run").exists());
}
