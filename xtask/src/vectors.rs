//! `vectors`: the suites of vectors of the shipped models.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::{process, repository};

/// Number formats of a shipped model, as its files are called.
const PRECISIONS: [&str; 3] = ["f32", "w8a16", "w8a8"];

/// Writes `models/<name>/vectors/<precision>.json` of every model, or compares.
pub(crate) fn run(check: bool) -> Result<()> {
    let root = repository::root();
    for folder in models()? {
        let name = folder.file_name().unwrap_or_default();
        let vectors = folder.join("vectors");
        fs::create_dir_all(&vectors).with_context(|| format!("make {}", vectors.display()))?;
        for precision in PRECISIONS {
            let mut hil = process::cargo_run("mambalite-hil");
            hil.args(["vectors", "--precision", precision]);
            hil.arg("--model").arg(name);
            hil.arg(if check { "--check" } else { "--out" });
            hil.arg(vectors.join(format!("{precision}.json")));
            process::run(&mut hil, &root)?;
        }
    }
    Ok(())
}

/// Returns the folders of the shipped models, by name.
fn models() -> Result<Vec<PathBuf>> {
    let folder = repository::root().join("models");
    let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
    let mut models = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            models.push(path);
        }
    }
    models.sort();
    Ok(models)
}
