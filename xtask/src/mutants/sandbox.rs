//! A copy of the repository to seed faults in, with target folders of its own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mambalite_hil_toolchain::sources;
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
    pub(super) fn new() -> Result<Self> {
        let root = folder().join("tree");
        sources::copy(&repository::root(), &root).context("copy the repository")?;
        Ok(Self { root })
    }

    /// Returns the root of the copy.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Writes a file of the kernels; one that is equal stays untouched.
    pub(super) fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.root.join(KERNELS).join(file);
        if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
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
