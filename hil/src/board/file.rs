//! The board file and what must hold in it.

use std::collections::BTreeMap;

use mambalite::search::config::Format;
use serde::{Deserialize, Serialize};

use crate::backend::Wanted;

use super::{Board, Emulator, Loopback, Microcontroller, ModelRegion, Reach, Region, Remote};
use crate::config::{self, Fault};

/// Version of the board file that this harness reads.
const SCHEMA: u32 = 1;

/// The slowest that QEMU lets a machine be.
const INSTRUCTION_NS_MAX: u32 = 1 << 10;

/// Tables that belong to a microcontroller, for messages.
const OF_FLASH: &str = "stack-bytes, precisions, probe-chip, flash, ram and model";

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct File {
    schema: u32,
    name: String,
    chip: String,
    core: String,
    target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_cpu: Option<String>,
    arena_bytes: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    precisions: Option<Vec<Format>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_chip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flash: Option<Flash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ram: Option<Region>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<ModelRegion>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    peripherals: BTreeMap<String, u32>,
    #[serde(rename = "virtual", skip_serializing_if = "Option::is_none")]
    emulator: Option<Emulator>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh: Option<Remote>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loopback: Option<Loopback>,
}

/// The flash: where the core has it, and where a debug probe has it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Flash {
    origin: u32,
    length: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_origin: Option<u32>,
}

impl Flash {
    fn region(&self) -> Region {
        Region {
            origin: self.origin,
            length: self.length,
        }
    }
}

impl From<Board> for File {
    fn from(board: Board) -> Self {
        let mut file = Self {
            schema: SCHEMA,
            name: board.name,
            chip: board.chip,
            core: board.core,
            target: board.target,
            target_cpu: board.target_cpu,
            arena_bytes: board.arena_bytes,
            stack_bytes: None,
            precisions: None,
            probe_chip: None,
            flash: None,
            ram: None,
            model: None,
            peripherals: BTreeMap::new(),
            emulator: None,
            ssh: None,
            loopback: None,
        };
        match board.reach {
            Reach::Flash(memory) => {
                file.stack_bytes = Some(memory.stack_bytes);
                file.precisions = memory.precisions;
                file.probe_chip = memory.probe_chip;
                file.flash = Some(Flash {
                    origin: memory.flash.origin,
                    length: memory.flash.length,
                    probe_origin: memory.probe_origin,
                });
                file.ram = Some(memory.ram);
                file.model = Some(memory.model);
                file.peripherals = memory.peripherals;
                file.emulator = memory.emulator;
            }
            Reach::Ssh(remote) => file.ssh = Some(remote),
            Reach::Loopback(loopback) => file.loopback = Some(loopback),
        }
        file
    }
}

/// What is wrong, and the key that it is about, from the top of the file.
type Complaint = (&'static [&'static str], String);

impl TryFrom<File> for Board {
    type Error = Complaint;

    fn try_from(file: File) -> Result<Self, Complaint> {
        let of_flash = file.stack_bytes.is_some()
            || file.precisions.is_some()
            || file.probe_chip.is_some()
            || file.flash.is_some()
            || file.ram.is_some()
            || file.model.is_some()
            || !file.peripherals.is_empty()
            || file.emulator.is_some();
        let probe_origin = file.flash.as_ref().and_then(|it| it.probe_origin);
        let reach = match (file.ssh, file.loopback) {
            (None, None) => Reach::Flash(Microcontroller {
                stack_bytes: file.stack_bytes.ok_or_else(|| missing("stack-bytes"))?,
                precisions: file.precisions,
                flash: file.flash.ok_or_else(|| missing("flash"))?.region(),
                probe_origin,
                ram: file.ram.ok_or_else(|| missing("ram"))?,
                model: file.model.ok_or_else(|| missing("model"))?,
                peripherals: file.peripherals,
                probe_chip: file.probe_chip,
                emulator: file.emulator,
            }),
            (Some(_), Some(_)) => {
                return Err((&["loopback"], "it has both [ssh] and [loopback]".to_owned()));
            }
            _ if of_flash => {
                return Err((
                    &[],
                    format!(
                        "{OF_FLASH} belong to a microcontroller, not beside [ssh] or [loopback]"
                    ),
                ));
            }
            (Some(remote), None) => Reach::Ssh(remote),
            (None, Some(loopback)) => Reach::Loopback(loopback),
        };
        Ok(Self {
            name: file.name,
            chip: file.chip,
            core: file.core,
            target: file.target,
            target_cpu: file.target_cpu,
            arena_bytes: file.arena_bytes,
            reach,
            backend: Wanted::default(),
        })
    }
}

fn missing(key: &str) -> Complaint {
    let words = format!(
        "key `{key}` is missing (stack-bytes, flash, ram and model of a microcontroller, or [ssh])"
    );
    (&[], words)
}

/// Reads a board file of the folder `name`; the error is all that is wrong in it.
pub(super) fn parse(text: &str, name: &str) -> Result<Board, Vec<Fault>> {
    let root = config::parse(text, SCHEMA)?;
    let mut faults = Vec::new();
    let (file, _) = config::read::<File>(&root, &mut faults);
    let place = |keys: &[&str]| config::span(&root, keys);
    let Some(file) = file.filter(|_| faults.is_empty()) else {
        return Err(faults);
    };
    let board =
        Board::try_from(file).map_err(|(keys, words)| vec![Fault::error(place(keys), words)])?;
    let mut complaints = match &board.reach {
        Reach::Flash(memory) => check_memory(&board, memory),
        Reach::Ssh(remote) => check_host(&remote.host),
        Reach::Loopback(_) => Vec::new(),
    };
    if board.name != name {
        let words = format!("name is `{}`, the folder is `{name}`", board.name);
        complaints.push((&["name"], words));
    }
    if complaints.is_empty() {
        return Ok(board);
    }
    let faults = complaints.into_iter();
    Err(faults
        .map(|(keys, words)| Fault::error(place(keys), words))
        .collect())
}

fn check_memory(board: &Board, memory: &Microcontroller) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = Vec::new();
    let mut complain = |keys, words| complaints.push((keys, words));
    if memory.precisions.as_ref().is_some_and(Vec::is_empty) {
        complain(
            &["precisions"],
            "precisions is empty: name one or more of f32, w8a16 and w8a8".to_owned(),
        );
    }
    if !memory.model.address.is_multiple_of(16) {
        complain(
            &["model", "address"],
            format!(
                "model.address {:#x} is no multiple of 16",
                memory.model.address
            ),
        );
    }
    let capacity = memory.model.capacity_bytes as usize;
    if !memory.flash.holds(memory.model.address, capacity) {
        complain(
            &["model"],
            "the model region lies outside the flash".to_owned(),
        );
    }
    if overlap(memory.flash, memory.ram) {
        complain(&["ram"], "the ram region overlaps the flash".to_owned());
    }
    let end = |origin: u32| u64::from(origin) + u64::from(memory.flash.length);
    if memory.probe_origin.is_some_and(|it| end(it) > 1 << 32) {
        complain(
            &["flash", "probe-origin"],
            "flash.probe-origin and flash.length reach beyond the addresses".to_owned(),
        );
    }
    let wanted = u64::from(board.arena_bytes) + u64::from(memory.stack_bytes);
    if wanted > u64::from(memory.ram.length) {
        complain(
            &["arena-bytes"],
            format!(
                "arena-bytes and stack-bytes are {wanted} together, ram has {}",
                memory.ram.length
            ),
        );
    }
    complaints.extend(memory.emulator.as_ref().and_then(check_emulator));
    complaints
}

fn check_emulator(emulator: &Emulator) -> Option<Complaint> {
    let (wire, log) = (emulator.wire_uart, emulator.log_uart);
    let instruction_ns = emulator.instruction_ns.unwrap_or(1);
    if wire == log {
        let words = "virtual: wire-uart and log-uart are the same port";
        Some((&["virtual", "log-uart"], words.to_owned()))
    } else if wire.max(log) > 3 {
        Some((&["virtual"], "virtual: ports are 0 to 3".to_owned()))
    } else if !instruction_ns.is_power_of_two() || instruction_ns > INSTRUCTION_NS_MAX {
        let words = format!(
            "virtual: instruction-ns is {instruction_ns}, not a power of two up to {INSTRUCTION_NS_MAX}"
        );
        Some((&["virtual", "instruction-ns"], words))
    } else {
        None
    }
}

fn overlap(a: Region, b: Region) -> bool {
    let end = |r: Region| u64::from(r.origin) + u64::from(r.length);
    u64::from(a.origin) < end(b) && u64::from(b.origin) < end(a)
}

/// What `ssh` would read as an option is no name.
fn check_host(host: &str) -> Vec<Complaint> {
    if host.is_empty() || host.starts_with('-') {
        let words = format!("ssh.host is `{host}`: name a host as `ssh` takes it");
        return vec![(&["ssh", "host"], words)];
    }
    Vec::new()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use mambalite_kernels::Precision;

    use super::*;
    use crate::board::Counter;
    use crate::config::FaultyFile;

    pub(crate) const GOOD: &str = r#"
        schema = 1
        name = "qemu-x"
        chip = "X"
        core = "Cortex-M4F"
        target = "thumbv7em-none-eabihf"
        target-cpu = "cortex-m4"
        arena-bytes = 0x1000
        stack-bytes = 4096
        flash = { origin = 0, length = 0x20000 }
        ram = { origin = 0x20000000, length = 0x10000 }
        model = { address = 0x10000, capacity-bytes = 0x10000 }
        peripherals = { wire-uart = 0x40004000 }
        [virtual]
        machine = "mps2-an386"
        cpu = "cortex-m4"
        wire-uart = 0
        log-uart = 1
    "#;

    fn parse(text: &str) -> Result<Board, String> {
        let name = if text.contains("[virtual]") {
            "qemu-x"
        } else {
            "jetson"
        };
        super::parse(text, name)
            .map_err(|faults| FaultyFile::new(Path::new("board.toml"), text, faults).to_string())
    }

    fn refused(from: &str, to: &str, word: &str) {
        assert!(GOOD.contains(from));
        let message = parse(&GOOD.replace(from, to)).unwrap_err();
        assert!(message.contains(word), "{message}");
    }

    #[test]
    fn every_fault_is_told_with_its_line() {
        let text = GOOD
            .replace("address = 0x10000", "address = 0x10018")
            .replace("log-uart = 1", "log-uart = 0")
            .replace("arena-bytes = 0x1000", "arena-bytes = 0x10000");
        let message = parse(&text).unwrap_err();
        for place in ["board.toml:8:23", "12:29", "12:17", "18:20"] {
            assert!(message.contains(place), "{place}: {message}");
        }
        let text = GOOD
            .replace("chip =", "chop =")
            .replace("cpu = \"cortex-m4\"", "cpu = 4")
            .replace("origin = 0,", "origin = -1,");
        let message = parse(&text).unwrap_err();
        for words in [
            "4:9: unknown key `chop`; did you mean `chip`",
            "10:28: flash.origin",
            "16:15",
        ] {
            assert!(message.contains(words), "{words}: {message}");
        }
    }

    #[test]
    fn a_good_file_is_read() {
        let board = parse(GOOD).unwrap();
        let memory = board.memory().unwrap();
        assert_eq!(memory.emulator.as_ref().unwrap().log_uart, 1);
        assert_eq!(memory.ram.origin, 0x2000_0000);
        assert_eq!(memory.peripherals.len(), 1);
        assert_eq!(board.target_cpu.as_deref(), Some("cortex-m4"));
        assert_eq!(board.counter(), Counter::Instructions);
        assert_eq!(board.emulated(), Some("mps2-an386"));
        let written = toml::to_string(&board).unwrap();
        assert_eq!(parse(&written).unwrap(), board);
        assert_eq!(memory.probe_chip, None);
        assert!(Precision::ALL.iter().all(|&it| memory.runs(it)));
        let small = GOOD.replace("stack-bytes", "precisions = [\"w8a8\"]\nstack-bytes");
        let board = parse(&small).unwrap();
        let runs = Precision::ALL.map(|it| board.memory().unwrap().runs(it));
        assert_eq!(runs, [false, false, true]);
        let written = toml::to_string(&board).unwrap();
        assert_eq!(parse(&written).unwrap(), board);
        let real = GOOD.replace("stack-bytes", "probe-chip = \"STM32F446RETx\"\nstack-bytes");
        let board = parse(&real).unwrap();
        let chip = board.memory().and_then(|it| it.probe_chip.as_deref());
        assert_eq!(chip, Some("STM32F446RETx"));
        let written = toml::to_string(&board).unwrap();
        assert_eq!(parse(&written).unwrap(), board);
        let elsewhere = GOOD.replace("length = 0x20000 ", "length = 0x20000, probe-origin = 0 ");
        let board = parse(&elsewhere).unwrap();
        assert_eq!(board.memory().unwrap().probe_origin, Some(0));
        let written = toml::to_string(&board).unwrap();
        assert_eq!(parse(&written).unwrap(), board);
    }

    #[test]
    fn bad_files_are_refused_with_the_reason() {
        refused("schema = 1", "schema = 2", "schema is 2");
        refused("schema = 1", "", "`schema` is missing");
        refused("chip = \"X\"", "chip = \"X\"\ncolour = 1", "colour");
        refused("log-uart = 1", "log-uart = 1\nspeed = 3", "speed");
        refused("chip = \"X\"", "", "chip");
        refused("stack-bytes = 4096", "", "stack-bytes");
        refused(
            "stack-bytes",
            "precisions = []\nstack-bytes",
            "precisions is empty",
        );
        refused("address = 0x10000", "address = 0x10008", "multiple of 16");
        refused(
            "address = 0x10000",
            "address = 0x10010",
            "outside the flash",
        );
        refused("origin = 0x20000000", "origin = 0x1ffff", "overlaps");
        refused("arena-bytes = 0x1000", "arena-bytes = 0x10000", "together");
        refused("log-uart = 1", "log-uart = 0", "same port");
        refused("log-uart = 1", "log-uart = 4", "0 to 3");
        refused(
            "log-uart = 1",
            "log-uart = 1\ninstruction-ns = 48",
            "power of two",
        );
        refused(
            "log-uart = 1",
            "log-uart = 1\ninstruction-ns = 0",
            "power of two",
        );
        refused("origin = 0,", "origin = -1,", "origin");
        refused(
            "origin = 0,",
            "origin = 0, probe-origin = 0xfffe0001,",
            "probe-origin",
        );
        refused(
            "origin = 0x20000000,",
            "origin = 0x20000000, probe-origin = 0,",
            "probe-origin",
        );
    }

    const COMPUTER: &str = r#"
        schema = 1
        name = "jetson"
        chip = "X"
        core = "Cortex-A78AE"
        target = "aarch64-unknown-linux-gnu"
        arena-bytes = 0x1000
        [ssh]
        host = "jetson"
    "#;

    #[test]
    fn a_computer_has_a_host_and_no_memory_map() {
        let board = parse(COMPUTER).unwrap();
        let Reach::Ssh(remote) = &board.reach else {
            panic!("{board:?}");
        };
        assert_eq!(
            (remote.host.as_str(), remote.folder.as_str()),
            ("jetson", ".cache/mambalite")
        );
        assert_eq!(
            (board.memory(), board.emulated(), board.model_address()),
            (None, None, 0)
        );
        assert_eq!(board.counter(), Counter::Cycles);
        let written = toml::to_string(&board).unwrap();
        assert_eq!(parse(&written).unwrap(), board);
        for (from, to, word) in [
            ("host = \"jetson\"", "", "host"),
            (
                "host = \"jetson\"",
                "host = \"-oProxyCommand=x\"",
                "as `ssh` takes it",
            ),
            (
                "[ssh]",
                "stack-bytes = 8\n[ssh]",
                "belong to a microcontroller",
            ),
            (
                "[ssh]",
                "probe-chip = \"X\"\n[ssh]",
                "belong to a microcontroller",
            ),
            ("[ssh]", "[loopback]\ncpu = \"max\"\n[ssh]", "both"),
            ("[ssh]", "[loopback]", "host"),
        ] {
            let message = parse(&COMPUTER.replace(from, to)).unwrap_err();
            assert!(message.contains(word), "{message}");
        }
    }
}
