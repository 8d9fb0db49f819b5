//! What the client says about a place, and the rig that it makes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inventory::hardware::Plugged;
use crate::inventory::{ProbeId, Rig};
use crate::transport::RFC2217;

/// The tag that names the kind of board.
pub(super) const BOARD: &str = "board";
/// Name of the serial port to take, where a place has several.
const FRAMES: &str = "frames";
/// Port of SSH where none is stated.
const SSH_PORT: u16 = 22;

/// A place as `show` and `-v places` print it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) tags: BTreeMap<String, String>,
    /// Who has it, as `host/user`.
    pub(super) holder: Option<String>,
}

/// A resource of a place: a serial port, a computer, a debug probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    class: String,
    parameters: Parameters,
}

/// What this harness needs of a resource; all else is passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
struct Parameters {
    name: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    speed: Option<u32>,
    protocol: Option<String>,
    address: Option<String>,
    username: Option<String>,
    path: Option<String>,
}

#[derive(Deserialize)]
struct Environment {
    targets: BTreeMap<String, Target>,
}

#[derive(Deserialize)]
struct Target {
    #[serde(default)]
    resources: Vec<BTreeMap<String, Parameters>>,
}

#[derive(Serialize)]
struct File<'a> {
    schema: u32,
    rig: &'a [Rig],
}

/// Reads the places of a page.
pub(super) fn places(page: &str) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for line in page.lines() {
        if let Some(name) = line
            .strip_prefix("Place '")
            .and_then(|it| it.strip_suffix("':"))
        {
            places.push(Place {
                name: name.to_owned(),
                ..Place::default()
            });
        } else if let Some(place) = places.last_mut() {
            if let Some(tags) = line.strip_prefix("  tags: ") {
                let pairs = tags.split(", ").filter_map(|pair| pair.split_once('='));
                place
                    .tags
                    .extend(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())));
            } else if let Some(holder) = line.strip_prefix("  acquired: ") {
                place.holder = Some(holder.to_owned()).filter(|it| it != "None");
            }
        }
    }
    places
}

/// Reads the resources out of what `labgrid-client env` prints, which is YAML.
///
/// # Errors
/// What is wrong with it, for people.
pub fn resources(page: &str) -> Result<Vec<Resource>, String> {
    let environment: Environment = serde_norway::from_str(page).map_err(|e| e.to_string())?;
    let targets = environment.targets.into_values();
    let resources = targets.flat_map(|target| target.resources).flatten();
    Ok(resources
        .map(|(class, parameters)| Resource { class, parameters })
        .collect())
}

/// Makes the rig of a place; the error says what is wrong and how to mend it.
pub(super) fn rig(
    place: &Place,
    resources: &[Resource],
    plugged: &Plugged,
    this_host: &str,
) -> Result<Rig, String> {
    let name = &place.name;
    let Some(board) = place.tags.get(BOARD) else {
        return Err(format!(
            "it has no tag `{BOARD}`; set it with `labgrid-client -p {name} set-tags {BOARD}=NAME`"
        ));
    };
    let mut rig = Rig::of_board(board);
    rig.name.clone_from(name);
    let others = place.tags.iter().filter(|(key, _)| *key != BOARD);
    rig.tags = others
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    if let Some(port) = one_of(resources, "NetworkSerialPort")? {
        // What labgrid takes where nothing is stated is RFC 2217.
        let scheme = match port.protocol.as_deref() {
            Some("raw") => "",
            Some("rfc2217") | None => RFC2217,
            Some(other) => {
                return Err(format!(
                    "its serial port speaks `{other}`, not a protocol that is known"
                ));
            }
        };
        let (Some(host), Some(number)) = (&port.host, port.port) else {
            return Err(
                "its serial port is not there; is it plugged in at the exporter?".to_owned(),
            );
        };
        rig.network_port = Some(format!("{scheme}{host}:{number}"));
        rig.baud = port.speed;
    }
    if let Some(computer) = one_of(resources, "NetworkService")? {
        let address = computer.address.as_deref().unwrap_or_default();
        let user = computer
            .username
            .as_ref()
            .map_or(String::new(), |user| format!("{user}@"));
        rig.host = Some(match computer.port {
            Some(port) if port != SSH_PORT => format!("ssh://{user}{address}:{port}"),
            _ => format!("{user}{address}"),
        });
    }
    if let Some(probe) = one_of(resources, "NetworkUSBDebugger")? {
        rig.probe = Some(find_probe(probe, plugged, this_host)?);
    }
    Ok(rig)
}

/// Finds a probe here: labgrid says where it is plugged in, not its serial number.
fn find_probe(probe: &Parameters, plugged: &Plugged, this_host: &str) -> Result<ProbeId, String> {
    let Some(path) = &probe.path else {
        return Err("its debug probe is not there; is it plugged in at the exporter?".to_owned());
    };
    let host = probe.host.as_deref().unwrap_or_default();
    if ![this_host, "localhost", "127.0.0.1", "::1"].contains(&host) {
        return Err(format!("its debug probe is at `{host}`; run `hil` there"));
    }
    let device = plugged.devices.iter().find(|device| device.place == *path);
    let device = device.ok_or_else(|| format!("there is no debug probe at {path} of `{host}`"))?;
    let serial = device.serial.clone();
    Ok(ProbeId {
        vid: device.vid.clone(),
        pid: device.pid.clone(),
        serial: serial.ok_or_else(|| format!("the debug probe at {path} has no serial number"))?,
    })
}

/// Returns the only resource of a class, or that of several whose name is `frames`.
fn one_of<'a>(resources: &'a [Resource], class: &str) -> Result<Option<&'a Parameters>, String> {
    let all: Vec<_> = resources
        .iter()
        .filter(|it| it.class == class)
        .map(|it| &it.parameters)
        .collect();
    if let [] | [_] = all.as_slice() {
        return Ok(all.first().copied());
    }
    let named = all.iter().find(|it| it.name.as_deref() == Some(FRAMES));
    named.copied().map(Some).ok_or_else(|| {
        format!(
            "it has {} of {class}; name the one to take `{FRAMES}` with `labgrid-client add-named-match`",
            all.len()
        )
    })
}

/// Writes rigs as a rig file.
pub(super) fn file(rigs: &[Rig]) -> Result<String, String> {
    toml::to_string(&File {
        schema: 1,
        rig: rigs,
    })
    .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::hardware::{Device, Role};

    const PAGE: &str = "targets:\n  m7:\n    resources:\n    - NetworkSerialPort:\n        \
         speed: 921600\n        port: 4001\n        host: lab\n        protocol: raw\n    \
         - NetworkUSBDebugger:\n        name: USBDebugger\n        path: 1-1.4\n        \
         busnum: 1\n        host: here\n    - NetworkService:\n        address: 10.0.0.7\n        \
         username: root\n        port: 2222\n    - NetworkPowerPort:\n        model: gude\n        \
         index: 3\n";

    fn place() -> Place {
        let page = "Place 'm7':\n  tags: board=real-x, row=2\n  matches:\n    a/b/*\n  acquired: \
             vm/root\n  acquired resources:\nPlace 'm8':\n  tags: \n  acquired: None\n";
        let places = places(page);
        assert_eq!(places.len(), 2);
        assert_eq!((places[1].holder.as_ref(), places[1].tags.len()), (None, 0));
        assert_eq!(places[0].holder.as_deref(), Some("vm/root"));
        places[0].clone()
    }

    fn plugged() -> Plugged {
        let device = Device {
            place: "1-1.4".to_owned(),
            vid: "1366".to_owned(),
            pid: "0101".to_owned(),
            serial: Some("42".to_owned()),
            product: None,
            role: Role::Probe,
            ports: Vec::new(),
            node: None,
        };
        Plugged {
            devices: vec![device],
            hub_ports: Vec::new(),
        }
    }

    #[test]
    fn a_place_with_everything_is_a_rig() {
        let rig = rig(&place(), &resources(PAGE).unwrap(), &plugged(), "here").unwrap();
        assert_eq!(rig.name, "m7");
        assert_eq!(rig.board, "real-x");
        assert_eq!(rig.tags, ["row=2"]);
        assert_eq!(rig.network_port.as_deref(), Some("lab:4001"));
        assert_eq!(rig.baud, Some(921_600));
        assert_eq!(rig.host.as_deref(), Some("ssh://root@10.0.0.7:2222"));
        assert_eq!(rig.probe.as_ref().unwrap().serial, "42");
        let text = file(core::slice::from_ref(&rig)).unwrap();
        assert!(text.contains("network-port = \"lab:4001\""), "{text}");
        for page in [
            PAGE.replace("protocol: raw", "protocol: rfc2217"),
            PAGE.replace("        protocol: raw\n", ""),
        ] {
            let rig = super::rig(&place(), &resources(&page).unwrap(), &plugged(), "here");
            let port = rig.unwrap().network_port.unwrap();
            assert_eq!(port, "rfc2217://lab:4001");
        }
    }

    #[test]
    fn a_place_that_cannot_be_used_says_why() {
        let second = "    - NetworkSerialPort:\n        port: 4002\n        host: lab\n        protocol: raw\n";
        for (page, here, word) in [
            (
                PAGE.replace("protocol: raw", "protocol: xmodem"),
                "here",
                "`xmodem`",
            ),
            (
                PAGE.replace("port: 4001", "port: null"),
                "here",
                "plugged in at the exporter",
            ),
            (
                PAGE.replace("path: 1-1.4", "path: null"),
                "here",
                "plugged in at the exporter",
            ),
            (
                PAGE.replace("path: 1-1.4", "path: 1-9"),
                "here",
                "no debug probe at 1-9",
            ),
            (PAGE.to_owned(), "elsewhere", "run `hil` there"),
            (format!("{PAGE}{second}"), "here", "2 of NetworkSerialPort"),
        ] {
            let error = rig(&place(), &resources(&page).unwrap(), &plugged(), here).unwrap_err();
            assert!(error.contains(word), "{word}: {error}");
        }
        let named = format!(
            "{PAGE}{}",
            second.replace("port: 4002", "port: 4002\n        name: frames")
        );
        let rig = rig(&place(), &resources(&named).unwrap(), &plugged(), "here").unwrap();
        assert_eq!(rig.network_port.as_deref(), Some("lab:4002"));
        for page in ["", "targets: 3", "targets:\n  a:\n    resources: {", "\t"] {
            resources(page).unwrap_err();
        }
    }
}
