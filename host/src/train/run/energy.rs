//! Energy of the processor packages, where the machine counts it (Linux, RAPL).

use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the counters.
const COUNTERS: &str = "/sys/class/powercap";
/// Beginning of the names of packages; parts of a package have a second colon.
const PACKAGE: &str = "intel-rapl:";

/// Adds up what the counters of all packages say.
#[derive(Debug)]
pub struct Meter {
    packages: Result<Vec<Package>, String>,
    micro_joules: u64,
}

#[derive(Debug)]
struct Package {
    file: PathBuf,
    last: u64,
    /// Value after which the counter begins again.
    max: u64,
}

impl Meter {
    /// Finds the counters of this machine.
    pub fn new() -> Self {
        Self::of(Path::new(COUNTERS))
    }

    fn of(folder: &Path) -> Self {
        Self {
            packages: packages(folder),
            micro_joules: 0,
        }
    }

    /// Reads the counters; must be called more often than they begin again, which takes minutes.
    pub fn read(&mut self) {
        let Ok(packages) = &mut self.packages else {
            return;
        };
        for package in packages {
            let Ok(now) = number(&package.file) else {
                self.packages = Err(format!("{} cannot be read any more", COUNTERS));
                return;
            };
            let wrapped = if now < package.last { package.max } else { 0 };
            self.micro_joules += now + wrapped - package.last;
            package.last = now;
        }
    }

    /// Returns the joules since the beginning.
    ///
    /// # Errors
    /// Why they are not known.
    pub fn joules(&self) -> Result<f64, &str> {
        match &self.packages {
            Ok(_) => Ok(self.micro_joules as f64 * 1e-6),
            Err(reason) => Err(reason),
        }
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

fn packages(folder: &Path) -> Result<Vec<Package>, String> {
    let entries = fs::read_dir(folder)
        .map_err(|cause| format!("no energy counters: {}: {cause}", folder.display()))?;
    let mut packages = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_package = name
            .strip_prefix(PACKAGE)
            .is_some_and(|rest| !rest.contains(':'));
        if !is_package {
            continue;
        }
        packages.push(Package {
            last: number(&path.join("energy_uj"))?,
            max: number(&path.join("max_energy_range_uj"))?,
            file: path.join("energy_uj"),
        });
    }
    match packages.is_empty() {
        true => Err(format!("no energy counters in {}", folder.display())),
        false => Ok(packages),
    }
}

fn number(file: &Path) -> Result<u64, String> {
    let unreadable = |cause: &dyn core::fmt::Display| format!("{}: {cause}", file.display());
    let text = fs::read_to_string(file).map_err(|cause| unreadable(&cause))?;
    text.trim().parse().map_err(|cause| unreadable(&cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_added_and_may_begin_again() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, file: &str, value: u64| {
            fs::create_dir_all(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join(file), format!("{value}\n")).unwrap();
        };
        for (name, value) in [
            ("intel-rapl:0", 900),
            ("intel-rapl:1", 5),
            ("intel-rapl:0:0", 1),
        ] {
            put(name, "energy_uj", value);
            put(name, "max_energy_range_uj", 1000);
        }
        let mut meter = Meter::of(folder.path());
        put("intel-rapl:0", "energy_uj", 100);
        put("intel-rapl:1", "energy_uj", 7);
        put("intel-rapl:0:0", "energy_uj", 999);
        meter.read();
        assert_eq!(meter.joules(), Ok(202e-6));
        fs::remove_file(folder.path().join("intel-rapl:1/energy_uj")).unwrap();
        meter.read();
        assert!(meter.joules().is_err());
    }

    #[test]
    fn without_counters_there_is_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().to_path_buf(), folder.path().join("none")] {
            let meter = Meter::of(&path);
            assert!(meter.joules().unwrap_err().contains("no energy counters"));
        }
    }
}
