//! What is plugged in, as the beginning of a rig file.

use std::collections::BTreeSet;
use std::fmt::Write;

use toml_edit::{InlineTable, Value};

use super::{Device, Plugged, Role};

/// Stands for the kind of board, which no scan can know.
const BOARD: &str = "name-of-a-board";

/// Returns a rig file with a rig for each probe or port that can be told from all others, and a
/// comment for each that cannot. `board` is the kind of all of them, where it is known.
#[must_use]
pub fn stubs(plugged: &Plugged, board: Option<&str>) -> String {
    let mut page = "schema = 1\n".to_owned();
    let mut names = BTreeSet::new();
    for device in &plugged.devices {
        let _ = write!(page, "\n# {}\n", device.describe());
        match obstacle(device, plugged) {
            Some(words) => {
                let _ = writeln!(page, "# {words}");
            }
            None if device.role == Role::Ppk2 => page += &meter(device),
            None => page += &rig(device, board, &mut names),
        }
    }
    page
}

/// Says why no rig can name a device.
fn obstacle(device: &Device, plugged: &Plugged) -> Option<&'static str> {
    let Some(serial) = &device.serial else {
        return Some("It has no serial number, so it cannot be found again: use one that has.");
    };
    let same = plugged
        .devices
        .iter()
        .filter(|it| it.serial.as_ref() == Some(serial));
    if same.count() > 1 {
        return Some("Another device has the same serial number: unplug one, or give it another.");
    }
    None
}

fn meter(device: &Device) -> String {
    let mut meter = InlineTable::new();
    meter.insert("kind", "ppk2".into());
    meter.insert("serial", device.serial.clone().unwrap_or_default().into());
    meter.insert("supply-mv", 3300.into());
    meter.insert("gate", 0.into());
    format!(
        "# A power meter. In the rig that it measures, with its own supply and gate:\n# meter = {}\n",
        Value::from(meter)
    )
}

fn rig(device: &Device, board: Option<&str>, names: &mut BTreeSet<String>) -> String {
    let serial = device.serial.clone().unwrap_or_default();
    let mut rig = "[[rig]]\n".to_owned();
    let mut line = |key: &str, value: Value| {
        let _ = writeln!(rig, "{key} = {value}");
    };
    line("name", name(device, &serial, names).into());
    line("board", board.unwrap_or(BOARD).into());
    if device.role == Role::Probe {
        let mut probe = InlineTable::new();
        probe.insert("vid", device.vid.clone().into());
        probe.insert("pid", device.pid.clone().into());
        probe.insert("serial", serial.clone().into());
        line("probe", probe.into());
    }
    if let Some(port) = device.ports.first() {
        let mut id = InlineTable::new();
        id.insert("serial", serial.into());
        if device.ports.len() > 1 {
            id.insert("interface", i64::from(port.interface).into());
        }
        line("port", id.into());
    }
    for port in device.ports.iter().skip(1) {
        let _ = writeln!(rig, "# It has a port at interface {} too.", port.interface);
    }
    rig
}

/// Makes a name that no other rig of the file has.
fn name(device: &Device, serial: &str, names: &mut BTreeSet<String>) -> String {
    let plain = |text: &str| -> String {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        words.join("-").to_ascii_lowercase()
    };
    let product = plain(device.product.as_deref().unwrap_or_default());
    let product = if product.is_empty() {
        "board".to_owned()
    } else {
        product
    };
    let serial = plain(serial);
    let end = serial
        .get(serial.len().saturating_sub(4)..)
        .unwrap_or_default();
    let end = end.trim_matches('-');
    let base = if end.is_empty() {
        product
    } else {
        format!("{product}-{end}")
    };
    let mut name = base.clone();
    let mut number = 2;
    while !names.insert(name.clone()) {
        name = format!("{base}-{number}");
        number += 1;
    }
    name
}
