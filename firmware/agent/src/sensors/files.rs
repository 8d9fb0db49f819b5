//! Sensors that are one file each, and facts.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mambalite_hil_wire::Quantity;

use super::{Places, Source};

/// Returns the zones of the thermal framework; its unit is a thousandth of a degree.
pub(super) fn thermal_zones(root: &Path) -> Vec<Source> {
    let zones = folders(root, "sys/class/thermal/thermal_zone*");
    let zone = |folder: &PathBuf| {
        let name = text(&folder.join("type"))?;
        let file = folder.join("temp");
        // A zone whose part is switched off cannot be read.
        let read = Box::new(move || number(&file));
        let quantity = Quantity::Temperature;
        Some(Source {
            quantity,
            name,
            read,
        })
    };
    zones.iter().filter_map(zone).collect()
}

/// Returns the clocks of the cores, and of what devfreq governs: the GPU is among it.
pub(super) fn clocks(root: &Path) -> Vec<Source> {
    let cores = folders(root, "sys/devices/system/cpu/cpu[0-9]*");
    let cores = cores
        .iter()
        .map(|folder| clock(folder, "cpufreq/scaling_cur_freq", 1000));
    let devices = folders(root, "sys/class/devfreq/*");
    let devices = devices.iter().map(|folder| clock(folder, "cur_freq", 1));
    cores.chain(devices).flatten().collect()
}

fn clock(folder: &Path, file: &str, unit_hz: i64) -> Option<Source> {
    let name = folder.file_name()?.to_string_lossy().into_owned();
    let file = folder.join(file);
    number(&file)?;
    Some(Source {
        quantity: Quantity::Frequency,
        name,
        read: Box::new(move || number(&file)?.checked_mul(unit_hz)),
    })
}

/// Returns the memory of the computer: in use, and all of it.
pub(super) fn memory(root: &Path) -> Vec<Source> {
    let file = root.join("proc/meminfo");
    let total = file.clone();
    let source = |name: &str, read| Source {
        quantity: Quantity::Memory,
        name: name.to_owned(),
        read,
    };
    if memory_bytes(&file, "MemTotal").is_none() {
        return Vec::new();
    }
    vec![
        source(
            "in use",
            Box::new(move || {
                memory_bytes(&file, "MemTotal")?.checked_sub(memory_bytes(&file, "MemAvailable")?)
            }),
        ),
        source("all", Box::new(move || memory_bytes(&total, "MemTotal"))),
    ]
}

/// Returns a line of `/proc/meminfo`.
fn memory_bytes(file: &Path, key: &str) -> Option<i64> {
    let text = std::fs::read_to_string(file).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: i64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Returns what is known of the computer in words: module, release, power mode.
pub(super) fn facts(places: &Places) -> Vec<String> {
    let root = &places.root;
    let line = |file: &str| text(&root.join(file));
    let release = || Some(line("etc/nv_tegra_release")?.lines().next()?.to_owned());
    let all = [
        line("proc/device-tree/model"),
        release(),
        power_mode(&places.nvpmodel),
    ];
    all.into_iter().flatten().collect()
}

/// Asks the vendor's program for the power mode.
fn power_mode(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("-q").stdin(Stdio::null());
    let output = command.output().ok().filter(|it| it.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<_> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Returns the folders that a pattern matches below `root`, sorted.
pub(super) fn folders(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let root = glob::Pattern::escape(&root.to_string_lossy());
    let pattern = Path::new(&root).join(pattern);
    let found = glob::glob(&pattern.to_string_lossy());
    found.into_iter().flatten().flatten().collect()
}

/// Returns the words of a file, if it has any.
pub(super) fn text(file: &Path) -> Option<String> {
    let bytes = std::fs::read(file).ok()?;
    // Strings of the device tree end with a NUL.
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns the number that a file holds.
pub(super) fn number(file: &Path) -> Option<i64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let file = root.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        root
    }

    #[test]
    fn zones_clocks_and_memory_are_read_in_their_units() {
        let root = tree(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48500\n"),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "1510400\n",
            ),
            ("sys/devices/system/cpu/cpuidle/current_driver", "psci\n"),
            ("sys/class/devfreq/17000000.gpu/cur_freq", "305978000\n"),
            (
                "proc/meminfo",
                "MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable:  3000 kB\n",
            ),
        ]);
        let show = |sources: Vec<Source>| -> Vec<(String, Option<i64>)> {
            let sample = |it: &Source| (it.name.clone(), (it.read)());
            sources.iter().map(sample).collect()
        };
        let zones = show(thermal_zones(root.path()));
        assert_eq!(zones, [("cpu-thermal".to_owned(), Some(48_500))]);
        let clocks = show(clocks(root.path()));
        let gpu = ("17000000.gpu".to_owned(), Some(305_978_000));
        assert_eq!(clocks, [("cpu0".to_owned(), Some(1_510_400_000)), gpu]);
        let memory = show(memory(root.path()));
        assert_eq!(memory[0], ("in use".to_owned(), Some(5000 << 10)));
        assert_eq!(memory[1], ("all".to_owned(), Some(8000 << 10)));
    }

    #[test]
    fn facts_are_told_in_a_line_each() {
        let root = tree(&[
            ("proc/device-tree/model", "NVIDIA Jetson Orin Nano\0"),
            (
                "etc/nv_tegra_release",
                "# R36 (release), REVISION: 4.3\nsecond\n",
            ),
        ]);
        let places = Places {
            root: root.path().to_owned(),
            nvpmodel: "/bin/echo".into(),
            ..Places::default()
        };
        let expected = [
            "NVIDIA Jetson Orin Nano",
            "# R36 (release), REVISION: 4.3",
            "-q",
        ];
        assert_eq!(facts(&places), expected);
        let empty = tree(&[]);
        let places = Places {
            root: empty.path().to_owned(),
            nvpmodel: empty.path().join("none"),
            ..Places::default()
        };
        assert!(facts(&places).is_empty());
    }

    #[test]
    fn odd_files_are_no_sensors() {
        let root = tree(&[
            ("proc/meminfo", "MemTotal:  x kB\n"),
            ("sys/class/thermal/thermal_zone0/temp", "48500\n"),
            (
                "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
                "<unknown>\n",
            ),
        ]);
        assert!(memory(root.path()).is_empty());
        assert!(thermal_zones(root.path()).is_empty());
        assert!(clocks(root.path()).is_empty());
    }
}
