//! What stands on a bench: one rig is one board with its probe, port, meter and power.

mod check;
mod error;
mod file;
pub mod hardware;
mod quarantine;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use error::InventoryError;
pub use file::{Bench, Inventory, of_board, select};
pub use quarantine::{day, today};

/// One board on a bench and how it is reached; facts of the board's kind are in
/// [`Board`](crate::board::Board).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rig {
    /// Name, unique on the bench.
    pub name: String,
    /// Name of the board's kind, a folder of `firmware/boards`.
    pub board: String,
    /// The debug probe; none for a virtual board or a computer.
    pub probe: Option<ProbeId>,
    /// The serial port; none where the probe or SSH carries the frames.
    pub port: Option<PortId>,
    /// A serial port at another computer instead: `host:port` of one that is served as plain bytes,
    /// `rfc2217://host:port` of one whose rate is set over the line.
    pub network_port: Option<String>,
    /// The rate in baud; of `port` found by a link test where it is not stated.
    pub baud: Option<u32>,
    /// Host of a board behind SSH, instead of that of `board.toml`.
    pub host: Option<String>,
    /// Unique id of the chip, hex; another one in the handshake is an error.
    pub uid: Option<String>,
    /// What measures the power.
    #[serde(default)]
    pub meter: Meter,
    /// What switches the power.
    #[serde(default)]
    pub power: PowerControl,
    /// Words to choose rigs by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Factor of all waiting times.
    #[serde(default = "one")]
    pub timeout_multiplier: f64,
    /// Set while its verdicts count for nothing.
    pub quarantine: Option<Quarantine>,
}

/// A debug probe, by what its USB descriptor says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProbeId {
    /// USB vendor, four hex digits.
    pub vid: String,
    /// USB product, four hex digits.
    pub pid: String,
    /// Serial number.
    pub serial: String,
}

/// A serial port, by what the USB descriptor of its adapter says; names as ttyACM0 change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PortId {
    /// Serial number of the adapter.
    pub serial: String,
    /// Interface, where the adapter has several ports.
    pub interface: Option<u8>,
}

/// What measures the power of a board.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "kind",
    deny_unknown_fields
)]
pub enum Meter {
    /// Nothing; a virtual board has no other.
    #[default]
    None,
    /// The board's own monitors, read by the agent.
    Agent,
    /// A Nordic Power Profiler Kit II.
    Ppk2 {
        /// USB serial number of the kit.
        serial: String,
        /// Supply, millivolts: what the kit gives, or what is measured by other means.
        supply_mv: u16,
        /// Whether the kit feeds the board (source), or only stands in its supply (ampere).
        #[serde(default)]
        source: bool,
        /// Logic input, 0 to 7, at the pin that the board holds high during an inference.
        gate: u8,
    },
    /// An INA226 or INA228 on an I2C bus of this computer.
    Ina {
        /// `ina226` or `ina228`.
        chip: String,
        /// Number of the bus: `/dev/i2c-N`.
        bus: u8,
        /// Address on the bus.
        address: u8,
        /// Shunt, microohms.
        shunt_uohm: u32,
        /// Largest current, milliamperes.
        max_ma: u32,
    },
}

/// What switches the power of a board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    tag = "kind",
    deny_unknown_fields
)]
pub enum PowerControl {
    /// Nothing.
    #[default]
    None,
    /// A port of a USB hub that really switches, by its folder in sysfs, as `1-1.4:1.0/1-1.4-port2`.
    UsbPort {
        /// The folder below `/sys/bus/usb/devices`.
        port: String,
    },
    /// Two commands of the user.
    Commands {
        /// Switches on.
        on: Vec<String>,
        /// Switches off.
        off: Vec<String>,
    },
}

/// A time in which a rig's verdicts count for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Quarantine {
    /// Why.
    pub reason: String,
    /// Who sees to it.
    pub owner: String,
    /// Where it is discussed.
    pub issue: Option<String>,
    /// Last day, as `2026-12-31`.
    pub expires: String,
}

impl Rig {
    /// Makes the rig of a virtual board, or of a computer that `board.toml` names.
    #[must_use]
    pub fn of_board(board: &str) -> Self {
        Self {
            name: board.to_owned(),
            board: board.to_owned(),
            probe: None,
            port: None,
            network_port: None,
            baud: None,
            host: None,
            uid: None,
            meter: Meter::None,
            power: PowerControl::None,
            tags: Vec::new(),
            timeout_multiplier: one(),
            quarantine: None,
        }
    }
}

fn one() -> f64 {
    1.0
}
