//! The folder of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;

use crate::train::config::{Config, EXAMPLE};
use crate::train::error::TrainError;
use crate::{Error, Result, atomic_file, json};

/// A run's folder: `config.toml` as it was given, `run.json`, `log.jsonl`, `curve.svg`,
/// `checkpoint.safetensors`, and `model.mls`, the average of the parameters.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// What `run.json` says.
#[derive(Serialize)]
struct Facts {
    mambalite: &'static str,
    seed: u64,
    /// Commit of the folder that the command ran in, where that is a git repository.
    git_hash: Option<String>,
    /// Whether files there differed from it.
    git_changes: Option<bool>,
    operating_system: &'static str,
    architecture: &'static str,
    threads: usize,
}

impl Folder {
    /// Makes the folder of a new run.
    ///
    /// # Errors
    /// [`TrainError::FolderExists`], [`Error::Write`].
    pub fn create(config: &Config, text: &str) -> Result<Self> {
        let path = config.run.folder.clone();
        let refused = |cause| Error::Write {
            path: path.clone(),
            cause,
        };
        if path.exists() {
            return Err(TrainError::FolderExists { folder: path }.into());
        }
        fs::create_dir_all(&path).map_err(refused)?;
        let folder = Self { path: path.clone() };
        let facts = Facts {
            mambalite: env!("CARGO_PKG_VERSION"),
            seed: config.run.seed,
            git_hash: git(&["rev-parse", "HEAD"]),
            git_changes: git(&["status", "--porcelain"]).map(|it| !it.is_empty()),
            operating_system: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
            threads: config.threads(),
        };
        json::write(&folder.file("run.json"), &facts)?;
        let text = text.as_bytes();
        atomic_file::write(&folder.file("config.toml"), |file| file.write_all(text))?;
        Ok(folder)
    }

    /// Opens the folder of a run that is to go on.
    ///
    /// # Errors
    /// [`TrainError::NothingToResume`].
    pub fn open(config: &Config) -> Result<Self> {
        let folder = Self {
            path: config.run.folder.clone(),
        };
        if !folder.checkpoint().exists() {
            return Err(TrainError::NothingToResume {
                folder: folder.path,
            }
            .into());
        }
        Ok(folder)
    }

    /// Removes the folder of a run that could not begin.
    pub fn remove(self) {
        // What went wrong before is what the user is told.
        let _ = fs::remove_dir_all(&self.path);
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the path of the checkpoint.
    pub fn checkpoint(&self) -> PathBuf {
        self.file("checkpoint.safetensors")
    }

    /// Returns the path of the log.
    pub fn log(&self) -> PathBuf {
        self.file("log.jsonl")
    }

    /// Returns the path of the curve.
    pub fn curve(&self) -> PathBuf {
        self.file("curve.svg")
    }

    /// Returns the path of the model.
    pub fn model(&self) -> PathBuf {
        self.file("model.mls")
    }
}

/// Returns what git says, where there is a git and a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Returns the commented example, for distillation with the section of the teacher.
pub fn example(distill: bool) -> String {
    if !distill {
        return EXAMPLE.to_owned();
    }
    let mut in_section = false;
    let lines = EXAMPLE.lines().map(|line| {
        in_section = match line {
            "# [distill]" => true,
            "" => false,
            _ => in_section,
        };
        let is_cache = line.starts_with("# cache");
        match line.strip_prefix("# ") {
            Some(rest) if in_section && !is_cache => rest,
            _ => line,
        }
    });
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_examples_are_configurations() {
        let parse = |text: &str| Config::parse(text, Path::new("example.toml")).unwrap();
        assert!(parse(&example(false)).distill.is_none());
        let distill = parse(&example(true)).distill.unwrap();
        assert_eq!(distill.teacher, "teacher.mls");
        assert_eq!(distill.cache, None);
    }

    #[test]
    fn a_folder_is_made_once() {
        let place = tempfile::tempdir().unwrap();
        let mut config = Config::parse(EXAMPLE, Path::new("example.toml")).unwrap();
        config.run.folder = place.path().join("runs/one");
        let opened = Folder::open(&config).unwrap_err();
        assert!(matches!(
            opened,
            Error::Train(TrainError::NothingToResume { .. })
        ));
        let folder = Folder::create(&config, EXAMPLE).unwrap();
        assert_eq!(
            fs::read_to_string(folder.file("config.toml")).unwrap(),
            EXAMPLE
        );
        let facts = fs::read(folder.file("run.json")).unwrap();
        let facts: serde_json::Value = serde_json::from_slice(&facts).unwrap();
        assert_eq!(facts["seed"], 1);
        assert!(facts["git_hash"].is_null() || facts["git_hash"].is_string());
        let again = Folder::create(&config, EXAMPLE).unwrap_err();
        assert!(matches!(
            again,
            Error::Train(TrainError::FolderExists { .. })
        ));
        folder.remove();
        assert!(!config.run.folder.exists());
    }
}
