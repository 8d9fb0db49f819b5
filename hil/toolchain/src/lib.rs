//! Finding the compiler for a board's target, and the files that it is given.

pub mod sources;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's own toolchain, used where rustup has not installed the target.
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// Linker of bare-metal images.
const LINKER: &str = "ld.lld";

/// Linker of programs for Linux on aarch64.
const LINUX_LINKER: &str = "aarch64-linux-gnu-gcc";
/// Library of C that they are linked with.
const LINUX_LIBC: &str = "/usr/aarch64-linux-gnu/lib/libc.a";

/// Where the libraries of Linux on aarch64 are that an emulator of its programs loads.
pub const LINUX_LIBRARIES: &str = "/usr/aarch64-linux-gnu";

/// What stands in for the compiler so that firmware is the same from any folder, in the repository; for a
/// shell, which Windows has not.
const ANYWHERE: &str = "firmware/rustc.sh";

/// Oldest compiler that reads the sources.
const RUSTC_MINOR_MIN: u32 = 95;

/// Variables of the caller's build that would change the firmware's.
const FOREIGN: [&str; 10] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CARGO_MAKEFLAGS",
];

/// A way to build for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Toolchain {
    /// A toolchain with the target's library installed.
    Installed {
        /// The program.
        cargo: PathBuf,
    },
    /// Debian's compiler, which builds the target's library from its source.
    System,
}

impl Toolchain {
    /// Finds a toolchain for `target`.
    ///
    /// # Errors
    /// The Debian packages that would be one.
    pub fn find(target: &str) -> Result<Self, Vec<&'static str>> {
        let installed = installed(target);
        let mut packages = match &installed {
            Some(_) => Vec::new(),
            None => missing_packages(),
        };
        if is_linux(target) {
            packages.extend(missing_linux_packages());
        }
        if !packages.is_empty() {
            return Err(packages);
        }
        Ok(installed.map_or(Self::System, |cargo| Self::Installed { cargo }))
    }

    /// Returns Debian's toolchain, which compiles the core library for the very core.
    ///
    /// # Errors
    /// The Debian packages that are missing.
    pub fn system() -> Result<Self, Vec<&'static str>> {
        let packages = missing_packages();
        match packages.is_empty() {
            true => Ok(Self::System),
            false => Err(packages),
        }
    }

    fn cargo(&self) -> Command {
        let mut command = match self {
            Self::Installed { cargo } => Command::new(cargo),
            Self::System => Command::new(SYSTEM_CARGO),
        };
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        command
    }

    /// Returns the command that prints the packages that are linked for `target`, as JSON; less the
    /// folder. Packages that no build here has needed yet are fetched.
    #[must_use]
    pub fn cargo_metadata(&self, target: &str) -> Command {
        let mut command = self.cargo();
        command.args(["metadata", "--format-version", "1", "--locked"]);
        command.args(["--filter-platform", target]);
        if *self == Self::System {
            command
                .env_remove("RUSTUP_TOOLCHAIN")
                .env("RUSTC", SYSTEM_RUSTC);
        }
        command
    }

    /// Returns the command that builds for `target`, less the folder and what is to be built.
    #[must_use]
    pub fn cargo_build(&self, target: &str) -> Command {
        let mut command = self.cargo();
        command.args(["build", "--release", "--target", target]);
        let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase());
        let linker = linker.replace(['-', '.'], "_");
        if is_linux(target) {
            command.env(&linker, LINUX_LINKER);
        }
        if *self == Self::System {
            command
                .env_remove("RUSTUP_TOOLCHAIN")
                .env("RUSTC", SYSTEM_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1");
            if is_linux(target) {
                command.arg("-Zbuild-std=std,panic_abort");
            } else {
                command.arg("-Zbuild-std=core").env(&linker, LINKER);
            }
        }
        command
    }

    /// Returns the command that only checks, for bare targets all at once; less the folder and what is
    /// to be checked.
    #[must_use]
    pub fn cargo_check(&self, targets: &[&str]) -> Command {
        let mut command = self.cargo();
        command.arg("check");
        for target in targets {
            command.args(["--target", target]);
        }
        if *self == Self::System {
            command
                .env_remove("RUSTUP_TOOLCHAIN")
                .env("RUSTC", SYSTEM_RUSTC)
                .env("RUSTC_BOOTSTRAP", "1")
                .arg("-Zbuild-std=core");
        }
        command
    }

    /// Returns the command that builds firmware, for the core `cpu` of `target` where one is named, less
    /// the folder of the package. What it makes does not depend on where the folders lie (on Windows the
    /// order of functions does).
    #[must_use]
    pub fn cargo_build_firmware(
        &self,
        target: &str,
        cpu: Option<&str>,
        folders: &Folders<'_>,
    ) -> Command {
        let mut flags: Vec<_> = cpu
            .map(|cpu| format!("-Ctarget-cpu={cpu}"))
            .into_iter()
            .collect();
        flags.extend(folders.remaps());
        let mut command = self.cargo_build(target);
        // The form with separators of its own: a path may have spaces.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        if cfg!(unix) {
            command.env("RUSTC_WRAPPER", folders.repository.join(ANYWHERE));
        }
        command.arg("--target-dir").arg(folders.of_core(cpu));
        command
    }

    /// Returns the compiler's own description, for the report.
    #[must_use]
    pub fn describe(&self) -> String {
        self.ask("--version")
    }

    /// Returns all that the compiler says of itself: commit, host, release, LLVM.
    #[must_use]
    pub fn describe_fully(&self) -> String {
        self.ask("-vV")
    }

    fn ask(&self, question: &str) -> String {
        let rustc = match self {
            Self::Installed { .. } => Path::new("rustc"),
            Self::System => Path::new(SYSTEM_RUSTC),
        };
        output(rustc, &[question]).unwrap_or_else(|| "unknown".to_owned())
    }
}

/// Where a build lies.
#[derive(Debug, Clone, Copy)]
pub struct Folders<'a> {
    /// The repository.
    pub repository: &'a Path,
    /// What the build makes.
    pub target: &'a Path,
}

impl Folders<'_> {
    /// Returns where [`Toolchain::cargo_build_firmware`] leaves programs.
    #[must_use]
    pub fn programs(&self, target: &str, cpu: Option<&str>) -> PathBuf {
        self.of_core(cpu).join(target).join("release")
    }

    /// Returns the target folder of a core. Each has its own: in one folder cargo compiles all anew, the
    /// core library too, whenever a build names another core than the build before.
    fn of_core(&self, cpu: Option<&str>) -> PathBuf {
        cpu.map_or_else(|| self.target.to_owned(), |cpu| self.target.join(cpu))
    }

    /// Returns the flags that put fixed names in the place of these folders, and of cargo's own, in
    /// debug information and messages. The later one counts where one folder lies in another.
    fn remaps(&self) -> Vec<String> {
        let remap =
            |folder: &Path, name| format!("--remap-path-prefix={}={name}", folder.display());
        let mut remaps = vec![
            remap(self.repository, "/mambalite"),
            remap(self.target, "/target"),
        ];
        remaps.extend(cargo_home().map(|folder| remap(&folder, "/cargo")));
        remaps
    }
}

/// Returns the folder of the registry's sources.
fn cargo_home() -> Option<PathBuf> {
    let folder = |name| std::env::var_os(name).filter(|it| !it.is_empty());
    folder("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| folder("HOME").map(|home| Path::new(&home).join(".cargo")))
}

/// Returns the command that installs Debian packages, as it must be typed here.
#[must_use]
pub fn apt_install(packages: &[&str]) -> String {
    format!("sudo apt-get install -y {}", packages.join(" "))
}

/// Finds a program on the search path.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path: OsString = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}

/// Tells whether a target has Linux below it.
fn is_linux(target: &str) -> bool {
    target.contains("-linux-")
}

/// Returns cargo when its compiler has the library of `target`.
fn installed(target: &str) -> Option<PathBuf> {
    let root = output(Path::new("rustc"), &["--print", "sysroot"])?;
    let library = Path::new(&root)
        .join("lib/rustlib")
        .join(target)
        .join("lib");
    library.is_dir().then(|| find_program("cargo"))?
}

/// Returns the Debian packages that the system toolchain lacks.
fn missing_packages() -> Vec<&'static str> {
    let mut packages = Vec::new();
    let version = output(Path::new(SYSTEM_RUSTC), &["--version"]);
    if version
        .as_deref()
        .and_then(minor)
        .is_none_or(|minor| minor < RUSTC_MINOR_MIN)
    {
        packages.push("rustc-web");
    }
    if !Path::new(SYSTEM_CARGO).is_file() {
        packages.push("cargo-web");
    }
    let source = output(Path::new(SYSTEM_RUSTC), &["--print", "sysroot"])
        .map(|root| Path::new(&root).join("lib/rustlib/src/rust/library/core"));
    if !source.is_some_and(|dir| dir.is_dir()) {
        packages.push("rust-web-src");
    }
    if find_program(LINKER).is_none() {
        packages.push("lld");
    }
    packages
}

/// Returns the Debian packages that linking for Linux on aarch64 lacks.
fn missing_linux_packages() -> Vec<&'static str> {
    let mut packages = Vec::new();
    if find_program(LINUX_LINKER).is_none() {
        packages.push("gcc-aarch64-linux-gnu");
    }
    if !Path::new(LINUX_LIBC).is_file() {
        packages.push("libc6-dev-arm64-cross");
    }
    packages
}

/// Returns the trimmed output of a command that succeeds.
fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Returns y of `rustc x.y.z`.
fn minor(version: &str) -> Option<u32> {
    version
        .split_whitespace()
        .nth(1)?
        .split('.')
        .nth(1)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        assert_eq!(
            minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from source)"),
            Some(96)
        );
        assert_eq!(minor("rustc 1.63.0"), Some(63));
        assert_eq!(minor("gcc"), None);
    }

    #[test]
    fn the_system_build_is_shielded_from_the_callers_flags() {
        let command = Toolchain::System.cargo_build("thumbv8m.main-none-eabihf");
        let variable = |name: &str| {
            command
                .get_envs()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.is_some())
        };
        assert_eq!(variable("RUSTFLAGS"), Some(false));
        assert_eq!(variable("RUSTC"), Some(true));
        assert_eq!(
            variable("CARGO_TARGET_THUMBV8M_MAIN_NONE_EABIHF_LINKER"),
            Some(true)
        );
    }

    #[test]
    fn firmware_is_told_the_core_and_does_not_see_where_it_is_built() {
        let folders = Folders {
            repository: Path::new("/a b"),
            target: Path::new("/a b/target"),
        };
        let target = "thumbv8m.main-none-eabihf";
        let command = Toolchain::System.cargo_build_firmware(target, Some("x"), &folders);
        let variable = |name: &str| {
            let mut variables = command.get_envs();
            let (_, value) = variables.find(|(key, _)| *key == name).unwrap();
            value.unwrap().to_str().unwrap()
        };
        let flags = variable("CARGO_ENCODED_RUSTFLAGS");
        let expected = "-Ctarget-cpu=x\x1f\
                        --remap-path-prefix=/a b=/mambalite\x1f\
                        --remap-path-prefix=/a b/target=/target";
        assert!(flags.starts_with(expected), "{flags}");
        assert_eq!(variable("RUSTC_WRAPPER"), "/a b/firmware/rustc.sh");
    }

    /// Two folders, one compiler that says what it is given.
    #[cfg(unix)]
    #[test]
    fn names_of_symbols_follow_from_packages_and_not_from_folders() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let given = |folder: &Path| {
            let output = Command::new(repository.join(ANYWHERE))
                .args([
                    "echo",
                    "-C",
                    "metadata=0123",
                    "-C",
                    "extra-filename=-0123",
                    "a b",
                ])
                .env("CARGO_MANIFEST_DIR", folder)
                .env("CARGO_PKG_NAME", "it")
                .env("CARGO_PKG_VERSION", "1.2.3")
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let ours = given(&repository.canonicalize().unwrap().join("kernels"));
        assert_eq!(ours, "-C metadata=it-1.2.3 -C extra-filename=-0123 a b\n");
        let foreign = given(Path::new("/registry/it"));
        assert_eq!(foreign, "-C metadata=0123 -C extra-filename=-0123 a b\n");
    }

    #[test]
    fn programs_are_where_cargo_is_told_to_leave_them() {
        let folders = Folders {
            repository: Path::new("/a"),
            target: Path::new("/a/target"),
        };
        for (cpu, expected) in [
            (None, "/a/target"),
            (Some("cortex-m33"), "/a/target/cortex-m33"),
        ] {
            let command = Toolchain::System.cargo_build_firmware("thumbv8m", cpu, &folders);
            let mut arguments = command.get_args().skip_while(|it| *it != "--target-dir");
            assert_eq!(arguments.nth(1), Some(expected.as_ref()));
            let programs = Path::new(expected).join("thumbv8m/release");
            assert_eq!(folders.programs("thumbv8m", cpu), programs);
        }
    }

    #[test]
    fn a_program_for_linux_gets_std_and_a_linker_that_knows_the_c_library() {
        let command = Toolchain::System.cargo_build("aarch64-unknown-linux-gnu");
        assert!(
            command
                .get_args()
                .any(|a| a == "-Zbuild-std=std,panic_abort")
        );
        let (_, linker) = command
            .get_envs()
            .find(|(key, _)| *key == "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER")
            .unwrap();
        assert_eq!(linker, Some(LINUX_LINKER.as_ref()));
    }
}
