//! What users of the kernels as a library rely on: the package, the oldest compiler, the interface.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use mambalite_hil_toolchain::{Toolchain, apt_install};

use crate::counts::Counts;
use crate::packages::{self, Purpose};
use crate::{bench, process, repository};

/// The package that is meant for others.
const PACKAGE: [&str; 2] = ["--package", "mambalite-kernels"];

/// What has to be in it besides the sources.
const PACKED: [&str; 5] = [
    "README.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "examples/upscale.rs",
    "examples/picture/mod.rs",
];

/// Bare targets that nothing here runs: DSP instructions without a floating-point unit, the small
/// Armv8-M, RISC-V without atomics.
const TARGETS: [&str; 3] = [
    "thumbv7em-none-eabi",
    "thumbv8m.base-none-eabi",
    "riscv32imc-unknown-none-elf",
];

/// Exit code of `mambalite-api`.
const UNREADABLE: i32 = 4;

/// Tells whether something was checked, or fails.
type Check = fn() -> Result<bool>;

/// Checks all of it and counts each check as a test.
pub(crate) fn count() -> Result<Counts> {
    let mut counts = Counts::default();
    let checks: [(&str, Check); 4] = [
        ("package", check_package),
        ("targets", check_targets),
        ("oldest compiler", check_oldest_compiler),
        ("interface", || api(true)),
    ];
    for (name, check) in checks {
        match check() {
            Ok(true) => counts.passed += 1,
            Ok(false) => counts.skipped += 1,
            Err(error) => counts.fail(format!("library, {name}"), format!("{error:#}")),
        }
    }
    Ok(counts)
}

/// Packs the crate, builds what was packed, and compiles it for further targets and with the oldest
/// compiler.
pub(crate) fn package() -> Result<()> {
    check_package()?;
    check_targets()?;
    check_oldest_compiler()?;
    Ok(())
}

/// Packs the crate and builds what was packed; fails if something is missing. From what is on this
/// computer: `cargo publish --dry-run` also asks the registry.
fn check_package() -> Result<bool> {
    let root = repository::root();
    let options = ["--locked", "--offline", "--allow-dirty"];
    let mut list = process::cargo();
    list.args(["package", "--list"]).args(PACKAGE).args(options);
    let (succeeded, files) = process::run_and_listen(&mut list, &root)?;
    ensure!(succeeded, "cargo package --list failed");
    for file in PACKED {
        ensure!(
            files.iter().any(|packed| packed == file),
            "{file} is not in the package"
        );
    }
    process::run(
        process::cargo().arg("package").args(PACKAGE).args(options),
        &root,
    )?;
    Ok(true)
}

/// Compiles the crate for [`TARGETS`], without making code.
fn check_targets() -> Result<bool> {
    packages::install(&[Purpose::InstructionCounts])?;
    let toolchain = Toolchain::system().map_err(|packages| anyhow!(apt_install(&packages)))?;
    let mut command = toolchain.cargo_check(&TARGETS);
    command.args(["--locked", "--lib"]).args(PACKAGE);
    command
        .arg("--target-dir")
        .arg(repository::target().join("targets"));
    process::run(&mut command, &repository::root())?;
    Ok(true)
}

/// Compiles the crate with the oldest compiler that it claims, if that is here.
fn check_oldest_compiler() -> Result<bool> {
    let oldest = oldest_compiler()?;
    let Some(mut cargo) = compiler(&oldest) else {
        println!("SKIP: no Rust {oldest}, the oldest that the kernels claim, is installed");
        return Ok(false);
    };
    cargo.args(["check", "--locked", "--lib"]).args(PACKAGE);
    cargo.args(["--features", "std,defmt", "--target-dir"]);
    cargo.arg(repository::target().join("oldest"));
    process::run(&mut cargo, &repository::root())?;
    Ok(true)
}

/// Returns the version that the workspace states.
fn oldest_compiler() -> Result<String> {
    let path = repository::root().join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let manifest: toml::Table = text.parse()?;
    let package = manifest.get("workspace").and_then(|it| it.get("package"));
    let version = package.and_then(|it| it.get("rust-version")?.as_str());
    version
        .map(str::to_owned)
        .context("the workspace states no rust-version")
}

/// Returns the cargo of a version: the one that runs this, Debian's, or one that rustup has.
fn compiler(version: &str) -> Option<Command> {
    let mut debian = Command::new("/usr/bin/cargo");
    debian
        .env("RUSTC", "/usr/bin/rustc")
        .env_remove("RUSTUP_TOOLCHAIN");
    let mut rustup = Command::new("rustup");
    rustup.args(["run", version, "cargo"]);
    let places = [process::cargo(), debian, rustup];
    places.into_iter().find(|cargo| is_version(cargo, version))
}

/// Tells whether a cargo is of a version, `1.95` for any of its releases.
fn is_version(cargo: &Command, version: &str) -> bool {
    let mut ask = Command::new(cargo.get_program());
    ask.args(cargo.get_args()).arg("--version");
    let Ok(output) = ask.output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    text.split_whitespace()
        .nth(1)
        .is_some_and(|said| is_release_of(said, version))
}

fn is_release_of(release: &str, version: &str) -> bool {
    let rest = release.strip_prefix(version);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Writes down the public interfaces, or compares them; false if this compiler's form of them cannot
/// be read.
pub(crate) fn api(check: bool) -> Result<bool> {
    let mut command = process::cargo_run("mambalite-api");
    command.args(check.then_some("--check"));
    let status = command.current_dir(repository::root()).status();
    match status.context("start cargo")?.code() {
        Some(0) => Ok(true),
        Some(UNREADABLE) => {
            println!("SKIP: the public items of the kernels");
            Ok(false)
        }
        code => {
            let code = code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
            Err(bench::Ended { code }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_belongs_to_its_version() {
        assert!(is_release_of("1.95.0", "1.95"));
        assert!(is_release_of("1.95", "1.95"));
        assert!(!is_release_of("1.9.0", "1.95"));
        assert!(!is_release_of("1.950.0", "1.95"));
        assert!(oldest_compiler().is_ok());
    }
}
