//! The public interfaces of the kernels as files in git: a change of one shows as a difference.
//!
//! `mambalite-api [--check]` writes `kernels/public-api.txt` and `kernels/c/include/mambalite.h`, or
//! compares them. Exit codes: 0 equal or written, 1 a failure, 2 usage, 3 another interface, 4 this
//! compiler describes crates in a form that cannot be read.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

const USAGE: u8 = 2;
const DIFFERS: u8 = 3;
const UNREADABLE: u8 = 4;

/// The public items of the crate, one a line.
const RUST: &str = "kernels/public-api.txt";
/// The header of the library for C.
const C: &str = "kernels/c/include/mambalite.h";

/// What rustdoc puts before each item.
const PREFIX: &str = "mambalite_kernels::";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let check = match arguments.as_slice() {
        [] => false,
        [word] if word == "--check" => true,
        _ => {
            eprintln!("usage: cargo xtask api [--check]");
            return ExitCode::from(USAGE);
        }
    };
    match run(check) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Writes or compares both files and returns the exit code.
fn run(check: bool) -> Result<u8> {
    let root = root();
    let mut code = settle(&root.join(C), &header(&root)?, check)?;
    let description = describe(&root)?;
    let Some(items) = items(&description) else {
        eprintln!(
            "{RUST}: this compiler describes crates in a form that cannot be read; the file was made \
             with Rust 1.95"
        );
        return Ok(if code == 0 { UNREADABLE } else { code });
    };
    code = code.max(settle(&root.join(RUST), &items, check)?);
    Ok(code)
}

/// Returns the root of the repository.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Lets rustdoc describe the crate, and returns where the description is.
///
/// The form is unstable, and shown on stable compilers with the same key as the firmware's.
fn describe(root: &Path) -> Result<PathBuf> {
    let folder = root.join("target/api");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["rustdoc", "--locked", "--quiet", "--lib"])
        .args(["--package", "mambalite-kernels", "--target-dir"])
        .arg(&folder)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(root);
    let status = command.status().context("start cargo rustdoc")?;
    ensure!(status.success(), "cargo rustdoc ended with {status}");
    Ok(folder.join("doc/mambalite_kernels.json"))
}

/// Returns the public items, one a line, without what every type has by the compiler's doing.
fn items(description: &Path) -> Option<String> {
    let api = public_api::Builder::from_rustdoc_json(description)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()
        .ok()?;
    Some(api.to_string().replace(PREFIX, ""))
}

/// Returns the header of the library for C.
fn header(root: &Path) -> Result<String> {
    let folder = root.join("kernels/c");
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml"));
    let config = config.map_err(anyhow::Error::msg)?;
    let builder = cbindgen::Builder::new().with_config(config);
    let bindings = builder
        .with_crate(&folder)
        .generate()
        .context("make the header")?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    Ok(String::from_utf8(text)?)
}

/// Writes a text to its file, or compares it and shows the lines that differ; returns the exit code.
fn settle(path: &Path, text: &str, check: bool) -> Result<u8> {
    let kept = fs::read_to_string(path).unwrap_or_default();
    if kept == text {
        println!("{}: {} lines, equal", path.display(), text.lines().count());
        return Ok(0);
    }
    for line in difference(&kept, text) {
        println!("{line}");
    }
    if check {
        println!(
            "{}: another interface; `cargo xtask api` writes it",
            path.display()
        );
        return Ok(DIFFERS);
    }
    let folder = path.parent().context("a file has a folder")?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)
        .with_context(|| format!("write {}", path.display()))?;
    println!("{}: written", path.display());
    Ok(0)
}

/// Returns the lines that only one of two texts has, marked by a sign.
fn difference(old: &str, new: &str) -> Vec<String> {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (old.lines().collect(), new.lines().collect());
    let gone = before.difference(&after).map(|line| format!("-{line}"));
    gone.chain(after.difference(&before).map(|line| format!("+{line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_signature_is_a_difference() {
        let (old, new) = ("pub fn a(u8)\npub fn b()\n", "pub fn a(u16)\npub fn b()\n");
        assert_eq!(difference(old, new), ["-pub fn a(u8)", "+pub fn a(u16)"]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.txt");
        assert_eq!(settle(&path, old, false).unwrap(), 0);
        assert_eq!(settle(&path, old, true).unwrap(), 0);
        assert_eq!(settle(&path, new, true).unwrap(), DIFFERS);
        assert_eq!(fs::read_to_string(&path).unwrap(), old);
    }
}
