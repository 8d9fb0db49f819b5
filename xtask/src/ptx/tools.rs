//! NVIDIA's assembler and disassembler, from their PyPI wheels, in a virtual environment of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, bail};

use crate::{process, repository};

/// The wheels, each of one exact version.
const REQUIREMENTS: &str = "xtask/ptx/requirements.txt";
/// The wheels by name, each with the program that is wanted of it.
const PROGRAMS: [(&str, &str); 2] = [
    ("nvidia-cuda-nvcc-cu12", "ptxas"),
    ("nvidia-cuda-nvdisasm", "nvdisasm"),
];
/// Prints the path of a file of a wheel.
const LOCATE: &str = "import importlib.metadata as m, sys\n\
    files = m.files(sys.argv[1]) or []\n\
    print(next(str(f.locate().resolve()) for f in files if f.name == sys.argv[2]))";

/// The processor that all is assembled for.
const ARCHITECTURE: &str = "-arch=sm_87";

/// Both programs, installed.
#[derive(Debug)]
pub(super) struct Tools {
    ptxas: PathBuf,
    nvdisasm: PathBuf,
    /// For what they read and write.
    folder: PathBuf,
    /// Version of the assembler.
    pub(super) version: String,
}

/// Whether the assembler may make one instruction of a product and a sum that the text has apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contraction {
    /// It may: this is how it is when nothing is said.
    Allowed,
    /// It may not.
    Forbidden,
}

/// What the assembler makes of a text.
#[derive(Debug)]
pub(super) struct Assembled {
    /// An ELF file.
    pub(super) cubin: Vec<u8>,
    /// What it says of every function.
    pub(super) report: String,
}

impl Tools {
    /// Installs what is not there; fails where the wheels cannot be had.
    pub(super) fn install() -> Result<Self> {
        let root = repository::root();
        let target = root.join(repository::target());
        let python = environment(&root, &target)?;
        let [ptxas, nvdisasm] = PROGRAMS.map(|(wheel, program)| {
            let path = process::first_line(&python, &["-c", LOCATE, wheel, program]);
            path.map(PathBuf::from)
                .with_context(|| format!("the wheel {wheel} has no {program}"))
        });
        let (ptxas, nvdisasm) = (ptxas?, nvdisasm?);
        let about = output(Command::new(&ptxas).arg("--version"))?;
        let about = String::from_utf8_lossy(&about.stdout).into_owned();
        let version = version(&about).context("ptxas does not say its version")?;
        let folder = target.join("ptx/assembled");
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        Ok(Self {
            ptxas,
            nvdisasm,
            folder,
            version: version.to_owned(),
        })
    }

    /// Assembles a text.
    pub(super) fn assemble(&self, text: &str, contraction: Contraction) -> Result<Assembled> {
        let (from, to) = (self.folder.join("a.ptx"), self.folder.join("a.cubin"));
        fs::write(&from, text).with_context(|| format!("write {}", from.display()))?;
        let mut command = Command::new(&self.ptxas);
        command.args(["--verbose", ARCHITECTURE]);
        if contraction == Contraction::Forbidden {
            command.arg("--fmad=false");
        }
        let output = output(command.arg("--output-file").arg(&to).arg(&from))?;
        let cubin = fs::read(&to).with_context(|| format!("read {}", to.display()))?;
        Ok(Assembled {
            cubin,
            report: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Disassembles; returns JSON.
    pub(super) fn disassemble(&self, cubin: &[u8]) -> Result<Vec<u8>> {
        let path = self.folder.join("b.cubin");
        fs::write(&path, cubin).with_context(|| format!("write {}", path.display()))?;
        let mut command = Command::new(&self.nvdisasm);
        Ok(output(command.arg("--emit-json").arg(&path))?.stdout)
    }
}

/// Makes the virtual environment, or completes it, and returns its Python.
fn environment(root: &Path, target: &Path) -> Result<PathBuf> {
    let folder = target.join("ptx-venv");
    let python = folder.join("bin/python");
    // One that was left half made has no pip.
    if !process::succeeds(Command::new(&python).args(["-m", "pip", "--version"])) {
        let mut venv = Command::new("python3");
        process::run(venv.args(["-m", "venv", "--clear"]).arg(&folder), root)?;
    }
    // It asks nobody if all is there. Where there is no network it should not try for long.
    let mut install = Command::new(&python);
    install
        .args(["-m", "pip", "install", "--quiet", "--retries", "1"])
        .args(["--no-deps", "--only-binary", ":all:"])
        .args(["--disable-pip-version-check", "--requirement", REQUIREMENTS]);
    process::run(&mut install, root)?;
    Ok(python)
}

/// Runs a program to its end without showing it; what it says is in the error if it fails.
fn output(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output();
    let output = output.with_context(|| format!("start {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program} ended with {}: {}", output.status, said.trim());
    }
    Ok(output)
}

/// Finds the version in what the assembler says of itself.
fn version(about: &str) -> Option<&str> {
    let (_, after) = about.split_once(", V")?;
    let version = after.lines().next()?.trim();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found() {
        let about = "ptxas: NVIDIA (R) Ptx optimizing assembler\n\
                     Cuda compilation tools, release 12.6, V12.6.85\n\
                     Build cuda_12.6.r12.6/compiler.35059454_0\n";
        assert_eq!(version(about), Some("12.6.85"));
        assert_eq!(version("no such thing"), None);
    }
}
