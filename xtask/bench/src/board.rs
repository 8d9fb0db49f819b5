//! The virtual boards that instructions are counted on.

use crate::ram;

/// One of QEMU's machines, and how to compile for its core.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Board {
    /// QEMU's name of the machine, and ours.
    pub(crate) name: &'static str,
    /// The core, as tables show it.
    pub(crate) core: &'static str,
    /// Target triple.
    pub(crate) target: &'static str,
    /// The compiler's name of the core.
    pub(crate) cpu: &'static str,
}

/// The name that asks for times on this machine.
pub(crate) const HOST: &str = "host";

/// All boards.
pub(crate) const BOARDS: [Board; 4] = [
    Board {
        name: "mps2-an386",
        core: "Cortex-M4F",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m4",
    },
    Board {
        name: "mps2-an500",
        core: "Cortex-M7",
        target: "thumbv7em-none-eabihf",
        cpu: "cortex-m7",
    },
    Board {
        name: "mps2-an505",
        core: "Cortex-M33",
        target: "thumbv8m.main-none-eabihf",
        cpu: "cortex-m33",
    },
    Board {
        name: "mps3-an547",
        core: "Cortex-M55",
        target: "thumbv8m.main-none-eabihf",
        cpu: "cortex-m55",
    },
];

/// Returns the names that `--target` takes.
pub(crate) fn target_names() -> Vec<&'static str> {
    let boards = BOARDS.iter().map(|board| board.name);
    boards.chain([ram::BOARD.name, HOST]).collect()
}
