//! The port of a kit among all ports.

use std::path::{Path, PathBuf};

use serialport::{SerialPortInfo, SerialPortType, UsbPortInfo};

use super::super::PowerError;

/// Vendor and product of a PPK2.
const USB_ID: (u16, u16) = (0x1915, 0xc00a);

/// The interface that measures, where newer firmware shows two ports.
const INTERFACE: u8 = 1;

/// Where the kernel lists ports; `serialport` panics where it is missing.
const LIST: &str = "/sys/class/tty";

/// Returns the ports there are.
pub(super) fn list() -> Vec<SerialPortInfo> {
    if cfg!(target_os = "linux") && !Path::new(LIST).exists() {
        return Vec::new();
    }
    serialport::available_ports().unwrap_or_default()
}

/// Returns the port of the kit with this serial number.
pub(super) fn find(serial: &str, ports: &[SerialPortInfo]) -> Result<PathBuf, PowerError> {
    let kits: Vec<(&str, &UsbPortInfo)> = ports.iter().filter_map(kit).collect();
    let is_wanted = |usb: &UsbPortInfo| usb.serial_number.as_deref() == Some(serial);
    let own: Vec<_> = kits.iter().filter(|(_, usb)| is_wanted(usb)).collect();
    let measures = |usb: &UsbPortInfo| usb.interface == Some(INTERFACE);
    let port = match own.as_slice() {
        [] => {
            let mut found: Vec<String> = kits
                .iter()
                .filter_map(|(_, usb)| usb.serial_number.clone())
                .collect();
            found.dedup();
            let serial = serial.to_owned();
            return Err(PowerError::NoKit { serial, found });
        }
        [only] => only,
        several => several
            .iter()
            .find(|(_, usb)| measures(usb))
            .ok_or_else(|| PowerError::ManyPorts {
                serial: serial.to_owned(),
                ports: several.iter().map(|(name, _)| (*name).to_owned()).collect(),
            })?,
    };
    Ok(PathBuf::from(port.0))
}

fn kit(port: &SerialPortInfo) -> Option<(&str, &UsbPortInfo)> {
    match &port.port_type {
        SerialPortType::UsbPort(usb) if (usb.vid, usb.pid) == USB_ID => {
            Some((&port.port_name, usb))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, pid: u16, serial: &str, interface: Option<u8>) -> SerialPortInfo {
        SerialPortInfo {
            port_name: name.to_owned(),
            port_type: SerialPortType::UsbPort(UsbPortInfo {
                vid: 0x1915,
                pid,
                serial_number: Some(serial.to_owned()),
                manufacturer: None,
                product: None,
                interface,
            }),
        }
    }

    #[test]
    fn the_port_is_found_by_serial_number_and_interface() {
        let ports = [
            port("/dev/ttyACM0", 0xc00a, "AA", Some(3)),
            port("/dev/ttyACM1", 0xc00a, "AA", Some(1)),
            port("/dev/ttyACM2", 0xc00a, "BB", Some(0)),
            port("/dev/ttyACM3", 0x1234, "CC", Some(1)),
        ];
        let found = |serial| find(serial, &ports);
        assert_eq!(found("AA").unwrap(), Path::new("/dev/ttyACM1"));
        assert_eq!(found("BB").unwrap(), Path::new("/dev/ttyACM2"));
        let error = found("CC").unwrap_err().to_string();
        assert!(
            error.contains("not connected, but there is AA, BB;"),
            "{error}"
        );
    }

    #[test]
    fn ports_that_cannot_be_told_apart_are_an_error() {
        let ports = [
            port("/dev/ttyACM0", 0xc00a, "AA", None),
            port("/dev/ttyACM1", 0xc00a, "AA", None),
        ];
        let error = find("AA", &ports).unwrap_err().to_string();
        assert!(error.contains("/dev/ttyACM0, /dev/ttyACM1"), "{error}");
    }

    #[test]
    fn the_list_of_this_computer_can_be_read() {
        assert!(find("none such", &list()).is_err());
    }
}
