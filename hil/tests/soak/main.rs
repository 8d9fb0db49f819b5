//! Many runs with random faults in one process: every verdict is the expected one and nothing of
//! a run is left. A process of its own, so that what is left can be counted.
//!
//! `MAMBALITE_SOAK_RUNS` and `MAMBALITE_SOAK_SEED` make it longer and other: `cargo xtask soak`.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]

#[path = "../boards/faulty.rs"]
mod faulty;
#[path = "../boards/model.rs"]
#[expect(
    dead_code,
    reason = "shared with the tests of boards, which use all of it"
)]
mod model;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs of the suite; they take some seconds.
const RUNS: u64 = 8;

/// Longest time for what ends by itself: threads of ports look twice a second at least.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a run may leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leftovers {
    files: usize,
    threads: usize,
    children: usize,
    temporary: usize,
}

impl Leftovers {
    fn count() -> Self {
        let entries = |path: &Path| std::fs::read_dir(path).unwrap().flatten();
        let threads = || entries(Path::new("/proc/self/task"));
        let children = threads().map(|thread| {
            let children = std::fs::read_to_string(thread.path().join("children"));
            children.unwrap_or_default().split_whitespace().count()
        });
        Self {
            files: entries(Path::new("/proc/self/fd")).count(),
            threads: threads().count(),
            children: children.sum(),
            temporary: entries(&std::env::temp_dir()).count(),
        }
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().unwrap())
}

/// Set where the process has a temporary folder of its own, in which nobody else's files are.
const CHILD: &str = "MAMBALITE_SOAK_CHILD";

#[test]
fn random_faults_leave_nothing_behind_and_lose_no_result() {
    if std::env::var_os(CHILD).is_some() {
        soak();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.arg("--nocapture").env("TMPDIR", folder.path());
    let output = child.env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    println!("{text}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

fn soak() {
    let runs = variable("MAMBALITE_SOAK_RUNS", RUNS);
    let seed = variable("MAMBALITE_SOAK_SEED", 1);
    let scenarios: Vec<_> = faulty::scenarios().collect();
    let before = Leftovers::count();
    let mut results = Vec::new();
    for run in 0..runs {
        let seed = (seed + run).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let scenario = scenarios[(seed >> 32) as usize % scenarios.len()];
        let found = faulty::run(scenario, seed);
        assert!(found.is_as_expected(), "run {run}, seed {seed}: {found:?}");
        results.push(serde_json::to_string(&found).unwrap());
        let start = Instant::now();
        while Leftovers::count() != before {
            let late = start.elapsed() > PATIENCE;
            assert!(
                !late,
                "run {run}, {scenario}: {:?}, not {before:?}",
                Leftovers::count()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(results.len() as u64, runs);
    println!("{runs} runs, seed {seed}: every verdict as expected, nothing left");
}
