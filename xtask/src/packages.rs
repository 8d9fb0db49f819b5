//! The Debian packages that tasks need.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use mambalite_hil_toolchain::{Toolchain, find_program};

use crate::{check, firmware, peers, process};

/// What packages are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Build firmware.
    Firmware,
    /// Count instructions of firmware: with one compiler everywhere.
    InstructionCounts,
    /// Run virtual boards.
    VirtualBoards,
    /// Build the agent for computers with Linux.
    Agent,
    /// Run the virtual Jetson.
    VirtualJetson,
    /// Build and run the conformance cases for the targets that are no boards.
    CheckKernels,
    /// Install labgrid, for the tests of boards at other computers.
    Labgrid,
    /// Serve a serial port to another computer.
    RemoteSerial,
    /// Fetch the picture of the demo.
    DemoPicture,
    /// Install and compile the peers that the network is timed against.
    Peers,
    /// Install the assembler of the GPU's code.
    DeviceCode,
    /// Look at a report in a browser.
    Browser,
    /// Run the second implementation of the specification.
    Independent,
    /// Build the example in C.
    Examples,
}

impl Purpose {
    /// All there are.
    pub(crate) const ALL: [Self; 14] = [
        Self::Firmware,
        Self::InstructionCounts,
        Self::VirtualBoards,
        Self::Agent,
        Self::VirtualJetson,
        Self::CheckKernels,
        Self::Labgrid,
        Self::RemoteSerial,
        Self::DemoPicture,
        Self::Peers,
        Self::DeviceCode,
        Self::Browser,
        Self::Independent,
        Self::Examples,
    ];

    /// Returns the packages this needs that are not there.
    fn missing(self) -> Vec<&'static str> {
        match self {
            Self::Firmware => firmware::missing_packages(),
            Self::InstructionCounts => Toolchain::system().err().unwrap_or_default(),
            Self::VirtualBoards => absent(&[
                ("qemu-system-arm", "qemu-system-arm"),
                ("qemu-system-riscv32", "qemu-system-misc"),
            ]),
            Self::Agent => Toolchain::find(firmware::AGENT_TARGET)
                .err()
                .unwrap_or_default(),
            Self::VirtualJetson => virtual_jetson(),
            Self::CheckKernels => check_kernels(),
            Self::DemoPicture if has_pip() => Vec::new(),
            Self::DemoPicture => vec!["python3-pip"],
            Self::Peers => peers::missing_packages(),
            Self::DeviceCode | Self::Labgrid if has_venv() => Vec::new(),
            Self::DeviceCode | Self::Labgrid => vec!["python3-venv"],
            // Users have no sbin on their path.
            Self::RemoteSerial if Path::new("/usr/sbin/ser2net").is_file() => Vec::new(),
            Self::RemoteSerial => vec!["ser2net"],
            Self::Browser if find_program("chromium").is_some() => Vec::new(),
            Self::Browser => vec!["chromium"],
            Self::Independent if find_program("python3").is_some() => Vec::new(),
            Self::Independent => vec!["python3"],
            Self::Examples => absent(&[("arm-none-eabi-gcc", "gcc-arm-none-eabi")]),
        }
    }
}

/// Returns the missing packages with the compilers and emulators of the conformance cases.
fn check_kernels() -> Vec<&'static str> {
    let toolchains = check::triples()
        .into_iter()
        .filter_map(|triple| Toolchain::find(triple).err());
    let mut packages: Vec<_> = toolchains.flatten().collect();
    packages.extend(absent(&[
        ("qemu-system-riscv32", "qemu-system-misc"),
        ("qemu-aarch64-static", "qemu-user-static"),
    ]));
    packages
}

/// Returns the packages of those programs that are not there.
fn absent(programs: &[(&str, &'static str)]) -> Vec<&'static str> {
    let absent = programs
        .iter()
        .filter(|(program, _)| find_program(program).is_none());
    absent.map(|(_, package)| *package).collect()
}

/// Returns the missing packages with a server of SSH, an emulator and the libraries of the agent.
fn virtual_jetson() -> Vec<&'static str> {
    let file = |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_file());
    let programs = [
        (find_program("ssh"), "openssh-client"),
        // Users have no sbin on their path.
        (file("/usr/sbin/sshd"), "openssh-server"),
        (
            file("/usr/aarch64-linux-gnu/lib/libc.so.6"),
            "libc6-arm64-cross",
        ),
        (
            file("/usr/aarch64-linux-gnu/lib/libgcc_s.so.1"),
            "libgcc-s1-arm64-cross",
        ),
        (find_program("qemu-aarch64-static"), "qemu-user-static"),
    ];
    let missing = programs.into_iter().filter(|(path, _)| path.is_none());
    missing.map(|(_, package)| package).collect()
}

/// Packages that are missing and that this user may not install.
#[derive(Debug)]
pub(crate) struct Missing {
    packages: Vec<&'static str>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let packages = self.packages.join(" ");
        writeln!(f, "Debian packages are missing. Install them with")?;
        writeln!(f)?;
        write!(
            f,
            "    sudo apt-get update && sudo apt-get install -y --no-install-recommends {packages}"
        )
    }
}

impl std::error::Error for Missing {}

/// Installs the missing packages, as root or through a sudo that asks for no password.
pub(crate) fn install(purposes: &[Purpose]) -> Result<()> {
    let packages = missing(purposes);
    if packages.is_empty() {
        return Ok(());
    }
    let Some(prefix) = privilege() else {
        return Err(Missing { packages }.into());
    };
    let root = crate::repository::root();
    process::run(apt(prefix).arg("update"), &root)?;
    let mut install = apt(prefix);
    install
        .args(["install", "-y", "--no-install-recommends"])
        .args(&packages);
    process::run(&mut install, &root)?;
    let packages = missing(purposes);
    if packages.is_empty() {
        Ok(())
    } else {
        Err(Missing { packages }.into())
    }
}

/// Returns the packages that are needed and not there, each once.
fn missing(purposes: &[Purpose]) -> Vec<&'static str> {
    let mut packages: Vec<_> = purposes
        .iter()
        .flat_map(|purpose| purpose.missing())
        .collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// Returns the words before `apt-get` that make it run as root, if there are any that do.
fn privilege() -> Option<&'static [&'static str]> {
    const ROOT: &[&str] = &[];
    const SUDO: &[&str] = &["sudo", "-n"];
    find_program("apt-get")?;
    if process::first_line("id", &["-u"]).as_deref() == Some("0") {
        return Some(ROOT);
    }
    process::succeeds(Command::new("sudo").args(["-n", "true"])).then_some(SUDO)
}

fn apt(prefix: &[&str]) -> Command {
    let mut words = prefix
        .iter()
        .chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        // Another one may be at it.
        .chain(&["-o", "DPkg::Lock::Timeout=600"]);
    let mut command = Command::new(words.next().unwrap_or(&"apt-get"));
    command.args(words);
    command
}

/// Tells whether Python makes virtual environments: Debian has that in a package of its own.
pub(crate) fn has_venv() -> bool {
    process::succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"]))
}

fn has_pip() -> bool {
    process::succeeds(Command::new("python3").args(["-m", "pip", "--version"]))
}
