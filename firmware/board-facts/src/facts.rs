//! The schema of `board.toml` and the checks that no linker would make.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The version of the schema this crate reads.
const SCHEMA: u32 = 1;

/// Bytes that the model file is aligned to in flash.
const MODEL_ALIGNMENT_BYTES: u64 = 16;

/// Facts of one board.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Facts {
    /// Version of the schema.
    pub schema: u32,
    /// Name of the board, which is also its folder and its package.
    pub name: String,
    /// Chip, as a person would say it.
    pub chip: String,
    /// Core of the chip.
    pub core: String,
    /// Target triple the firmware is built for.
    pub target: String,
    /// Core that the compiler is told of, where the target stands for several.
    pub target_cpu: Option<String>,
    /// Working memory of the network, in bytes.
    pub arena_bytes: u64,
    /// Stack, in bytes.
    pub stack_bytes: u64,
    /// Number formats that the firmware is built for; without the key all of them.
    #[serde(default = "every_precision")]
    pub precisions: Vec<Precision>,
    /// Name of the chip as `probe-rs` has it, for a board with a debug probe.
    pub probe_chip: Option<String>,
    /// Flash of the chip.
    pub flash: Flash,
    /// RAM of the chip.
    pub ram: Memory,
    /// Part of the flash that holds the model file.
    pub model: ModelRegion,
    /// Addresses, interrupts and rates of the peripherals that the firmware uses.
    #[serde(default)]
    pub peripherals: BTreeMap<String, u32>,
    /// How QEMU plays this board, for a virtual one.
    #[serde(rename = "virtual")]
    pub virtual_board: Option<Virtual>,
}

/// A number format of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// IEEE single precision.
    F32,
    /// 8-bit weights, 16-bit activations.
    W8a16,
    /// 8-bit weights, 8-bit inputs of matrices.
    W8a8,
}

/// A contiguous memory.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Memory {
    /// First address.
    pub origin: u64,
    /// Bytes.
    pub length: u64,
}

/// The flash of a chip.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flash {
    /// First address.
    pub origin: u64,
    /// Bytes.
    pub length: u64,
    /// First address for a debug probe, where that is another than the core's.
    pub probe_origin: Option<u64>,
}

/// Part of the flash that holds the model file.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelRegion {
    /// First address, a multiple of 16.
    pub address: u64,
    /// Bytes.
    pub capacity_bytes: u64,
}

/// How QEMU plays a virtual board.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Virtual {
    /// QEMU's machine (`-M`).
    pub machine: String,
    /// The core QEMU emulates.
    pub cpu: String,
    /// Time that QEMU lets pass for each instruction, nanoseconds, a power of two.
    pub instruction_ns: Option<u32>,
    /// Index of the `-serial` option that carries the wire protocol.
    pub wire_uart: u32,
    /// Index of the `-serial` option that carries the log.
    pub log_uart: u32,
    /// Device that carries the log, where the machine has no second UART.
    pub log_device: Option<String>,
    /// Register whose bit 0 is the gate pin.
    pub gate: Option<u32>,
}

/// A `board.toml` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The text is not TOML of the schema.
    #[error("parse board.toml: {source}")]
    Syntax {
        /// What the parser says.
        #[from]
        source: toml::de::Error,
    },
    /// The firmware would run nothing.
    #[error("build for no precision: name one or more of f32, w8a16 and w8a8 in `precisions`")]
    NoPrecision,
    /// The file is of another version.
    #[error("read schema {found}, this build knows schema {SCHEMA}")]
    Schema {
        /// Version in the file.
        found: u32,
    },
    /// A region does not lie inside the memory that holds it.
    #[error(
        "place {what}: [{first:#x}, {end:#x}) is not inside [{memory_first:#x}, {memory_end:#x})"
    )]
    Outside {
        /// The region.
        what: &'static str,
        /// First address of the region.
        first: u64,
        /// Address after the region.
        end: u64,
        /// First address of the memory.
        memory_first: u64,
        /// Address after the memory.
        memory_end: u64,
    },
    /// A size or an address is not a multiple of what it must be.
    #[error("place {what}: {value:#x} is not a multiple of {multiple}, or it is zero")]
    Unaligned {
        /// The size or address.
        what: &'static str,
        /// Its value.
        value: u64,
        /// The multiple wanted, in bytes.
        multiple: u64,
    },
}

impl Facts {
    /// Reads the facts of a board and checks them.
    ///
    /// # Errors
    /// If the text is not TOML of this schema, or the regions do not fit their memories.
    pub fn parse(text: &str) -> Result<Self, FactsError> {
        let facts: Self = toml::from_str(text)?;
        if facts.schema != SCHEMA {
            return Err(FactsError::Schema {
                found: facts.schema,
            });
        }
        if facts.precisions.is_empty() {
            return Err(FactsError::NoPrecision);
        }
        let model = Memory {
            origin: facts.model.address,
            length: facts.model.capacity_bytes,
        };
        let flash = Memory {
            origin: facts.flash.origin,
            length: facts.flash.length,
        };
        inside("the model", model, flash)?;
        let used = facts.stack_bytes.saturating_add(facts.arena_bytes);
        inside(
            "stack and arena",
            Memory {
                origin: facts.ram.origin,
                length: used,
            },
            facts.ram,
        )?;
        // The vector table stands first, so the program starts at the origin of the flash.
        multiple("the model", facts.model.address, MODEL_ALIGNMENT_BYTES)?;
        multiple(
            "flash before the model",
            facts.model.address - facts.flash.origin,
            4,
        )?;
        multiple("the arena", facts.arena_bytes, 8)?;
        multiple("the stack", facts.stack_bytes, 8)?;
        Ok(facts)
    }
}

/// Returns all number formats.
fn every_precision() -> Vec<Precision> {
    vec![Precision::F32, Precision::W8a16, Precision::W8a8]
}

/// Checks that a region lies inside a memory.
fn inside(what: &'static str, region: Memory, memory: Memory) -> Result<(), FactsError> {
    let end = region.origin.saturating_add(region.length);
    let memory_end = memory.origin.saturating_add(memory.length);
    if region.origin >= memory.origin && end <= memory_end {
        return Ok(());
    }
    let (first, memory_first) = (region.origin, memory.origin);
    Err(FactsError::Outside {
        what,
        first,
        end,
        memory_first,
        memory_end,
    })
}

/// Checks that a value is a multiple of some bytes, and not zero.
fn multiple(what: &'static str, value: u64, multiple: u64) -> Result<(), FactsError> {
    if value != 0 && value.is_multiple_of(multiple) {
        return Ok(());
    }
    Err(FactsError::Unaligned {
        what,
        value,
        multiple,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;
    use std::path::Path;

    const BOARD: &str = include_str!("../../boards/qemu-mps2-an386/board.toml");

    #[test]
    fn the_boards_of_this_repository_are_valid() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards");
        let mut count = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path().join("board.toml");
            let text = fs::read_to_string(&path).unwrap_or_default();
            // A computer has a file without memory.
            if !text.contains("[flash]") {
                continue;
            }
            let facts = Facts::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let is_virtual = facts.virtual_board.is_some();
            assert_eq!(
                is_virtual,
                facts.name.starts_with("qemu-"),
                "{}",
                facts.name
            );
            assert_ne!(is_virtual, facts.probe_chip.is_some(), "{}", facts.name);
            count += 1;
        }
        assert!(count >= 6, "{count}");
    }

    #[test]
    fn precisions_are_all_or_those_that_are_named() {
        let named = |key: &str| {
            let text = BOARD.replace("stack-bytes", &format!("{key}\nstack-bytes"));
            Facts::parse(&text).map(|it| it.precisions)
        };
        assert_eq!(named("").unwrap(), every_precision());
        let one = named("precisions = [\"w8a8\"]").unwrap();
        assert_eq!(one, [Precision::W8a8]);
        assert!(matches!(
            named("precisions = []"),
            Err(FactsError::NoPrecision)
        ));
        named("precisions = [\"w4\"]").unwrap_err();
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let text = BOARD.replace("stack-bytes", "stack-byte");
        assert!(matches!(
            Facts::parse(&text),
            Err(FactsError::Syntax { .. })
        ));
    }

    #[test]
    fn flash_may_be_elsewhere_for_a_probe_and_ram_may_not() {
        let with = |table: &str| {
            let text = BOARD.replace(table, &format!("{table}\nprobe-origin = 0x10"));
            assert_ne!(text, BOARD);
            Facts::parse(&text).map(|it| it.flash.probe_origin)
        };
        assert_eq!(with("[flash]").unwrap(), Some(0x10));
        assert_eq!(Facts::parse(BOARD).unwrap().flash.probe_origin, None);
        assert!(matches!(with("[ram]"), Err(FactsError::Syntax { .. })));
    }

    #[test]
    fn another_schema_is_an_error() {
        let text = BOARD.replace("schema = 1", "schema = 2");
        assert!(matches!(
            Facts::parse(&text),
            Err(FactsError::Schema { found: 2 })
        ));
    }

    #[test]
    fn a_model_beyond_the_flash_is_an_error() {
        let text = BOARD.replace(
            "capacity-bytes = 0x0020_0000",
            "capacity-bytes = 0x0020_0001",
        );
        assert!(matches!(
            Facts::parse(&text),
            Err(FactsError::Outside {
                what: "the model",
                ..
            })
        ));
    }

    #[test]
    fn an_arena_beyond_the_ram_is_an_error() {
        let text = BOARD.replace("arena-bytes = 0x10_0000", "arena-bytes = 0x40_0000");
        let outcome = Facts::parse(&text);
        assert!(matches!(
            outcome,
            Err(FactsError::Outside {
                what: "stack and arena",
                ..
            })
        ));
    }

    #[test]
    fn an_unaligned_stack_is_an_error() {
        let text = BOARD.replace("stack-bytes = 0x8000", "stack-bytes = 0x8004");
        let outcome = Facts::parse(&text);
        assert!(matches!(
            outcome,
            Err(FactsError::Unaligned {
                what: "the stack",
                ..
            })
        ));
    }
}
