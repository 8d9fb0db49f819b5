//! What the board tells of itself.

use mambalite_firmware_app::Board;
use mambalite_firmware_image as image;
use mambalite_firmware_riscv as core_facts;

/// The machine `virt`.
#[derive(Debug)]
pub(crate) struct Virt {
    name: &'static str,
}

impl Virt {
    /// Makes the board of a name.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name }
    }
}

impl Board for Virt {
    fn name(&self) -> &str {
        self.name
    }

    fn build_id(&self) -> [u8; 20] {
        image::build_id()
    }

    /// 0: RISC-V has no register of this kind.
    fn cpuid(&self) -> u32 {
        0
    }

    /// Zeros: the machine has no number.
    fn uid(&self) -> [u8; 16] {
        [0; 16]
    }

    /// 0: floating point is software, in the mode of the number contract.
    fn float_flags(&self) -> u32 {
        0
    }

    /// Instructions. QEMU counts no cycles.
    fn cycles(&self) -> Option<u64> {
        Some(core_facts::instructions())
    }

    /// Instructions a second of the emulator's time: each takes a nanosecond, as `board.toml` says.
    fn clock_hz(&self) -> Option<u32> {
        Some(1_000_000_000)
    }

    fn stack_used_bytes(&self) -> u32 {
        image::stack_used_bytes()
    }

    fn stack_bytes(&self) -> u32 {
        image::stack_bytes()
    }
}
