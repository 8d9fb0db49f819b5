//! Reading the USB devices out of sysfs.

use std::path::{Path, PathBuf};

use super::{Device, Node, Plugged, Port, Role};

/// Vendors and products of debug probes; `None` stands for all products of the vendor. Others are
/// known by the word CMSIS-DAP in their names.
const PROBES: [(u16, Option<u16>); 22] = [
    (0x1366, None),         // SEGGER J-Link
    (0x0483, Some(0x3744)), // ST-Link
    (0x0483, Some(0x3748)),
    (0x0483, Some(0x374a)),
    (0x0483, Some(0x374b)),
    (0x0483, Some(0x374d)),
    (0x0483, Some(0x374e)),
    (0x0483, Some(0x374f)),
    (0x0483, Some(0x3752)),
    (0x0483, Some(0x3753)),
    (0x0483, Some(0x3754)),
    (0x0483, Some(0x3755)),
    (0x0483, Some(0x3757)),
    (0x0d28, Some(0x0204)), // Arm DAPLink
    (0x2e8a, Some(0x0004)), // Raspberry Pi Picoprobe
    (0x2e8a, Some(0x000c)), // Raspberry Pi Debug Probe
    (0x1fc9, Some(0x0090)), // NXP LPC-Link2
    (0x1fc9, Some(0x0143)), // NXP MCU-Link
    (0x303a, Some(0x1001)), // Espressif's built-in JTAG
    (0x1a86, Some(0x8010)), // WCH-Link
    (0x1a86, Some(0x8012)),
    (0x0451, Some(0xbef3)), // TI XDS110
];

/// The Power Profiler Kit II.
const PPK2: (u16, u16) = (0x1915, 0xc00a);

/// Where a system shows its devices, and how it says who may use them.
#[derive(Debug, Clone)]
pub struct System {
    sys: PathBuf,
    dev: PathBuf,
    can_use: fn(&Path) -> bool,
}

impl System {
    /// Takes this computer.
    #[must_use]
    pub fn here() -> Self {
        use rustix::fs::{Access, access};
        let can_use = |path: &Path| access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
        Self::at(Path::new("/sys"), Path::new("/dev"), can_use)
    }

    /// Takes other folders for `/sys` and `/dev`.
    #[must_use]
    pub fn at(sys: &Path, dev: &Path, can_use: fn(&Path) -> bool) -> Self {
        Self {
            sys: sys.to_owned(),
            dev: dev.to_owned(),
            can_use,
        }
    }

    /// Reads what is plugged in. A device that goes meanwhile is left out; a system without USB
    /// has none.
    #[must_use]
    pub fn scan(&self) -> Plugged {
        let bus = self.sys.join("bus/usb/devices");
        let names = names(&bus);
        let devices = names.iter().filter(|name| !name.contains(':'));
        let devices = devices.filter_map(|name| self.device(&bus, name, &names));
        let mut hub_ports = Vec::new();
        for interface in names.iter().filter(|name| name.contains(':')) {
            let folder = bus.join(interface);
            let ports = self::names(&folder).into_iter();
            let ports = ports.filter(|name| {
                name.contains("-port") && folder.join(name).join("disable").is_file()
            });
            hub_ports.extend(ports.map(|name| format!("{interface}/{name}")));
        }
        Plugged {
            devices: devices.collect(),
            hub_ports,
        }
    }

    /// Reads one device; nothing where it is gone, or is nothing to a bench.
    fn device(&self, bus: &Path, place: &str, names: &[String]) -> Option<Device> {
        let folder = bus.join(place);
        let id = |file: &str| u16::from_str_radix(&text(&folder.join(file))?, 16).ok();
        let (vid, pid) = (id("idVendor")?, id("idProduct")?);
        let product = text(&folder.join("product"));
        let prefix = format!("{place}:");
        let mut ports = Vec::new();
        let mut words = product.clone().unwrap_or_default();
        for interface in names.iter().filter(|name| name.starts_with(&prefix)) {
            let folder = bus.join(interface);
            words += &text(&folder.join("interface")).unwrap_or_default();
            ports.extend(self.ports(&folder));
        }
        ports.sort_by(|a, b| (a.interface, &a.node.path).cmp(&(b.interface, &b.node.path)));
        let listed = PROBES.contains(&(vid, None)) || PROBES.contains(&(vid, Some(pid)));
        let role = if (vid, pid) == PPK2 {
            Role::Ppk2
        } else if listed || words.contains("CMSIS-DAP") {
            Role::Probe
        } else {
            Role::Port
        };
        if role == Role::Port && ports.is_empty() {
            return None;
        }
        let number = |file: &str| text(&folder.join(file))?.parse::<u16>().ok();
        let node = number("busnum")
            .zip(number("devnum"))
            .map(|(bus, device)| self.node(self.dev.join(format!("bus/usb/{bus:03}/{device:03}"))));
        Some(Device {
            place: place.to_owned(),
            vid: format!("{vid:04x}"),
            pid: format!("{pid:04x}"),
            serial: text(&folder.join("serial")),
            product,
            role,
            ports,
            node,
        })
    }

    /// Reads the ports of an interface: `tty/ttyACM0` of a modem, `ttyUSB0` of an adapter.
    fn ports(&self, folder: &Path) -> Vec<Port> {
        let Some(interface) =
            text(&folder.join("bInterfaceNumber")).and_then(|it| u8::from_str_radix(&it, 16).ok())
        else {
            return Vec::new();
        };
        let direct = names(folder)
            .into_iter()
            .filter(|name| name.starts_with("ttyUSB"));
        let ports = names(&folder.join("tty")).into_iter().chain(direct);
        ports
            .map(|name| Port {
                interface,
                node: self.node(self.dev.join(name)),
            })
            .collect()
    }

    fn node(&self, path: PathBuf) -> Node {
        let is_usable = (self.can_use)(&path);
        Node { path, is_usable }
    }
}

/// Returns the names in a folder, sorted; none where it is gone.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|it| it.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Returns the text of an attribute without the white space around it; none where it is empty,
/// gone or no UTF-8.
fn text(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
