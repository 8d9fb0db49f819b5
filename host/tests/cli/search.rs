//! A search among small networks.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use mambalite::search::config::SearchConfig;
use serde_json::Value;

use crate::bench::Bench;

const BASE: &str = r#"
schema = 1
[model]
scale = 2
width = 4
groups = 1
blocks = 1
states = 2
[data]
train = [{ folder = "high" }]
validation = "high"
patch = 10
batch = 2
min-pictures = 3
[optimizer]
warm-up = 2
length = { steps = 1 }
[run]
folder = "unused"
threads = 2
checkpoint-every = 2
"#;

const SEARCH: &str = r#"
schema = 1
base = "base.toml"
[space]
width = [4, 6, 8]
states = [1, 2]
precision = ["f32", "w8a8"]
[budget]
row-width = 16
[halving]
candidates = 4
steps = 4
factor = 2
rungs = 2
seeds = 2
[run]
folder = "NAME"
"#;

fn bench(name: &str, change: impl FnOnce(String) -> String) -> Bench {
    let bench = Bench::new();
    std::fs::write(bench.path("base.toml"), BASE).unwrap();
    std::fs::write(
        bench.path("search.toml"),
        change(SEARCH.replace("NAME", name)),
    )
    .unwrap();
    bench
}

/// The result without what times decide.
fn scores(report: &Value) -> Vec<(u64, String, String)> {
    let rows = report["rows"].as_array().unwrap().iter();
    let mut scores: Vec<_> = rows
        .map(|row| {
            let number = row["candidate"].as_u64().unwrap();
            let text = |key: &str| row[key].to_string();
            (number, text("precision"), text("scores"))
        })
        .collect();
    scores.sort();
    scores
}

#[test]
fn the_example_is_a_configuration() {
    let text = Bench::new().text(&["search", "--example"]);
    SearchConfig::parse(&text, Path::new("search.toml")).unwrap();
}

#[test]
fn a_search_ends_with_a_front() {
    let bench = bench("found", |text| text);
    let lines = bench.json(&["search", "search.toml"]);
    // Four networks, then two, with two seeds each; then the report.
    assert_eq!(lines.len(), 8 + 4 + 1);
    let report = lines.last().unwrap();
    assert_eq!(report["finished"], true);
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4 * 2);
    let last = rows.iter().filter(|row| row["rung"] == 1);
    let (front, rest): (Vec<_>, Vec<_>) = last.partition(|row| row["front"] == true);
    assert_eq!(front.len() + rest.len(), 2 * 2);
    assert!(!front.is_empty());
    for row in rows {
        let model = row["model"].as_str().unwrap();
        let inspected = bench.json(&["inspect", model]);
        assert_eq!(inspected[0]["precision"], row["precision"]);
        assert_eq!(inspected[0]["parameters"], row["cost"]["parameters"]);
        assert_eq!(row["scores"].as_array().unwrap().len(), 2);
    }
    let svg = std::fs::read_to_string(bench.path("found/pareto.svg")).unwrap();
    assert!(svg.contains("milliseconds") && svg.contains("RAM, KiB"));
    bench.refuses(&["search", "search.toml"], &["found", "--resume"]);
    // All is done: the same again, without a run.
    let again = bench.json(&["search", "search.toml", "--resume"]);
    assert_eq!(again.last(), lines.last());
}

#[test]
fn a_killed_search_goes_on_to_the_same_scores() {
    let whole = bench("whole", |text| text);
    let wanted = whole.json(&["search", "search.toml"]);
    let killed = bench("whole", |text| text);
    let mut child = Command::new(env!("CARGO_BIN_EXE_mambalite"))
        .args(["search", "search.toml"])
        .current_dir(killed.path(""))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let second = killed.path("whole/c000/rung-1-seed-2");
    while !second.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "no second run");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let found = killed.json(&["search", "search.toml", "--resume"]);
    // The order of networks hangs on times; the runs of the first rung do not.
    let first = |lines: &[Value]| -> Vec<Value> {
        let runs = lines.iter().filter(|line| line["rung"] == 0);
        runs.map(|line| line["psnr_y"].clone()).collect()
    };
    assert_eq!(first(&found), first(&wanted));
    assert_eq!(first(&found).len(), 8);
    assert!(!scores(found.last().unwrap()).is_empty());
}

#[test]
fn budgets_leave_networks_out() {
    let all = bench("free", |text| text.replace("rungs = 2", "rungs = 1"));
    let lines = all.json(&["search", "search.toml"]);
    let rows = lines.last().unwrap()["rows"].as_array().unwrap().clone();
    let ram = |row: &Value| row["cost"]["ram_bytes"].as_u64().unwrap();
    let (least, most) = (rows.iter().map(ram).min(), rows.iter().map(ram).max());
    let limit = |limit: u64| {
        let row_width = format!("row-width = 16\nram = {limit}");
        move |text: String| text.replace("row-width = 16", &row_width)
    };
    let some = bench("some", limit(most.unwrap() - 1));
    let lines = some.json(&["search", "search.toml"]);
    let rows = lines.last().unwrap()["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| ram(row) < most.unwrap()));
    let none = bench("none", limit(least.unwrap() / 8));
    none.refuses(&["search", "search.toml"], &["budget", "ram"]);
    assert!(!none.path("none").exists());
}

#[test]
fn a_command_may_measure() {
    let measured = |command: &'static str| {
        move |text: String| {
            let keys = format!("row-width = 16\nmeasure = {command}");
            let text = text.replace("row-width = 16", &keys);
            text.replace("rungs = 2", "rungs = 1")
        }
    };
    let bytes = bench("asked", measured(r#"["sh", "-c", "wc -c < {model}"]"#));
    let lines = bytes.json(&["search", "search.toml"]);
    for row in lines.last().unwrap()["rows"].as_array().unwrap() {
        let model = bytes.path(row["model"].as_str().unwrap());
        let bytes = std::fs::metadata(model).unwrap().len() as f64;
        assert_eq!(row["cost"]["milliseconds"].as_f64(), Some(bytes));
    }
    let broken = bench(
        "asked",
        measured(r#"["sh", "-c", "echo no board >&2; exit 3"]"#),
    );
    broken.refuses(&["search", "search.toml"], &["no board", "sh -c"]);
    let mute = bench("asked", measured(r#"["true"]"#));
    mute.refuses(&["search", "search.toml"], &["not a number"]);
}

#[test]
fn bases_that_leave_nothing_to_search_are_refused() {
    let bench = bench("base", |text| text);
    for (from, to, expected) in [
        ("scale = 2", "start = \"net.mls\"\nscale = 2", "start"),
        ("validation = \"high\"", "", "data.validation"),
        (
            "[run]",
            "[quantize]\nprecision = \"w8a8\"\n[run]",
            "[quantize]",
        ),
    ] {
        let mut base = BASE.replace(from, to);
        if expected == "start" {
            let keys = [
                "scale = 2",
                "width = 4",
                "groups = 1",
                "blocks = 1",
                "states = 2",
            ];
            keys.iter().for_each(|key| base = base.replace(key, ""));
        }
        std::fs::write(bench.path("base.toml"), base).unwrap();
        bench.refuses(&["search", "search.toml"], &["base.toml", expected]);
    }
    std::fs::write(bench.path("base.toml"), BASE).unwrap();
    let text = SEARCH.replace("[space]", "[space]\ndistill-weight = [0.5]");
    std::fs::write(bench.path("search.toml"), text).unwrap();
    bench.refuses(
        &["search", "search.toml"],
        &["space.distill-weight", "teacher"],
    );
}
