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
    temporary: Vec<String>,
}

impl Leftovers {
    fn count() -> Self {
        let entries = |path: &Path| std::fs::read_dir(path).unwrap().flatten();
        let threads = || entries(Path::new("/proc/self/task"));
        let children = threads().map(|thread| {
            let children = std::fs::read_to_string(thread.path().join("children"));
            children.unwrap_or_default().split_whitespace().count()
        });
        // Others use the folder too: what the harness makes there is known by its name.
        let names = entries(&std::env::temp_dir()).map(|it| it.file_name());
        let names = names.map(|it| it.to_string_lossy().into_owned());
        let mut temporary: Vec<_> = names.filter(|it| it.starts_with("hil-")).collect();
        temporary.sort();
        Self {
            files: entries(Path::new("/proc/self/fd")).count(),
            threads: threads().count(),
            children: children.sum(),
            temporary,
        }
    }
}

fn variable(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |it| it.parse().unwrap())
}

#[test]
fn random_faults_leave_nothing_behind_and_lose_no_result() {
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
