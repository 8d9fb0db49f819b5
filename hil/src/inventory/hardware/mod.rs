//! What is plugged into this computer, as Linux tells it in sysfs.

mod diff;
mod stub;
mod usb;

pub use diff::{Differences, Missing, diff};
pub use stub::stubs;
pub use usb::System;

use std::path::PathBuf;

use serde::Serialize;

use super::{PortId, ProbeId};

/// The devices that matter to a bench: probes, meters, and whatever has a serial port.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plugged {
    /// The devices, by their place on the bus.
    pub devices: Vec<Device>,
    /// Folders of hub ports that can be switched, as a rig names them.
    pub hub_ports: Vec<String>,
}

/// A USB device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Device {
    /// Its place on the bus, as `1-1.4`.
    pub place: String,
    /// USB vendor, four hex digits.
    pub vid: String,
    /// USB product, four hex digits.
    pub pid: String,
    /// Serial number; some have none, and then nothing tells two of them apart.
    pub serial: Option<String>,
    /// What it calls itself.
    pub product: Option<String>,
    /// What it is to a bench.
    pub role: Role,
    /// Its serial ports, by interface.
    pub ports: Vec<Port>,
    /// Its own file below `/dev/bus/usb`, where a probe is opened.
    pub node: Option<Node>,
}

/// What a device is to a bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A debug probe.
    Probe,
    /// A Nordic Power Profiler Kit II.
    Ppk2,
    /// An adapter, or a board with a serial port of its own.
    Port,
}

/// A serial port of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Port {
    /// USB interface.
    pub interface: u8,
    /// Its file.
    pub node: Node,
}

/// A file of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Node {
    /// Where it is now; another one after the next time it is plugged in.
    pub path: PathBuf,
    /// Whether this user may read and write it.
    pub is_usable: bool,
}

impl Plugged {
    /// Returns the serial ports that a rig's port may mean: one, where all is well.
    #[must_use]
    pub fn ports(&self, id: &PortId) -> Vec<&Port> {
        let devices = self.devices.iter();
        let devices = devices.filter(|it| it.serial.as_deref() == Some(id.serial.trim()));
        devices
            .flat_map(|device| &device.ports)
            .filter(|port| id.interface.is_none_or(|number| number == port.interface))
            .collect()
    }

    /// Returns the probes that a rig's probe may mean: one, where all is well.
    #[must_use]
    pub fn probes(&self, id: &ProbeId) -> Vec<&Device> {
        let same = |device: &&Device| {
            device.vid.eq_ignore_ascii_case(&id.vid)
                && device.pid.eq_ignore_ascii_case(&id.pid)
                && device.serial.as_deref() == Some(id.serial.trim())
        };
        self.devices.iter().filter(same).collect()
    }

    /// Returns the power meters of a serial number.
    #[must_use]
    pub fn meters(&self, serial: &str) -> Vec<&Device> {
        let devices = self.devices.iter().filter(|it| it.role == Role::Ppk2);
        devices
            .filter(|it| it.serial.as_deref() == Some(serial.trim()))
            .collect()
    }
}

impl Device {
    /// Returns what it is, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        let product = self.product.as_deref().unwrap_or("USB device");
        let serial = self.serial.as_ref().map_or_else(
            || "no serial number".to_owned(),
            |serial| format!("serial {serial}"),
        );
        let ports: Vec<_> = self
            .ports
            .iter()
            .map(|it| it.node.path.display().to_string())
            .collect();
        let ports = if ports.is_empty() {
            String::new()
        } else {
            format!(", now {}", ports.join(" "))
        };
        let text = format!(
            "{product} ({}:{}, {serial}) at {}{ports}",
            self.vid, self.pid, self.place
        );
        // A device says what it likes, and a comment ends with its line.
        text.replace(|c: char| c.is_control(), "?")
    }

    /// Returns the rules of udev that let this user open the device, where it may not now.
    #[must_use]
    pub fn missing_rules(&self) -> Vec<String> {
        let ids = |attribute: &str| {
            format!(
                "{attribute}{{idVendor}}==\"{}\", {attribute}{{idProduct}}==\"{}\"",
                self.vid, self.pid
            )
        };
        // The group is for a nightly user that never sits at the computer.
        let mode = "MODE=\"0660\", GROUP=\"plugdev\", TAG+=\"uaccess\"";
        let mut rules = Vec::new();
        let refused = |node: &Node| !node.is_usable;
        if self.role == Role::Probe && self.node.as_ref().is_some_and(refused) {
            rules.push(format!("SUBSYSTEM==\"usb\", {}, {mode}", ids("ATTR")));
        }
        if self.ports.iter().any(|port| refused(&port.node)) {
            rules.push(format!("SUBSYSTEM==\"tty\", {}, {mode}", ids("ATTRS")));
        }
        rules
    }
}
