//! A folder with a picture and a stand-in for the driver's library, and the command run with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mambalite::import::import;
use mambalite_kernels::Form;
use mambalite_tests::network::{self, TINY};
use serde_json::Value;

/// What the stand-in calls its device.
pub(super) const DEVICE: &str = "PTX interpreter";

pub(super) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(super) fn new() -> Self {
        let bench = Self::without_driver();
        // Cargo builds it beside this test, which depends on its package.
        let test = std::env::current_exe().unwrap();
        let built = test.with_file_name(format!(
            "{}fake_cuda{}",
            std::env::consts::DLL_PREFIX,
            std::env::consts::DLL_SUFFIX
        ));
        assert!(built.exists(), "{} is not there", built.display());
        link(&built, &bench.path("lib/libcuda.so"));
        bench
    }

    pub(super) fn without_driver() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir(bench.path("lib")).unwrap();
        bench.put("in.png", 16, 12);
        bench
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn put(&self, name: &str, width: usize, height: usize) {
        let picture = network::picture(width, height, 3, width as u64);
        picture.save(&self.path(name)).unwrap();
    }

    /// Writes a network whose number of states has no kernel.
    pub(super) fn put_tiny_model(&self, name: &str) {
        let model = import(&network::checkpoint(&TINY, |_| Form::Dense, 1)).unwrap();
        model.save(&self.path(name)).unwrap();
    }

    /// Tells whether the command finds a driver without the stand-in.
    pub(super) fn has_real_driver(&self) -> bool {
        let output = self.run(
            &[
                "upscale",
                "in.png",
                "--output",
                "x.png",
                "--backend",
                "cuda",
            ],
            &[],
        );
        !String::from_utf8_lossy(&output.stderr).contains("libcuda.so")
    }

    /// Runs the command in the folder.
    pub(super) fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mambalite"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("LD_LIBRARY_PATH", self.path("lib"))
            .envs(environment.iter().copied())
            .output()
            .unwrap()
    }

    /// Runs the command with `--json` and returns the objects that it printed.
    pub(super) fn json(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Vec<Value> {
        let output = self.run(&[arguments, &["--json"]].concat(), environment);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?} {environment:?}: {stderr}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        let objects = text.lines().map(|line| serde_json::from_str(line).unwrap());
        objects.collect()
    }

    /// Magnifies the picture and returns what is said of it.
    pub(super) fn upscale(&self, more: &[&str], environment: &[(&str, &str)]) -> Value {
        let base = ["upscale", "in.png", "--output", "out.png"];
        self.json(&[&base[..], more].concat(), environment)
            .remove(0)
    }

    /// Expects CPU and GPU to give the same file.
    #[track_caller]
    pub(super) fn expect_equal(&self, input: &str, more: &[&str], environment: &[(&str, &str)]) {
        let run = |backend: &str| {
            let output = format!("{backend}.png");
            let base = ["upscale", input, "--output", &output, "--backend", backend];
            let line = self
                .json(&[&base[..], more].concat(), environment)
                .remove(0);
            assert_eq!(line["backend"], backend);
            std::fs::read(self.path(&output)).unwrap()
        };
        assert!(run("cpu") == run("cuda"), "{more:?} {environment:?}");
    }

    /// Expects the command to end with a code, and with these words on stderr.
    #[track_caller]
    pub(super) fn fails(
        &self,
        more: &[&str],
        environment: &[(&str, &str)],
        code: i32,
        words: &[&str],
    ) {
        let base = ["upscale", "in.png", "--output", "failed.png"];
        let output = self.run(&[&base[..], more].concat(), environment);
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(code),
            "{more:?} {environment:?}: {message}"
        );
        assert!(output.stdout.is_empty(), "{message}");
        for word in words {
            assert!(message.contains(word), "no `{word}` in: {message}");
        }
        assert!(!self.path("failed.png").exists());
    }
}

#[cfg(unix)]
fn link(file: &Path, name: &Path) {
    std::os::unix::fs::symlink(file, name).unwrap();
}

#[cfg(not(unix))]
fn link(file: &Path, name: &Path) {
    std::fs::copy(file, name).unwrap();
}
