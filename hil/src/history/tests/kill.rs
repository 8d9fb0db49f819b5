//! A program that is killed while it writes.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

const PLACE: &str = "HISTORY_TO_WRITE";
const ROUNDS: u64 = 12;

/// Writes until it is killed; it is the child of the test below.
#[test]
#[ignore = "run by the next test"]
fn writes_without_end() {
    let Some(path) = std::env::var_os(PLACE) else {
        return;
    };
    for it in 0.. {
        let report = night(it % 28, u64::from(std::process::id()) << 20 | u64::from(it));
        History::open(Path::new(&path))
            .unwrap()
            .record(&report)
            .unwrap();
    }
}

#[test]
fn a_kill_at_any_moment_leaves_whole_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = place(&folder);
    let mut before = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "history::tests::kill::writes_without_end",
                "--ignored",
            ])
            .env(PLACE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // From before the file is there to the middle of some run.
        std::thread::sleep(Duration::from_millis(round * 17 + 3));
        child.kill().unwrap();
        child.wait().unwrap();
        let history = History::open(&path).unwrap();
        let check = |pragma: &str| -> String {
            history
                .connection
                .query_row(pragma, [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(check("PRAGMA integrity_check"), "ok");
        let runs = count(&history, "run");
        assert_eq!(
            runs,
            count(&history, "board_run"),
            "a run without its board"
        );
        let measures = Measure::ALL
            .iter()
            .filter(|it| it.of(&night(0, 1).boards[0]).is_some());
        let measures = i64::try_from(measures.count()).unwrap();
        assert_eq!(runs * measures, count(&history, "measurement"));
        assert!(runs >= before, "a run that was there is lost");
        before = runs;
    }
    assert!(before > 0, "nothing was written at all");
}
