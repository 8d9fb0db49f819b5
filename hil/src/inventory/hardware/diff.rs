//! What the files say against what is plugged in.

use serde::Serialize;

use super::{Device, Plugged, Role};
use crate::inventory::{Meter, PowerControl, Rig};

/// What only one side has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Of rigs, and not plugged in.
    pub missing: Vec<Missing>,
    /// Plugged in, and of no rig.
    pub unlisted: Vec<Device>,
}

/// A thing of a rig that is not plugged in, or not once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Missing {
    /// The rig.
    pub rig: String,
    /// What it is: `probe`, `port`, `meter` or `hub port`.
    pub what: &'static str,
    /// How the rig names it.
    pub id: String,
    /// How many are plugged in: none, or more than can be told apart.
    pub count: usize,
}

/// Compares rigs with what is plugged in. I2C buses, computers and networks are not looked at.
#[must_use]
pub fn diff(plugged: &Plugged, rigs: &[Rig]) -> Differences {
    let mut missing = Vec::new();
    for rig in rigs {
        let mut see = |what, id: String, count: usize| {
            if count != 1 {
                let rig = rig.name.clone();
                missing.push(Missing {
                    rig,
                    what,
                    id,
                    count,
                });
            }
        };
        if let Some(probe) = &rig.probe {
            let id = format!("{}:{}:{}", probe.vid, probe.pid, probe.serial);
            see("probe", id, plugged.probes(probe).len());
        }
        if let Some(port) = &rig.port {
            let interface = port
                .interface
                .map_or(String::new(), |it| format!(" interface {it}"));
            let id = format!("{}{interface}", port.serial);
            see("port", id, plugged.ports(port).len());
        }
        if let Meter::Ppk2 { serial, .. } = &rig.meter {
            see("meter", serial.clone(), plugged.meters(serial).len());
        }
        if let PowerControl::UsbPort { port } = &rig.power {
            let count = plugged.hub_ports.iter().filter(|it| *it == port).count();
            see("hub port", port.clone(), count);
        }
    }
    let of_rig = |device: &Device| {
        let serial = device.serial.as_deref();
        rigs.iter().any(|rig| {
            let named = [
                rig.probe.as_ref().map(|it| it.serial.trim()),
                rig.port.as_ref().map(|it| it.serial.trim()),
                match &rig.meter {
                    Meter::Ppk2 { serial, .. } if device.role == Role::Ppk2 => Some(serial.trim()),
                    _ => None,
                },
            ];
            named.into_iter().any(|it| it.is_some() && it == serial)
        })
    };
    let unlisted = plugged.devices.iter().filter(|device| !of_rig(device));
    Differences {
        missing,
        unlisted: unlisted.cloned().collect(),
    }
}
