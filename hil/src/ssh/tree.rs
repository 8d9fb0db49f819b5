//! The made-up sensors of a virtual board: the files that a Jetson has, with values that move.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Time between two values.
const PERIOD: Duration = Duration::from_millis(50);

/// Steps after which the values repeat.
const STEPS: u32 = 32;

/// Folder of the monitor; the numbers are not those of any board, for they are not stable.
const MONITOR: &str = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3";

/// One step of current behind a shunt of 5 milliohm, milliamperes.
const STEP_MA: u32 = 8;

/// Rails by channel: label, millivolts, least milliamperes.
const RAILS: [(&str, u32, u32); 3] = [
    ("VDD_IN", 5056, 800),
    ("VDD_CPU_GPU_CV", 5048, 96),
    ("VDD_SOC", 5048, 296),
];

/// Files that stay as they are.
const FIXED: [(&str, &str); 11] = [
    ("in7_label", "sum of shunt voltages\n"),
    ("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n"),
    ("/sys/class/thermal/thermal_zone1/type", "cv0-thermal\n"),
    ("/sys/class/thermal/thermal_zone1/temp", "\n"),
    (
        "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq",
        "1510400\n",
    ),
    ("/sys/class/devfreq/17000000.gpu/cur_freq", "305978000\n"),
    (
        "/sys/devices/system/cpu/cpu0/regs/identification/midr_el1",
        "0x00000000410fd421\n",
    ),
    (
        "/proc/meminfo",
        "MemTotal: 7802432 kB\nMemFree: 4000000 kB\nMemAvailable: 5300000 kB\n",
    ),
    ("/proc/device-tree/model", "virtual Jetson\0"),
    ("/etc/nv_tegra_release", "# made up, no release of L4T\n"),
    (
        "/usr/bin/nvpmodel",
        "#!/bin/sh\necho 'NV Power Mode: VIRTUAL'\necho 0\n",
    ),
];

/// A tree of files that change until it is dropped.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tree {
    /// Makes the tree and has it move.
    ///
    /// # Errors
    /// The system's, when a file cannot be written.
    pub(super) fn start(root: &Path) -> io::Result<Self> {
        let monitor = root.join(MONITOR);
        for (file, text) in FIXED {
            let file = match file.strip_prefix('/') {
                Some(file) => root.join(file),
                None => monitor.join(file),
            };
            write(&file, text)?;
        }
        let program = root.join("usr/bin/nvpmodel");
        fs::set_permissions(program, fs::Permissions::from_mode(0o700))?;
        for (channel, (label, voltage_mv, _)) in (1..).zip(RAILS) {
            write(
                &monitor.join(format!("in{channel}_label")),
                &format!("{label}\n"),
            )?;
            write(
                &monitor.join(format!("in{channel}_input")),
                &format!("{voltage_mv}\n"),
            )?;
        }
        step(root, 0)?;
        let stop = Arc::new(AtomicBool::new(false));
        let (flag, moving) = (Arc::clone(&stop), root.to_owned());
        let thread = std::thread::Builder::new().name("virtual-sensors".to_owned());
        let thread = thread.spawn(move || {
            for at in (0..STEPS).cycle() {
                // A tree that cannot move keeps its values.
                if flag.load(Ordering::SeqCst) || step(&moving, at).is_err() {
                    return;
                }
                std::thread::sleep(PERIOD);
            }
        })?;
        Ok(Self {
            root: root.to_owned(),
            stop,
            thread: Some(thread),
        })
    }

    /// Returns the folder that stands for `/`.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes the values of one moment: currents and a temperature go up and down again.
fn step(root: &Path, at: u32) -> io::Result<()> {
    let height = at.min(STEPS - at);
    for (channel, (_, _, least_ma)) in (1..).zip(RAILS) {
        let current_ma = least_ma + height * STEP_MA;
        let file = root.join(MONITOR).join(format!("curr{channel}_input"));
        replace(&file, &format!("{current_ma}\n"))?;
    }
    let temperature = 45_000 + height * 250;
    let zone = root.join("sys/class/thermal/thermal_zone0/temp");
    replace(&zone, &format!("{temperature}\n"))
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}

/// Replaces a file as a whole: a reader never finds it empty, as it never does in sysfs.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_move_and_nothing_moves_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let current = folder.path().join(MONITOR).join("curr1_input");
        let value = || -> u32 {
            let text = fs::read_to_string(&current).unwrap();
            text.trim().parse().unwrap()
        };
        let tree = Tree::start(folder.path()).unwrap();
        let first = value();
        let start = std::time::Instant::now();
        while value() == first {
            assert!(start.elapsed() < Duration::from_secs(20), "it stands still");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(value() >= 800 && value().is_multiple_of(STEP_MA));
        drop(tree);
        let last = value();
        std::thread::sleep(PERIOD * 3);
        assert_eq!(value(), last);
    }
}
