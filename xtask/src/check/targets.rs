//! The targets that the conformance cases run on.

use std::borrow::Cow;

use anyhow::Result;

use crate::board::Facts;

/// A target.
#[derive(Debug)]
pub(crate) struct Target {
    /// Short name, as `--target` takes it.
    pub(crate) name: &'static str,
    /// The compiler's name of it; "" is the host's own.
    pub(crate) triple: &'static str,
    /// What runs it.
    pub(crate) machine: Machine,
}

/// What runs a program.
#[derive(Debug)]
pub(crate) enum Machine {
    /// This computer.
    Host,
    /// QEMU's emulation of Linux on another processor.
    User {
        /// The program.
        emulator: &'static str,
        /// QEMU's name of the processor.
        cpu: &'static str,
    },
    /// A virtual board; its facts are in firmware/boards.
    Board(&'static str),
    /// A machine of QEMU that is no board of ours.
    Bare(Bare),
}

/// Machine and memory map.
#[derive(Debug, Clone)]
pub(crate) struct Bare {
    /// QEMU's name of the machine, which implies the core.
    pub(crate) machine: Cow<'static, str>,
    /// First address and length.
    pub(crate) flash: (u64, u64),
    /// First address and length.
    pub(crate) ram: (u64, u64),
    /// Bytes at the bottom of the RAM.
    pub(crate) stack_bytes: u64,
}

const V7EM: &str = "thumbv7em-none-eabihf";
const V8M: &str = "thumbv8m.main-none-eabihf";

/// All targets. The host comes first: the others must have its digests.
///
/// Memory map of the microbit: QEMU 7.2, `hw/arm/nrf51_soc.c`.
pub(crate) const ALL: &[Target] = &[
    Target {
        name: "host",
        triple: "",
        machine: Machine::Host,
    },
    Target {
        name: "aarch64",
        triple: "aarch64-unknown-linux-gnu",
        machine: Machine::User {
            emulator: "qemu-aarch64-static",
            cpu: "max",
        },
    },
    // The first cores, which have no dot product.
    Target {
        name: "aarch64-a57",
        triple: "aarch64-unknown-linux-gnu",
        machine: Machine::User {
            emulator: "qemu-aarch64-static",
            cpu: "cortex-a57",
        },
    },
    Target {
        name: "m0",
        triple: "thumbv6m-none-eabi",
        machine: Machine::Bare(Bare {
            machine: Cow::Borrowed("microbit"),
            flash: (0, 0x4_0000),
            // 16 KiB: 10 KiB are left for the memory of the cases.
            ram: (0x2000_0000, 0x4000),
            stack_bytes: 0x1800,
        }),
    },
    Target {
        name: "m3",
        triple: "thumbv7m-none-eabi",
        machine: Machine::Board("qemu-mps2-an385"),
    },
    Target {
        name: "m4f",
        triple: V7EM,
        machine: Machine::Board("qemu-mps2-an386"),
    },
    Target {
        name: "m7",
        triple: V7EM,
        machine: Machine::Board("qemu-mps2-an500"),
    },
    Target {
        name: "m33",
        triple: V8M,
        machine: Machine::Board("qemu-mps2-an505"),
    },
    Target {
        // Built for any Armv8-M core: without the DSP instructions, which are an option there, and
        // with Helium, which the program finds when it runs.
        name: "m55",
        triple: V8M,
        machine: Machine::Board("qemu-mps3-an547"),
    },
    Target {
        name: "rv32",
        triple: "riscv32imac-unknown-none-elf",
        machine: Machine::Board("qemu-riscv32-virt"),
    },
];

impl Target {
    /// Returns the core that the compiler is told of, where a board's facts name one.
    pub(crate) fn cpu(&self) -> Result<Option<String>> {
        let Machine::Board(board) = &self.machine else {
            return Ok(None);
        };
        let facts = Facts::read(board)?;
        Ok(facts.get("", "target-cpu").ok().map(str::to_owned))
    }

    /// Returns machine and memory map, `None` where there is an operating system.
    pub(crate) fn bare(&self) -> Result<Option<Bare>> {
        let board = match &self.machine {
            Machine::Host | Machine::User { .. } => return Ok(None),
            Machine::Bare(bare) => return Ok(Some(bare.clone())),
            Machine::Board(board) => Facts::read(board)?,
        };
        let region = |name| {
            Ok::<_, anyhow::Error>((board.number(name, "origin")?, board.number(name, "length")?))
        };
        Ok(Some(Bare {
            machine: board.get("virtual", "machine")?.to_owned().into(),
            flash: region("flash")?,
            ram: region("ram")?,
            stack_bytes: board.number("", "stack-bytes")?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_are_built_for_the_target_of_their_facts() {
        for target in ALL {
            if let Machine::Board(board) = &target.machine {
                let facts = Facts::read(board).unwrap();
                assert_eq!(facts.get("", "target").unwrap(), target.triple);
            }
        }
    }

    #[test]
    fn the_host_comes_first_and_names_differ() {
        let mut names: Vec<_> = ALL.iter().map(|target| target.name).collect();
        assert_eq!(names[0], "host");
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
