//! Serial ports by what their USB adapters say of themselves.

use std::path::{Path, PathBuf};

use serialport::{SerialPortType, available_ports};

use crate::error::{Error, Result};
use crate::inventory::PortId;

/// A serial port that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPort {
    /// Its device file; another one each time that it is plugged in.
    pub path: PathBuf,
    /// USB vendor and product, as `0483:374b`; empty where it is none of USB.
    pub usb: String,
    /// Serial number of the adapter; empty where it has none.
    pub serial: String,
    /// Interface of the adapter.
    pub interface: Option<u8>,
}

/// Lists the ports there are; tests list others.
pub type PortList = Box<dyn Fn() -> Result<Vec<FoundPort>> + Send>;

/// Why a serial port cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PortError {
    /// No adapter has this serial number.
    #[error(
        "find serial port {wanted}: not there (plugged in?); there are: {}",
        listing(found)
    )]
    Missing {
        /// What was looked for.
        wanted: String,
        /// What is there.
        found: Vec<FoundPort>,
    },
    /// Several ports fit.
    #[error(
        "find serial port {wanted}: several fit: {}; state `interface`",
        listing(found)
    )]
    Ambiguous {
        /// What was looked for.
        wanted: String,
        /// What fits.
        found: Vec<FoundPort>,
    },
    /// The computer that serves a port over TCP is not reached.
    #[error("connect to the serial port at {address}: {cause}")]
    Connect {
        /// Host and port.
        address: String,
        /// The system's answer.
        cause: String,
    },
    /// The user may not open it.
    #[error(
        "open {}: permission denied; run `sudo usermod -aG dialout $USER` and log in again",
        path.display()
    )]
    Denied {
        /// The device file.
        path: PathBuf,
    },
    /// Another process has it.
    #[error("open {}: it is in use; close the other program (`fuser {}`)", path.display(), path.display())]
    Busy {
        /// The device file.
        path: PathBuf,
    },
    /// It cannot be opened.
    #[error("open {}: {cause}", path.display())]
    Open {
        /// The device file.
        path: PathBuf,
        /// The system's answer.
        cause: String,
    },
}

impl PortError {
    /// Makes the error of a port that did not open.
    pub(super) fn open(path: &Path, cause: &serialport::Error) -> Self {
        use std::io::ErrorKind;
        let path = path.to_owned();
        match cause.kind() {
            serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => Self::Denied { path },
            // What `serialport` makes of a port whose lock is held, and of EBUSY.
            serialport::ErrorKind::Io(ErrorKind::ResourceBusy | ErrorKind::WouldBlock) => {
                Self::Busy { path }
            }
            serialport::ErrorKind::NoDevice if path.exists() => Self::Busy { path },
            _ => Self::Open {
                path,
                cause: cause.to_string(),
            },
        }
    }
}

/// Lists the serial ports of this computer.
///
/// # Errors
/// [`Error::Line`] when the system lists none.
pub fn list_ports() -> Result<Vec<FoundPort>> {
    let ports = available_ports().map_err(Error::line)?;
    let mut ports: Vec<_> = ports
        .into_iter()
        .map(|port| {
            let usb = match port.port_type {
                SerialPortType::UsbPort(usb) => Some(usb),
                _ => None,
            };
            FoundPort {
                path: port.port_name.into(),
                usb: usb
                    .as_ref()
                    .map(|usb| format!("{:04x}:{:04x}", usb.vid, usb.pid))
                    .unwrap_or_default(),
                interface: usb.as_ref().and_then(|usb| usb.interface),
                serial: usb.and_then(|usb| usb.serial_number).unwrap_or_default(),
            }
        })
        .collect();
    ports.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(ports)
}

/// Returns the device file of a port, of those in `found`.
///
/// # Errors
/// [`PortError::Missing`] and [`PortError::Ambiguous`].
pub fn find_port(id: &PortId, found: &[FoundPort]) -> Result<PathBuf, PortError> {
    let fits = |port: &&FoundPort| {
        port.serial == id.serial && (id.interface.is_none() || port.interface == id.interface)
    };
    let fitting: Vec<_> = found.iter().filter(fits).collect();
    match fitting[..] {
        [port] => Ok(port.path.clone()),
        [] => Err(PortError::Missing {
            wanted: words(id),
            found: found.to_vec(),
        }),
        _ => Err(PortError::Ambiguous {
            wanted: words(id),
            found: fitting.into_iter().cloned().collect(),
        }),
    }
}

fn words(id: &PortId) -> String {
    match id.interface {
        Some(interface) => format!("`{}` interface {interface}", id.serial),
        None => format!("`{}`", id.serial),
    }
}

fn listing(found: &[FoundPort]) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    let words = |port: &FoundPort| {
        let interface = port.interface.map(|it| format!(" interface {it}"));
        let interface = interface.unwrap_or_default();
        let (path, serial) = (port.path.display(), &port.serial);
        if port.usb.is_empty() {
            format!("{path}")
        } else {
            format!("{path} ({} `{serial}`{interface})", port.usb)
        }
    };
    found.iter().map(words).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(path: &str, serial: &str, interface: u8) -> FoundPort {
        FoundPort {
            path: path.into(),
            usb: "0483:374b".to_owned(),
            serial: serial.to_owned(),
            interface: Some(interface),
        }
    }

    fn id(serial: &str, interface: Option<u8>) -> PortId {
        PortId {
            serial: serial.to_owned(),
            interface,
        }
    }

    #[test]
    fn a_port_is_found_by_serial_and_interface() {
        let mut there = vec![
            port("/dev/ttyACM0", "A", 0),
            port("/dev/ttyACM1", "A", 2),
            port("/dev/ttyACM2", "B", 2),
        ];
        let find = |it: &PortId, there: &[FoundPort]| find_port(it, there);
        assert_eq!(find(&id("A", Some(2)), &there), Ok("/dev/ttyACM1".into()));
        assert_eq!(find(&id("B", None), &there), Ok("/dev/ttyACM2".into()));
        let error = find(&id("A", None), &there).unwrap_err().to_string();
        assert!(
            error.contains("ttyACM0") && error.contains("state `interface`"),
            "{error}"
        );
        let error = find(&id("C", Some(1)), &there).unwrap_err().to_string();
        assert!(error.contains("`C` interface 1"), "{error}");
        assert!(
            error.contains("/dev/ttyACM2 (0483:374b `B` interface 2)"),
            "{error}"
        );
        // Plugged in again, it has another name.
        there[2].path = "/dev/ttyACM7".into();
        assert_eq!(find(&id("B", None), &there), Ok("/dev/ttyACM7".into()));
        let error = find(&id("C", None), &[]).unwrap_err().to_string();
        assert!(error.contains("there are: none"), "{error}");
    }

    #[test]
    fn the_ports_of_this_computer_are_listed() {
        let ports = list_ports().unwrap();
        assert!(ports.iter().all(|port| port.path.starts_with("/dev")));
    }
}
