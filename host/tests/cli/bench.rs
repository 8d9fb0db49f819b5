//! A folder with a small network and pictures, and the command run in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mambalite::checkpoint::{Checkpoint, safetensors};
use mambalite::picture::{Color, Picture};
use mambalite_kernels::Form;
use mambalite_tests::network::{self, TINY};
use serde_json::Value;

/// The checkpoint of a small network of the family, x2 on RGB.
pub(super) fn checkpoint() -> Checkpoint {
    network::checkpoint(&TINY, |_| Form::Dense, 1)
}

/// A smooth picture with an edge, different for each `seed`.
pub(super) fn picture(width: usize, height: usize, channels: usize, seed: usize) -> Picture {
    let sample = |i: usize| {
        let (x, y, c) = (i / channels % width, i / channels / width, i % channels);
        let edge = if x + seed > y + 9 { 90 } else { 0 };
        u8::try_from((3 * x + 2 * y + 20 * c + 11 * seed) % 160 + edge).unwrap()
    };
    let data = (0..width * height * channels).map(sample).collect();
    Picture::new(width, height, channels, data).unwrap()
}

/// A folder with the network as `net.mls` and pictures in `high` (40x36, x2 of 20x18).
pub(super) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        safetensors::save(&checkpoint(), &bench.path("net.safetensors")).unwrap();
        bench.json(&["import", "net.safetensors", "--output", "net.mls"]);
        std::fs::create_dir(bench.path("high")).unwrap();
        for (seed, name) in ["a", "b", "c"].into_iter().enumerate() {
            picture(40, 36, 3, seed)
                .save(&bench.path(&format!("high/{name}.png")))
                .unwrap();
        }
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn put(&self, name: &str, picture: &Picture) {
        picture.save(&self.path(name)).unwrap();
    }

    pub(super) fn load(&self, name: &str) -> Picture {
        Picture::load(&self.path(name), Color::AsStored).unwrap()
    }

    /// Runs the command in the folder.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mambalite"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    /// Runs the command and returns what it printed.
    pub(super) fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the command with `--json` and returns the objects that it printed.
    pub(super) fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.text(&[arguments, &["--json"]].concat());
        let objects: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert!(!objects.is_empty(), "{arguments:?}");
        assert!(objects.iter().all(|it| it["schema"] == 1), "{text}");
        objects
    }

    /// Runs the command, which fails for its input, and returns what it said.
    pub(super) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(
            output.stdout.is_empty(),
            "{arguments:?}: {:?}",
            output.stdout
        );
        assert!(message.starts_with("error: "), "{message}");
        message
    }

    #[track_caller]
    pub(super) fn refuses(&self, arguments: &[&str], wanted: &[&str]) {
        let message = self.refusal(arguments);
        assert!(
            wanted.iter().all(|it| message.contains(it)),
            "{arguments:?}: {message}"
        );
    }
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
