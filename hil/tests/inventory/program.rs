//! The program as a user runs it, in a repository of its own.

use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

const BOARD: &str = "schema = 1\nname = \"computer\"\nchip = \"X\"\ncore = \"X\"\n\
     target = \"aarch64-unknown-linux-gnu\"\narena-bytes = 0x1000\n[ssh]\nhost = \"h\"\n";

const RIGS: &str = "schema = 1\n\n[[rig]]\nname = \"c-1\" # the old one\nboard = \"computer\"\n";

struct Repository(TempDir);

impl Repository {
    fn new(rigs: &str) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        let boards = repository.0.path().join("firmware/boards/computer");
        std::fs::create_dir_all(&boards).unwrap();
        std::fs::write(boards.join("board.toml"), BOARD).unwrap();
        std::fs::create_dir_all(repository.rigs().parent().unwrap()).unwrap();
        std::fs::write(repository.rigs(), rigs).unwrap();
        repository
    }

    fn rigs(&self) -> PathBuf {
        self.0.path().join("hil/rigs/shelf.toml")
    }

    /// Runs the program; returns its exit code and what it prints to stdout and stderr.
    fn hil(&self, words: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_hil"))
            .args(words)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

#[test]
fn boards_and_rigs_are_listed() {
    let repository = Repository::new(RIGS);
    let (code, out, _) = repository.hil(&["boards", "list"]);
    assert!(
        code == 0 && out.contains("\nRIG ") && out.contains("\nc-1 "),
        "{out}"
    );
    let (code, out, _) = repository.hil(&["--json", "boards", "list"]);
    let kinds: Vec<_> = out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(
        (code, kinds),
        (0, vec!["board".into(), "rig".into()]),
        "{out}"
    );
    std::fs::remove_file(repository.rigs()).unwrap();
    let (code, out, _) = repository.hil(&["boards", "list"]);
    assert!(
        code == 0 && out.contains("computer") && !out.contains("RIG"),
        "{out}"
    );
}

#[test]
fn every_fault_of_every_file_is_told() {
    let repository = Repository::new(RIGS);
    let (code, out, _) = repository.hil(&["boards", "check"]);
    assert!(code == 0 && out.contains("good, 1 rigs"), "{out}");
    std::fs::write(repository.rigs(), RIGS.replace("board =", "bord =")).unwrap();
    std::fs::write(
        repository.rigs().with_file_name("b.toml"),
        "schema = 1\nrigs = 3\n",
    )
    .unwrap();
    let (code, out, err) = repository.hil(&["boards", "check"]);
    assert_eq!((code, out.matches("not good").count()), (2, 2), "{out}");
    for words in [
        "did you mean `board`",
        "shelf.toml:5:1",
        "did you mean `rig`",
        "b.toml:2:1",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    assert!(
        !err.contains('\u{1b}'),
        "no colours where there is no terminal"
    );
    // What is not plugged in is no fault of the file.
    std::fs::remove_file(repository.rigs().with_file_name("b.toml")).unwrap();
    let meter = "meter = { kind = \"ppk2\", serial = \"none-such\", supply-mv = 3300, gate = 0 }\n";
    std::fs::write(repository.rigs(), format!("{RIGS}{meter}")).unwrap();
    for command in ["check", "diff"] {
        let (code, out, _) = repository.hil(&["boards", command]);
        assert!(code == 5 && out.contains("- c-1: meter none-such"), "{out}");
    }
}

#[test]
fn a_quarantine_comes_and_goes() {
    let repository = Repository::new(RIGS);
    let add = |day| {
        let words = [
            "quarantine",
            "add",
            "c-1",
            "--reason",
            "hangs",
            "--owner",
            "kim",
        ];
        repository.hil(&[&words[..], &["--expires", day]].concat())
    };
    assert_eq!(add("2001-01-01").0, 2);
    assert_eq!(add("9000-12-31").0, 0);
    let (_, out, _) = repository.hil(&["quarantine", "list"]);
    assert_eq!(out, "c-1 until 9000-12-31: hangs (kim)\n");
    assert!(
        std::fs::read_to_string(repository.rigs())
            .unwrap()
            .contains("# the old one")
    );
    assert_eq!(repository.hil(&["quarantine", "lift", "c-1"]).0, 0);
    assert_eq!(repository.hil(&["quarantine", "lift", "c-1"]).0, 2);
    assert_eq!(std::fs::read_to_string(repository.rigs()).unwrap(), RIGS);
}

#[test]
fn a_scan_is_a_rig_file() {
    let repository = Repository::new(RIGS);
    let (code, out, _) = repository.hil(&["boards", "scan"]);
    assert!(code == 0 && out.starts_with("schema = 1\n"), "{out}");
    assert_eq!(repository.hil(&["boards", "scan", "--board", "none"]).0, 2);
}
