//! What the board tells of itself.

use mambalite_firmware_app::Board;
use mambalite_firmware_cortex_m as core_facts;

use crate::map;

/// An MPS2 board.
#[derive(Debug)]
pub(crate) struct Mps2 {
    name: &'static str,
}

impl Mps2 {
    /// Makes the board of a name.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name }
    }
}

impl Board for Mps2 {
    fn name(&self) -> &str {
        self.name
    }

    fn build_id(&self) -> [u8; 20] {
        core_facts::build_id()
    }

    fn cpuid(&self) -> u32 {
        core_facts::cpuid()
    }

    /// The ids of the FPGA image: the board has no number of its own, so two boards of one image
    /// have the same.
    fn uid(&self) -> [u8; 16] {
        let mut uid = [0; 16];
        let ids = map::image_id().map(u32::to_le_bytes);
        for (place, byte) in uid.iter_mut().zip(ids.as_flattened()) {
            *place = *byte;
        }
        uid
    }

    fn float_flags(&self) -> u32 {
        core_facts::float_flags()
    }

    /// None: QEMU counts no cycles, and a number that means nothing would be read as one.
    fn cycles(&self) -> Option<u64> {
        None
    }

    fn stack_used_bytes(&self) -> u32 {
        core_facts::stack_used_bytes()
    }

    fn stack_bytes(&self) -> u32 {
        core_facts::stack_bytes()
    }
}
