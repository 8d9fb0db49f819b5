//! Chips and how their memory is divided.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;

use super::ScaffoldError;

/// The table of chips.
const CHIPS: &str = include_str!("chips.toml");

/// Targets with start-up code and a template, and their cores in a word.
pub(super) const TARGETS: [(&str, &str); 5] = [
    ("thumbv7m-none-eabi", "cortex-m3"),
    ("thumbv7em-none-eabihf", "cortex-m4f"),
    ("thumbv7em-none-eabi", "cortex-m4"),
    ("thumbv8m.main-none-eabihf", "cortex-m33"),
    ("thumbv8m.main-none-eabi", "cortex-m33"),
];

const KIB: u32 = 1024;

/// Flash of the firmware with the operator checks, and without them: what the largest target takes,
/// and a tenth.
const PROGRAM_CHECKS: u32 = 512 * KIB;
const PROGRAM: u32 = 288 * KIB;
/// Flash of the firmware without the checks and with one number format: what a Cortex-M4F takes, and a
/// third, since the other targets were not measured.
const PROGRAM_ONE: u32 = 192 * KIB;
/// Least flash for a model: the default one in eight bits.
const MODEL_MIN: u32 = 32 * KIB;
/// Stack.
const STACK: u32 = 24 * KIB;
/// Buffers and variables outside the arena.
const VARIABLES: u32 = 24 * KIB;
/// Least arena that is of use.
const ARENA_MIN: u32 = 16 * KIB;

/// A stretch of memory, as `0x08000000:512K` on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// First address.
    pub origin: u32,
    /// Bytes.
    pub length: u32,
}

impl FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no memory; write ORIGIN:LENGTH as 0x08000000:512K");
        let (origin, length) = text.split_once(':').ok_or_else(wrong)?;
        let (digits, unit) = match length.strip_suffix(['K', 'M']) {
            Some(digits) if length.ends_with('M') => (digits, KIB * KIB),
            Some(digits) => (digits, KIB),
            None => (length, 1),
        };
        let length = number(digits).and_then(|it| it.checked_mul(unit));
        let memory = number(origin).zip(length);
        let memory = memory.filter(|(origin, length)| origin.checked_add(*length).is_some());
        memory
            .map(|(origin, length)| Self { origin, length })
            .ok_or_else(wrong)
    }
}

/// Reads a decimal or hexadecimal number.
fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Data of a chip.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chip {
    /// Flash.
    pub flash: Memory,
    /// RAM.
    pub ram: Memory,
    /// Core, for people.
    pub core: String,
    /// Rust target.
    pub target: String,
    /// Core that the compiler is told of, where the target stands for several.
    pub target_cpu: Option<String>,
    /// Name in `probe-rs`.
    pub probe_chip: Option<String>,
    /// Clock of the core after reset, hertz.
    pub clock_hz: u32,
}

/// The memory of a chip, divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Division {
    /// First address of the model.
    pub(super) model: u32,
    /// Bytes of the model.
    pub(super) model_bytes: u32,
    /// Stack, bytes.
    pub(super) stack_bytes: u32,
    /// Arena, bytes.
    pub(super) arena_bytes: u32,
    /// Whether the operator checks have room.
    pub(super) has_checks: bool,
    /// Whether every number format has.
    pub(super) has_all: bool,
}

/// Returns the chips that are known by name.
#[must_use]
pub fn known() -> BTreeMap<String, Chip> {
    // The table is a file of this crate, and a test reads it.
    toml::from_str(CHIPS).unwrap_or_default()
}

impl Chip {
    /// Finds a chip in the table.
    ///
    /// # Errors
    /// [`ScaffoldError::UnknownChip`], with those that are known.
    pub fn find(name: &str) -> Result<Self, ScaffoldError> {
        let mut chips = known();
        chips
            .remove(&name.to_lowercase())
            .ok_or_else(|| ScaffoldError::UnknownChip {
                chip: name.to_owned(),
                known: chips.into_keys().collect(),
            })
    }

    /// Makes a chip of stated memory. It is taken to run at 16 MHz after reset; the board's file says
    /// otherwise afterwards.
    ///
    /// # Errors
    /// [`ScaffoldError::Target`] for a target without start-up code.
    pub fn of_memory(flash: Memory, ram: Memory, target: &str) -> Result<Self, ScaffoldError> {
        let found = TARGETS.iter().find(|(known, _)| *known == target);
        let &(_, core) = found.ok_or_else(|| ScaffoldError::Target {
            target: target.to_owned(),
        })?;
        Ok(Self {
            flash,
            ram,
            core: core.to_owned(),
            target: target.to_owned(),
            target_cpu: None,
            probe_chip: None,
            clock_hz: 16_000_000,
        })
    }

    /// Divides the memory: the program first, the model behind it; the stack, then the arena.
    pub(super) fn divide(&self) -> Result<Division, ScaffoldError> {
        let enough = |what, length: u32, needed: u32| {
            let error = ScaffoldError::TooSmall {
                what,
                length,
                needed,
            };
            if length >= needed { Ok(()) } else { Err(error) }
        };
        enough("flash", self.flash.length, PROGRAM_ONE + MODEL_MIN)?;
        enough("RAM", self.ram.length, STACK + VARIABLES + ARENA_MIN)?;
        let has_checks = self.flash.length >= PROGRAM_CHECKS + MODEL_MIN;
        let has_all = self.flash.length >= PROGRAM + MODEL_MIN;
        let program = match (has_checks, has_all) {
            (true, _) => PROGRAM_CHECKS,
            (false, true) => PROGRAM,
            (false, false) => PROGRAM_ONE,
        };
        Ok(Division {
            model: self.flash.origin + program,
            model_bytes: self.flash.length - program,
            stack_bytes: STACK,
            arena_bytes: (self.ram.length - STACK - VARIABLES) / KIB * KIB,
            has_checks,
            has_all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chip_of_the_table_can_be_divided() {
        let table: BTreeMap<String, Chip> = toml::from_str(CHIPS).unwrap();
        assert!(table.len() > 5);
        for (name, chip) in table {
            let division = chip.divide().unwrap();
            let end = chip.flash.origin + chip.flash.length;
            assert_eq!(division.model + division.model_bytes, end, "{name}");
            assert!(division.arena_bytes + division.stack_bytes < chip.ram.length);
            assert!(TARGETS.iter().any(|(target, _)| *target == chip.target));
        }
    }

    #[test]
    fn a_chip_that_is_not_known_is_told_with_those_that_are() {
        let error = Chip::find("z80").unwrap_err().to_string();
        for word in ["z80", "nrf52840", "--flash", "--ram", "--target"] {
            assert!(error.contains(word), "{error}");
        }
        assert!(Chip::find("STM32F405RG").is_ok());
    }

    #[test]
    fn memory_is_read_and_nonsense_is_not() {
        let memory = |origin, length| Ok(Memory { origin, length });
        assert_eq!("0x08000000:512K".parse(), memory(0x0800_0000, 512 << 10));
        assert_eq!("0:2M".parse(), memory(0, 2 << 20));
        assert_eq!("16:0x20".parse(), memory(16, 32));
        for text in [
            "",
            "1",
            "1:",
            ":1",
            "x:1",
            "0:9000M",
            "0xffffffff:2",
            "0:K",
            "-1:3",
            "0:1KM",
        ] {
            assert!(text.parse::<Memory>().is_err(), "{text}");
        }
    }

    #[test]
    fn too_small_a_memory_is_told() {
        let mut chip = Chip::find("nrf52840").unwrap();
        chip.ram.length = 32 << 10;
        assert!(matches!(
            chip.divide(),
            Err(ScaffoldError::TooSmall { what: "RAM", .. })
        ));
        chip.ram.length = 64 << 10;
        chip.flash.length = 256 << 10;
        let small = chip.divide().unwrap();
        assert!(!small.has_checks && !small.has_all);
        assert_eq!(small.model_bytes, 64 << 10);
        chip.flash.length = 320 << 10;
        assert!(chip.divide().unwrap().has_all);
        chip.flash.length = 192 << 10;
        assert!(matches!(
            chip.divide(),
            Err(ScaffoldError::TooSmall { what: "flash", .. })
        ));
        let flash = chip.flash;
        assert!(Chip::of_memory(flash, flash, "avr").is_err());
    }
}
