//! Power rails behind INA3221 monitors.
//!
//! The driver has no file for power: it is voltage times current, which the chip converts one
//! after the other. On the module of a Jetson Orin Nano the shunts make one step of current 8 mA,
//! so about 40 mW at 5 V, and a pair of readings takes about 7 ms. A figure is worth quoting from a
//! window of ten seconds on. `VDD_IN` feeds the other rails: it is never added to them, so nothing
//! here adds rails up.

use std::path::Path;

use mambalite_hil_wire::Quantity;

use super::Source;
use super::files::{folders, number, text};

/// Channels of the chip. Its `in7` is a sum and no rail.
const CHANNELS: core::ops::RangeInclusive<u32> = 1..=3;

/// Label of a channel that nothing is connected to.
const UNCONNECTED: &str = "NC";

/// Returns the rails of every monitor that `hwmon` matches below `root`.
pub(super) fn find(root: &Path, hwmon: &str) -> Vec<Source> {
    let monitors = folders(root, hwmon);
    monitors
        .iter()
        .flat_map(|folder| CHANNELS.filter_map(|channel| rail(folder, channel)))
        .collect()
}

fn rail(folder: &Path, channel: u32) -> Option<Source> {
    // By label: which channel a rail has differs between boards.
    let name = text(&folder.join(format!("in{channel}_label")))?;
    if name == UNCONNECTED {
        return None;
    }
    let voltage_mv = folder.join(format!("in{channel}_input"));
    let current_ma = folder.join(format!("curr{channel}_input"));
    Some(Source {
        quantity: Quantity::Power,
        name,
        // Millivolts times milliamperes are microwatts.
        read: Box::new(move || number(&voltage_mv)?.checked_mul(number(&current_ma)?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rails_go_by_label_and_power_is_the_product() {
        let root = tempfile::tempdir().unwrap();
        let folder = root
            .path()
            .join("sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4");
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in [
            ("in1_label", "VDD_IN\n"),
            ("in1_input", "5000\n"),
            ("curr1_input", "1008\n"),
            ("in2_label", "NC\n"),
            ("in2_input", "5000\n"),
            ("curr2_input", "8\n"),
            ("in3_label", "VDD_SOC\n"),
            ("in3_input", "4992\n"),
            ("in7_label", "sum of shunt voltages\n"),
        ] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let rails = find(root.path(), &super::super::Places::default().hwmon);
        let names: Vec<_> = rails.iter().map(|rail| rail.name.as_str()).collect();
        assert_eq!(names, ["VDD_IN", "VDD_SOC"]);
        assert_eq!((rails[0].read)(), Some(5_040_000));
        assert_eq!((rails[1].read)(), None, "a channel that is switched off");
        assert!(find(root.path(), "sys/nothing/*").is_empty());
        assert!(find(root.path(), "[").is_empty(), "no pattern");
    }
}
