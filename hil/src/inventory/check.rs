//! What must hold of a rig, and of several together.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::civil::Date;

use super::{Meter, PowerControl, Rig};
use crate::board::{Board, Boards, Reach};
use crate::config::{self, Fault, Table, nearest};
use crate::error::Result;
use crate::transport::RFC2217;

/// Supply that a Power Profiler Kit II gives or measures, millivolts.
const SUPPLY_MV: core::ops::RangeInclusive<u16> = 800..=5000;
/// Last logic input of a Power Profiler Kit II.
const GATE_MAX: u8 = 7;
/// Addresses that an INA226 or INA228 can have.
const INA_ADDRESSES: core::ops::RangeInclusive<u8> = 0x40..=0x4f;
/// Chips of that kind.
const INA_CHIPS: [&str; 2] = ["ina226", "ina228"];
/// Bounds of the factor of waiting times.
const MULTIPLIERS: core::ops::RangeInclusive<f64> = 0.1..=100.0;

/// How to find what names a port for good.
const FIND_PORT: &str = "such names change: `hil boards scan` prints the USB serial number, as port = { serial = \"…\" }";

/// The kinds of boards there are.
#[derive(Debug)]
pub(super) struct Known(BTreeMap<String, Board>);

/// A rig with the table it was read from.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) rig: Rig,
    pub(super) table: Table<'t>,
    /// Keys that were left out because they are wrong.
    pub(super) lost: Vec<String>,
}

/// What rigs have for themselves alone.
#[derive(Debug, Default)]
pub(super) struct Taken(HashMap<(&'static str, String), Vec<Owner>>);

#[derive(Debug)]
struct Owner {
    rig: String,
    path: PathBuf,
    place: Range<usize>,
    /// Part of a thing of several parts; the whole of it without.
    part: Option<u8>,
}

/// Something of a rig that no other may have.
struct Claim {
    what: &'static str,
    id: String,
    keys: &'static [&'static str],
    part: Option<u8>,
}

impl Known {
    pub(super) fn of(boards: &Boards) -> Result<Self> {
        let names = boards.names()?.into_iter();
        let boards = names.map(|name| Ok((name.clone(), boards.load(&name)?)));
        boards.collect::<Result<_>>().map(Self)
    }
}

impl Entry<'_> {
    fn place(&self, keys: &[&str]) -> Range<usize> {
        config::span(&self.table, keys)
    }
}

/// Puts another message where a port is named as the system names it today.
pub(super) fn explain_port_names(table: &Table<'_>, faults: &mut Vec<Fault>) {
    let Some(port) = table.get_ref().get("port") else {
        return;
    };
    let inner = port.get_ref().as_table();
    let values = inner.into_iter().flat_map(|inner| inner.values());
    for value in values.chain([port]) {
        if let Some(name) = value.get_ref().as_str().filter(|name| is_port_name(name)) {
            let place = value.span();
            faults.retain(|fault| fault.place() != place);
            let words = format!("`{name}` is the name of a port of today");
            faults.push(Fault::error(place, words).help(FIND_PORT));
        }
    }
}

/// Reports whether a word is the name of a port on some system.
fn is_port_name(word: &str) -> bool {
    let name = word.strip_prefix("/dev/").unwrap_or(word);
    let numbered = |prefix: &str| {
        let number = name
            .get(..prefix.len())
            .filter(|it| it.eq_ignore_ascii_case(prefix));
        let rest = number
            .and_then(|_| name.get(prefix.len()..))
            .unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    name.len() != word.len()
        || ["ttyACM", "ttyUSB", "ttyAMA", "ttyS", "ttyTHS", "COM"]
            .into_iter()
            .any(numbered)
        || name.starts_with("cu.usb")
        || name.starts_with("tty.usb")
}

/// Checks one rig.
pub(super) fn check(entry: &Entry<'_>, known: &Known, today: Date) -> Vec<Fault> {
    let mut faults = Vec::new();
    check_words(entry, &mut faults);
    check_network_port(entry, &mut faults);
    check_board(entry, known, &mut faults);
    check_meter(entry, &mut faults);
    check_power(entry, &mut faults);
    check_quarantine(entry, today, &mut faults);
    faults
}

fn check_words(entry: &Entry<'_>, faults: &mut Vec<Fault>) {
    let rig = &entry.rig;
    let mut refuse = |keys: &[&str], words: String| {
        faults.push(Fault::error(entry.place(keys), words));
    };
    // Names become names of files and of test cases.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts_plain = rig.name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !starts_plain || !rig.name.chars().all(plain) {
        refuse(
            &["name"],
            format!(
                "name is `{}`: use letters, digits, `-`, `_` and `.`, the first no sign",
                rig.name
            ),
        );
    }
    if let Some(probe) = &rig.probe {
        for (key, value) in [("vid", &probe.vid), ("pid", &probe.pid)] {
            if value.len() != 4 || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                refuse(
                    &["probe", key],
                    format!("{key} is `{value}`: four hex digits, as 1366"),
                );
            }
        }
    }
    let serials = [
        (["probe", "serial"], rig.probe.as_ref().map(|it| &it.serial)),
        (["port", "serial"], rig.port.as_ref().map(|it| &it.serial)),
    ];
    for (keys, serial) in serials {
        if serial.is_some_and(|serial| serial.trim().is_empty()) {
            refuse(&keys, "an empty serial number names no device".to_owned());
        }
    }
    if rig.baud == Some(0) {
        refuse(&["baud"], "a line at 0 baud carries nothing".to_owned());
    }
    if let Some(host) = rig
        .host
        .as_ref()
        .filter(|it| it.is_empty() || it.starts_with('-'))
    {
        refuse(
            &["host"],
            format!("host is `{host}`: name a host as `ssh` takes it"),
        );
    }
    if let Some(uid) = rig
        .uid
        .as_ref()
        .filter(|uid| hex::decode(uid).is_err() || uid.is_empty())
    {
        refuse(
            &["uid"],
            format!("uid is `{uid}`: hex digits, two a byte, as the handshake tells it"),
        );
    }
    if !MULTIPLIERS.contains(&rig.timeout_multiplier) {
        let [from, to] = [MULTIPLIERS.start(), MULTIPLIERS.end()];
        refuse(
            &["timeout-multiplier"],
            format!("timeout-multiplier is none of {from} to {to}"),
        );
    }
}

fn check_network_port(entry: &Entry<'_>, faults: &mut Vec<Fault>) {
    let address = entry.rig.network_port.as_deref();
    if let Some(address) = address.filter(|it| !is_network_port(it)) {
        let words =
            format!("network-port is `{address}`: write `host:port` or `{RFC2217}host:port`");
        faults.push(Fault::error(entry.place(&["network-port"]), words));
    }
}

/// Reports whether this is the address of a serial port at another computer.
fn is_network_port(address: &str) -> bool {
    let address = address.strip_prefix(RFC2217).unwrap_or(address);
    let parts = address.rsplit_once(':');
    parts.is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains("//") && port.parse::<u16>().is_ok_and(|it| it > 0)
    })
}

fn check_board(entry: &Entry<'_>, known: &Known, faults: &mut Vec<Fault>) {
    let rig = &entry.rig;
    let Some(board) = known.0.get(&rig.board) else {
        let words = format!("there is no board `{}`", rig.board);
        let names = || known.0.keys().map(String::as_str);
        let help = nearest(&rig.board, names()).map_or_else(
            || format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        faults.push(Fault::error(entry.place(&["board"]), words).help(help));
        return;
    };
    let has = [
        ("probe", rig.probe.is_some()),
        ("port", rig.port.is_some()),
        ("network-port", rig.network_port.is_some()),
        ("meter", rig.meter != Meter::None),
        ("power", rig.power != PowerControl::None),
        ("host", rig.host.is_some()),
    ];
    let (who, may) = match &board.reach {
        _ if board.emulated().is_some() => ("a virtual board", &[][..]),
        Reach::Ssh(_) | Reach::Loopback(_) => ("a computer", &["meter", "power", "host"][..]),
        Reach::Flash(_) => (
            "a microcontroller",
            &["probe", "port", "network-port", "meter", "power"][..],
        ),
    };
    for (key, _) in has
        .iter()
        .filter(|(key, there)| *there && !may.contains(key))
    {
        let words = format!("`{}` is {who}, which has no {key}", board.name);
        faults.push(Fault::error(entry.place(&[key]), words).help("take it away"));
    }
    let is_real = matches!(board.reach, Reach::Flash(_)) && board.emulated().is_none();
    if is_real && rig.probe.is_none() && !entry.lost.iter().any(|key| key == "probe") {
        let words = format!("`{}` has no probe to be flashed through", rig.name);
        let help = "`hil boards scan` prints those that are plugged in";
        faults.push(Fault::error(entry.place(&["board"]), words).help(help));
    }
    if rig.meter == Meter::Agent && !matches!(board.reach, Reach::Ssh(_)) {
        let words = "only a computer behind SSH has an agent that reads monitors";
        faults.push(Fault::error(entry.place(&["meter"]), words));
    }
    if rig.port.is_some() && rig.network_port.is_some() {
        let words = "port and network-port: only one of them can carry the frames";
        faults.push(Fault::error(entry.place(&["network-port"]), words));
    }
}

fn check_meter(entry: &Entry<'_>, faults: &mut Vec<Fault>) {
    let mut refuse = |key: &str, words: String| {
        faults.push(Fault::error(entry.place(&["meter", key]), words));
    };
    match &entry.rig.meter {
        Meter::None | Meter::Agent => {}
        Meter::Ppk2 {
            serial,
            supply_mv,
            gate,
            ..
        } => {
            if serial.trim().is_empty() {
                refuse(
                    "serial",
                    "an empty serial number names no device".to_owned(),
                );
            }
            if !SUPPLY_MV.contains(supply_mv) {
                let [from, to] = [SUPPLY_MV.start(), SUPPLY_MV.end()];
                refuse(
                    "supply-mv",
                    format!("a supply of {supply_mv} mV: the kit takes {from} to {to}"),
                );
            }
            if *gate > GATE_MAX {
                refuse(
                    "gate",
                    format!("there is no logic input {gate}: they are 0 to {GATE_MAX}"),
                );
            }
        }
        Meter::Ina {
            chip,
            address,
            shunt_uohm,
            max_ma,
            ..
        } => {
            if !INA_CHIPS.contains(&chip.as_str()) {
                refuse(
                    "chip",
                    format!("chip is `{chip}`: there are {}", INA_CHIPS.join(", ")),
                );
            }
            if !INA_ADDRESSES.contains(address) {
                let [from, to] = [INA_ADDRESSES.start(), INA_ADDRESSES.end()];
                refuse(
                    "address",
                    format!("address {address:#x}: the chip has {from:#x} to {to:#x}"),
                );
            }
            for (key, value) in [("shunt-uohm", shunt_uohm), ("max-ma", max_ma)] {
                if *value == 0 {
                    refuse(key, format!("{key} of 0 measures nothing"));
                }
            }
        }
    }
}

fn check_power(entry: &Entry<'_>, faults: &mut Vec<Fault>) {
    let mut refuse = |key: &str, words: &str| {
        faults.push(Fault::error(entry.place(&["power", key]), words));
    };
    match &entry.rig.power {
        PowerControl::None => {}
        PowerControl::UsbPort { port } => {
            if port.is_empty() || port.starts_with('/') || port.split('/').any(|it| it == "..") {
                refuse(
                    "port",
                    "name the folder below /sys/bus/usb/devices, as 1-1:1.0/1-1-port2",
                );
            }
        }
        PowerControl::Commands { on, off } => {
            for (key, words) in [("on", on), ("off", off)] {
                if words.first().is_none_or(String::is_empty) {
                    refuse(key, "the command names no program");
                }
            }
        }
    }
}

fn check_quarantine(entry: &Entry<'_>, today: Date, faults: &mut Vec<Fault>) {
    let Some(quarantine) = &entry.rig.quarantine else {
        return;
    };
    for (key, words) in [("reason", &quarantine.reason), ("owner", &quarantine.owner)] {
        if words.trim().is_empty() {
            let place = entry.place(&["quarantine", key]);
            faults.push(Fault::error(place, format!("a quarantine needs its {key}")));
        }
    }
    let place = entry.place(&["quarantine", "expires"]);
    match quarantine.last_day() {
        Err(error) => faults.push(Fault::error(place, error.to_string())),
        Ok(last) if last < today => {
            let words = format!(
                "the quarantine of `{}` ended on {last}: its verdicts count again",
                entry.rig.name
            );
            let help = format!(
                "ask {}, then take it away or name a later day",
                quarantine.owner
            );
            faults.push(Fault::warning(place, words).help(help));
        }
        Ok(_) => {}
    }
}

impl Taken {
    /// Adds the rigs of a file; returns what another rig has already.
    pub(super) fn add(&mut self, path: &Path, entries: &[Entry<'_>]) -> Vec<Fault> {
        let mut faults = Vec::new();
        for entry in entries {
            for claim in claims(&entry.rig) {
                let place = entry.place(claim.keys);
                let owners = self.0.entry((claim.what, claim.id)).or_default();
                let both = |a: Option<u8>, b| a == b || a.is_none() || b.is_none();
                if let Some(owner) = owners.iter().find(|it| both(it.part, claim.part)) {
                    faults.push(double(claim.what, entry, path, place.clone(), owner));
                }
                owners.push(Owner {
                    rig: entry.rig.name.clone(),
                    path: path.to_owned(),
                    place,
                    part: claim.part,
                });
            }
        }
        faults
    }
}

fn double(what: &str, entry: &Entry<'_>, path: &Path, place: Range<usize>, owner: &Owner) -> Fault {
    let elsewhere = owner.path != path;
    let file = if elsewhere {
        format!(" in `{}`", owner.path.display())
    } else {
        String::new()
    };
    let words = format!(
        "`{}` has the {what} of `{}`{file}",
        entry.rig.name, owner.rig
    );
    let fault = Fault::error(place, words);
    if elsewhere {
        fault
    } else {
        fault.beside(owner.place.clone(), "first here")
    }
}

fn claims(rig: &Rig) -> Vec<Claim> {
    let mut claims = Vec::new();
    let mut claim = |what, id: String, keys, part| {
        claims.push(Claim {
            what,
            id,
            keys,
            part,
        })
    };
    claim("name", rig.name.clone(), &["name"], None);
    if let Some(probe) = &rig.probe {
        let id = format!("{}:{}:{}", probe.vid, probe.pid, probe.serial);
        claim("probe", id.to_ascii_lowercase(), &["probe"], None);
    }
    if let Some(port) = &rig.port {
        claim("port", port.serial.clone(), &["port"], port.interface);
    }
    if let Some(port) = &rig.network_port {
        claim("network port", port.clone(), &["network-port"], None);
    }
    match &rig.meter {
        Meter::None | Meter::Agent => {}
        Meter::Ppk2 { serial, .. } => claim("meter", serial.clone(), &["meter"], None),
        Meter::Ina { bus, address, .. } => {
            claim("meter", format!("i2c {bus} {address}"), &["meter"], None);
        }
    }
    if let PowerControl::UsbPort { port } = &rig.power {
        claim("hub port", port.clone(), &["power"], None);
    }
    if let Some(host) = &rig.host {
        claim("host", host.clone(), &["host"], None);
    }
    if let Some(uid) = &rig.uid {
        claim("chip", uid.to_ascii_lowercase(), &["uid"], None);
    }
    claims
}
