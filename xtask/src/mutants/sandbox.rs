//! A copy of the repository to seed faults in, with target folders of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::repository;

/// Where the kernels are in a checkout.
const KERNELS: &str = "kernels/src";

/// The copy.
#[derive(Debug)]
pub(super) struct Sandbox {
    root: PathBuf,
}

impl Sandbox {
    /// Makes the copy, or makes an old one equal to the checkout again.
    ///
    /// Files that are equal stay untouched, so that a next run compiles nothing anew.
    pub(super) fn new() -> Result<Self> {
        let (from, root) = (repository::root(), folder().join("tree"));
        let mut list = Command::new("git");
        list.args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let output = list.current_dir(&from).output().context("start git")?;
        ensure!(output.status.success(), "git ls-files failed");
        let names = String::from_utf8(output.stdout).context("names of files")?;
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            // One that is listed and not there was deleted.
            if let Ok(content) = fs::read(from.join(name)) {
                write_changed(&root.join(name), &content)?;
            }
        }
        Ok(Self { root })
    }

    /// Returns the root of the copy.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file of the kernels.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<()> {
        write_changed(&self.root.join(KERNELS).join(file), text.as_bytes())
    }
}

/// Returns the folder of the sandbox and of the journal.
pub(super) fn folder() -> PathBuf {
    repository::target().join("mutants")
}

/// Returns the text of a file of the kernels as the checkout has it.
pub(super) fn original(file: &str) -> Result<String> {
    let path = repository::root().join(KERNELS).join(file);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

/// Returns the paths of all source files of the kernels, sorted.
pub(super) fn files() -> Result<Vec<String>> {
    let root = repository::root().join(KERNELS);
    let (mut files, mut folders) = (Vec::new(), vec![root.clone()]);
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(&root)?
                    .to_string_lossy()
                    .replace('\\', "/");
                files.push(name);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Returns the digest of a file's text, to know the file again by.
pub(super) fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}

fn write_changed(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
    }
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}
